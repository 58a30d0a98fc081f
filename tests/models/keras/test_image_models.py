"""Models of CARE and n2v predict here as there; `data/keras_images/make_oracles.py` made what is expected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image.ops import normalize
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.keras import importer

ORACLES = Path(__file__).resolve().parent.parent.parent / "data" / "keras_images"
MODELS = sorted(path.parent.name for path in ORACLES.glob("*/config.json"))


def channels_first(image: np.ndarray, ndim: int) -> np.ndarray:
    return np.moveaxis(image, -1, 0) if image.ndim > ndim else image[None]


def network(name: str) -> tuple[importer.Imported, torch.nn.Module]:
    imported = importer.read(ORACLES / name, name)
    method = methods.get(imported.model.method)
    net = method.build(method.config(**imported.model.config))
    net.load_state_dict(imported.weights)
    return imported, net.eval()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "n2v_separate"])
def test_imported_models_restore_what_the_original_does(name: str) -> None:
    imported, net = network(name)
    method = methods.get(imported.model.method)
    oracle = np.load(ORACLES / name / "oracle.npz")
    image = channels_first(oracle["image"], method.ndim)
    levels = normalize.fit(image, imported.model.normalization)
    with torch.inference_mode():
        found = net(torch.from_numpy(levels.apply(image))[None])
    mean = found[0][0].numpy()
    if imported.model.config["n_channel_in"] == imported.model.config["n_channel_out"]:
        mean = levels.undo(mean)  # else the original leaves its answer as it is
    expected = channels_first(oracle["mean"], method.ndim)
    assert mean.shape == expected.shape
    axes = tuple(range(1, mean.ndim))
    assert (np.abs(mean - expected).max(axes) < 1e-4 * np.ptp(expected, axes)).all()
    assert ("scale" in oracle) == (len(found) == 2)
    if "scale" in oracle:
        width = levels.undo_spread(found[1][0].numpy())
        assert np.abs(width - oracle["scale"]).max() < 1e-4 * np.ptp(expected)


def test_networks_of_single_channels_are_those_of_the_original() -> None:
    """n2v 0.3.3 under TensorFlow 2 shows the last channel to all of them: its layers look up a loop's variable late."""
    imported, net = network("n2v_separate")
    oracle = np.load(ORACLES / "n2v_separate" / "oracle.npz")
    image, expected = (np.moveaxis(oracle[key], -1, 0) for key in ("image", "mean"))
    levels = normalize.fit(image, imported.model.normalization)
    with torch.inference_mode():
        own, last = (
            levels.undo(net(torch.from_numpy(levels.apply(image)[which])[None])[0][0].numpy())
            for which in ([0, 1], [1, 1])
        )
    spread = np.ptp(expected, axis=(1, 2))
    assert (np.abs(last - expected).max(axis=(1, 2)) < 1e-4 * spread).all()
    assert (own[1] == last[1]).all() and np.abs(own[0] - expected[0]).max() > 1e-2 * spread[0]
    assert any("sees its own channel" in note for note in imported.notes)


def test_each_kind_of_model_is_there() -> None:
    found = {name: importer.read(ORACLES / name, name).model for name in MODELS}
    assert {model.method for model in found.values()} == {"care", "care3d", "n2v", "n2v3d"}
    assert found["care"].normalization == {"kind": "percentile", "low": 2.0, "high": 99.8}
    assert found["n2v_separate"].normalization["kind"] == "zscore"
    assert found["n2v_separate"].normalization["std"] == pytest.approx([334.7961, 27.169481])
    assert found["care3d_probabilistic"].config["probabilistic"] and not found["care"].thresholds
    changed = {key: found["n2v2"].config[key] for key in ("blur_pool", "no_first_skip", "manipulator")}
    assert changed == {"blur_pool": True, "no_first_skip": True, "manipulator": "median"}
    assert found["n2v"].config["narrow_decoder"] and not found["n2v2"].config["narrow_decoder"]
    assert (found["n2v_struct"].config["struct_axis"], found["n2v_struct"].config["struct_radius"]) == ("horizontal", 2)
    assert found["n2v_separate"].config["separate_channels"] and not found["n2v_joint"].config["separate_channels"]
    assert found["care"].description.startswith("CARE model imported from care (weights_best.h5)")


def test_what_is_imported_is_saved_and_loaded(tmp_path: Path) -> None:
    imported = importer.read(ORACLES / "n2v_separate", "golgi")
    model_folder.save(tmp_path / "golgi", imported.model, imported.weights)
    model = model_folder.load(str(tmp_path / "golgi"))
    assert model.normalization == imported.model.normalization and model.config == imported.model.config
    image = torch.rand(1, 2, 8, 8)
    assert model.network()(image)[0].shape == image.shape


def test_the_configuration_decides_which_package_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALANOA_HOME", str(tmp_path))
    for name, kind, verb in (
        ("care", "image", "restore"),
        ("n2v3d", "image", "restore"),
        ("grid1", "objects", "segment"),
    ):
        source = (ORACLES if kind == "image" else ORACLES.parent / "keras") / name
        reply = tasks.run({"task": "models", "action": "import", "folder": str(source)}, QuietHost())
        assert f"{verb} with model={name}" in reply["message"]
    assert {one.name for one in model_folder.available()} >= {"care", "n2v3d", "grid1"}


def copy_of(name: str, folder: Path, drop: tuple[str, ...] = (), **changes: Any) -> Path:
    shutil.copytree(ORACLES / name, folder, ignore=shutil.ignore_patterns("oracle.npz"))
    known = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: value for key, value in known.items() if key not in drop}))
    return folder


@pytest.mark.parametrize(
    "name, changes, message",
    [
        ("care", {"unet_last_activation": "relu"}, "unet_last_activation='relu'; expected 'linear'"),
        ("care", {"proj_n_depth": 4}, "ProjectionCARE"),
        ("care", {"unet_n_first": 8}, "has a kernel of 5 x 5 x 1 x 4; expected 5 x 5 x 1 x 8"),
        ("care", {"n_dim": 3}, "for 3 spatial axes, the kernels of the weights have 2"),
        ("care", {"probabilistic": True}, "holds 1 convolutions of one pixel; expected 2"),
        ("n2v", {"stds": ["0"]}, "the stds above 0"),
        ("n2v", {"means": ["1", "2"]}, "expected a number for each of 1 channels"),
        ("n2v", {"means": None}, "expected a number for each of 1 channels"),
        ("n2v_separate", {"unet_residual": True}, "unet_residual with single_net_per_channel"),
        ("n2v", {"batch_norm": False}, "holds 10 batch normalisations; expected 0"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        importer.read(copy_of(name, tmp_path / "m", **changes), "m")


def test_what_an_old_configuration_lacks_is_filled_in(tmp_path: Path) -> None:
    whole = importer.read(ORACLES / "n2v", "m")
    gone = ("unet_residual", "n2v_neighborhood_radius", "n2v_manipulator", "blurpool", "skip_skipone", "means", "stds")
    statistics = {key: whole.model.normalization[key][0] for key in ("mean", "std")}
    folder = copy_of("n2v", tmp_path / "m", (*gone, "single_net_per_channel", "structN2Vmask"), **statistics)
    imported = importer.read(folder, "m")
    assert imported.model.config == whole.model.config and imported.model.normalization == whole.model.normalization
    assert "config.json lacks unet_residual=False" in imported.notes[0] and not whole.notes


def test_what_only_a_training_would_need_is_said(tmp_path: Path) -> None:
    folder = copy_of("n2v", tmp_path / "m", n2v_manipulator="normal_fitted", structN2Vmask=[[1, 0], [0, 1]])
    notes = " ".join(importer.read(folder, "m").notes)
    assert "normal_fitted is not known" in notes and "no line along x or y" in notes


def test_a_blur_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = copy_of("n2v2", tmp_path / "m")
    with h5py.File(folder / "weights_best.h5", "a") as file:
        found: list[str] = []
        file.visit(lambda name: found.append(name) if name.endswith("blur_kernel:0") else None)
        file[found[0]][...] = 1 / 9
    with pytest.raises(BadInput, match="expected convolutions and batch normalisations only"):
        importer.read(folder, "m")
