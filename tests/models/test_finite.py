"""Weights, thresholds, normalisation and answers of a model are finite numbers, or an error that names the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers import labellers, restorers
from talanoa import image as images
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.training import loop, settings


def stardist(folder: Path) -> Path:
    """Save an untrained StarDist model."""
    torch.manual_seed(0)
    method = methods.get("stardist")
    config = method.config(unet_n_filter_base=4, unet_n_depth=1, net_conv_after_unet=8, n_rays=8, grid=(2, 2))
    model = Model(folder.name, "stardist", config.model_dump(mode="json"), {"prob": 0.4, "nms": 0.3})
    model_folder.save(folder, model, method.build(config).state_dict())
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "segment": stardist,
    "restore": restorers.save,
    "predict": labellers.save,
}


def spoil(folder: Path, value: float) -> None:
    """Make one weight of a model NaN or infinite."""
    path = folder / "weights.safetensors"
    weights = load_file(path)
    name = sorted(name for name, each in weights.items() if each.is_floating_point() and each.numel())[-1]
    weights[name].view(-1)[0] = value
    save_file({name: each.clone() for name, each in weights.items()}, path)


def write_image(folder: Path) -> Path:
    """Write a small image of noise."""
    values = np.random.default_rng(1).integers(0, 4000, (48, 48)).astype(np.uint16)
    images.write(folder / "image.tif", images.from_array(values))
    return folder / "image.tif"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("verb", MAKERS)
def test_weights_that_are_not_finite_are_refused_at_every_door(verb: str, value: float, tmp_path: Path) -> None:
    folder = MAKERS[verb](tmp_path / "odd")
    spoil(folder, value)
    message = "the weights .* are not finite"
    with pytest.raises(BadInput, match=message):
        model_folder.load(folder)
    for request in (
        {"task": verb, "model": str(folder), "image": str(write_image(tmp_path)), "out": str(tmp_path / "out")},
        {"task": "models", "action": "import", "folder": str(folder), "name": "odd-import"},
        {"task": "models", "action": "show", "model": str(folder)},
    ):
        reply = tasks.run(request, QuietHost())
        assert reply["status"] == "error" and "are not finite" in reply["message"]
        assert "weights.safetensors" in reply["message"] and "lower threshold" not in reply["message"]
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    reply = tasks.run({"task": "models", "action": "import", "folder": archive, "name": "odd-import"}, QuietHost())
    assert reply["status"] == "error" and "are not finite" in reply["message"]
    assert not (model_folder.user_models() / "odd-import").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize(
    ("verb", "keys"),
    [
        ("segment", ("thresholds", "prob")),
        ("segment", ("config", "train_background_reg")),
        ("segment", ("normalization", "low")),
        ("segment", ("pixel_size",)),
        ("restore", ("normalization", "high")),
        ("predict", ("labelling", "stains", 0, "high")),
        ("predict", ("labelling", "stains", 0, "gain")),
    ],
)
def test_numbers_of_a_record_that_are_not_finite_are_refused(
    verb: str, keys: tuple[Any, ...], text: str, tmp_path: Path
) -> None:
    folder = MAKERS[verb](tmp_path / "odd")
    record = json.loads((folder / "model.json").read_text())
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = "HERE"
    (folder / "model.json").write_text(json.dumps(record).replace('"HERE"', text))
    named = ".".join(key for key in keys if isinstance(key, str))
    with pytest.raises(BadInput, match=rf"model.json: {named} is not finite"):
        model_folder.load(folder)


@pytest.mark.parametrize(
    ("verb", "normalization"),
    [
        ("segment", {"low": 99.8, "high": 1.0}),
        ("segment", {"low": "a", "high": 1.0}),
        ("restore", {"kind": "zscore", "mean": [1.0], "std": [0.0]}),
        ("restore", {"kind": "zscore", "mean": [1.0]}),
        ("restore", {"kind": "unknown"}),
    ],
)
def test_a_normalisation_that_cannot_be_computed_is_refused(
    verb: str, normalization: dict[str, Any], tmp_path: Path
) -> None:
    folder = MAKERS[verb](tmp_path / "odd")
    record = json.loads((folder / "model.json").read_text()) | {"normalization": normalization}
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(BadInput, match=r"model.json: normalization"):
        model_folder.load(folder)


def test_a_model_whose_weights_are_not_finite_is_not_written(tmp_path: Path) -> None:
    model = model_folder.load(stardist(tmp_path / "good"))
    weights = model.network().state_dict()
    weights[next(iter(weights))].view(-1)[0] = float("nan")
    with pytest.raises(BadInput, match="are not finite"):
        model_folder.save(tmp_path / "bad", model, weights)
    odd = Model(model.name, model.method, model.config, {"prob": float("nan"), "nms": 0.3})
    with pytest.raises(BadInput, match="thresholds.prob is not finite"):
        model_folder.save(tmp_path / "bad", odd, model.network().state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


def test_a_validation_loss_that_is_not_finite_ends_the_training() -> None:
    with pytest.raises(BadInput, match="diverged at epoch 3 .validation loss is nan.. Lower lr="):
        loop.check_finite(float("nan"), "epoch 3", "validation loss", settings.Settings())


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_an_answer_that_is_not_finite_is_an_error(backend: str, tmp_path: Path) -> None:
    folder = restorers.save(tmp_path / "huge", normalization={"kind": "zscore", "mean": [0.0], "std": [1e-38]})
    keys = {"model": str(folder), "image": str(write_image(tmp_path)), "out": str(tmp_path / "out")}
    reply = tasks.run({"task": "restore", "backend": backend, **keys}, QuietHost())
    assert reply["status"] == "error"
    assert "model huge answered with values that are not finite" in reply["message"]
    assert not (tmp_path / "out").exists()
