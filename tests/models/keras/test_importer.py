"""Models of the original StarDist predict here as they do there; `data/keras/make_oracles.py` made what is expected."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models import methods
from talanoa.models.keras import importer
from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference, tiles
from talanoa.models.runtime.types import Maps, Runner

ORACLES = Path(__file__).resolve().parent.parent.parent / "data" / "keras"
MODELS = sorted(path.parent.name for path in ORACLES.glob("*/config.json"))


@pytest.mark.parametrize("name", MODELS)
def test_imported_models_predict_what_the_original_does(name: str) -> None:
    runner, config = network(name)
    expected = np.load(ORACLES / name / "oracle.npz")
    image = channels_first(expected["image"], len(config.grid))
    plan = tiles.plan(image.shape[1:], (1,) * len(config.grid), config.halo, config.multiple)
    ((_, maps),) = inference.outputs(runner, image, plan, config)
    assert np.abs(maps.prob - expected["prob"]).max() < 1e-4
    dist = np.maximum(np.moveaxis(maps.dist, 0, -1), 1e-3)
    assert np.abs(dist - expected["dist"]).max() < 1e-4
    if "prob_class" in expected:
        assert maps.classes is not None
        assert np.abs(np.moveaxis(maps.classes, 0, -1) - expected["prob_class"]).max() < 1e-4


def network(name: str) -> tuple[Runner[Maps], Any]:
    """Return an imported network, ready to run, and its configuration."""
    imported = importer.read(ORACLES / name, name)
    method = methods.get(imported.model.method)
    config = method.config(**imported.model.config)
    net = method.build(config)
    net.load_state_dict(imported.weights)
    return inference.prepared(net, torch.device("cpu")), config


def channels_first(image: np.ndarray, ndim: int) -> np.ndarray:
    return np.moveaxis(image, -1, 0) if image.ndim > ndim else image[None]


def places(points: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(point) for point in points.astype(int).tolist()]


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_imported_models_find_the_objects_that_the_original_finds(name: str, parts: int) -> None:
    expected = np.load(ORACLES / name / "oracle.npz")
    runner, config = network(name)
    ndim = len(config.grid)
    image = channels_first(expected["image"], ndim)
    found = inference.find_candidates(runner, image, config, float(expected["prob_thresh"]), (parts,) * ndim)
    candidates = dict(zip(places(found.points), found.probabilities, strict=True))
    there = places(expected["points"])
    assert np.allclose([candidates[place] for place in there], expected["object_prob"], atol=1e-4)
    objects = star_convex.decode(found, float(expected["nms_thresh"]))
    # The original rounds the corners of the shared area, so pairs at the threshold can be judged otherwise.
    both = set(there) & set(places(objects.points))
    assert len(both) >= 0.85 * max(len(there), len(objects))
    labels = star_convex.render(objects, expected["labels"].shape)[0]
    covered = np.stack([labels > 0, expected["labels"] > 0])
    assert covered.all(0).sum() > 0.95 * covered.any(0).sum()


def test_the_border_is_left_out_as_by_the_original_and_only_there() -> None:
    runner, config = network("grid2")
    expected = np.load(ORACLES / "grid2" / "oracle.npz")
    image, prob = expected["image"][None], expected["prob"]
    (found, everywhere) = (
        inference.find_candidates(runner, image, config.model_copy(update={"nms_border": border}), 0.0, (2, 3))
        for border in (2, 0)
    )
    assert len(everywhere) == prob.size
    rows, columns = (np.unique(axis) for axis in found.points.T)
    # 90 x 101 pixels are padded to 96 x 104, so the far border lies within two places of 48 x 52
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 88, 4, 98)
    assert len(found) == len(rows) * len(columns)


def copy_of(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(ORACLES / name, folder, ignore=shutil.ignore_patterns("oracle.npz")))


def edit(folder: Path, file: str = "config.json", drop: Sequence[str] = (), **changes: Any) -> Path:
    known = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({k: v for k, v in (known | changes).items() if k not in drop}))
    return folder


def test_what_an_old_configuration_lacks_is_filled_in_and_listed(tmp_path: Path) -> None:
    folder = copy_of("grid1", tmp_path / "old")
    whole = importer.read(folder, "old")
    gone = ("n_dim", "axes", "backbone", "unet_kernel_size", "unet_pool", "unet_n_conv_per_depth", "unet_batch_norm")
    edit(folder, drop=(*gone, "unet_expansion", "unet_last_activation", "n_classes", "grid"))
    imported = importer.read(folder, "old")
    assert imported.model.config == whole.model.config and not whole.notes
    assert "config.json lacks backbone=unet" in imported.notes[0] and "grid=1" in imported.model.description
    assert "unet_pool=(2, 2)" in imported.model.training["imported"]["filled"]


def test_thresholds_that_are_missing_or_impossible_are_the_originals_defaults(tmp_path: Path) -> None:
    folder = copy_of("grid1", tmp_path / "m")
    assert importer.read(folder, "m").model.thresholds == {"prob": 0.55, "nms": 0.3}
    edit(folder, "thresholds.json", prob=1.5)
    changed = importer.read(folder, "m")
    assert changed.model.thresholds == {"prob": 0.5, "nms": 0.3} and "has 1.5 as prob" in changed.notes[0]
    (folder / "thresholds.json").unlink()
    assert importer.read(folder, "m").model.thresholds == {"prob": 0.5, "nms": 0.4}


def test_the_best_weights_are_taken_of_several(tmp_path: Path) -> None:
    folder = copy_of("grid2", tmp_path / "m")
    for other in ("weights_now.h5", "a_first.h5", "weights_last.h5"):
        shutil.copy(folder / "weights_best.h5", folder / other)
    names = [path.name for path in importer.weight_files(folder)]
    assert names == ["weights_best.h5", "weights_last.h5", "weights_now.h5", "a_first.h5"]


@pytest.mark.parametrize(
    "name, changes, message",
    [
        ("grid2", {"backbone": "resnet"}, "backbone='resnet' for 2D; expected 'unet'"),
        ("grid2", {"unet_activation": "elu"}, "unet_activation='elu'; expected 'relu'"),
        ("grid2", {"unet_n_filter_base": 8}, "layer conv2d has a kernel of 3 x 3 x 1 x 4; expected 3 x 3 x 1 x 8"),
        ("grid2", {"unet_n_depth": 3}, "holds 13 convolutions of more than one pixel; expected 17"),
        ("grid2", {"n_rays": 32}, "layer dist has a kernel of 1 x 1 x 8 x 16; expected 1 x 1 x 8 x 32"),
        ("grid2", {"unet_kernel_size": [2, 2]}, "expected odd sizes"),
        ("grid2", {"unet_pool": [4, 4]}, r"unet_pool=\(4, 4\); expected \(2, 2\)"),
        ("grid2", {"grid": [2]}, "expected 2 whole numbers"),
        ("grid2", {"grid": [8, 8]}, "grid must be 1, 2 or 4"),
        ("grid2", {"n_dim": 3}, "for 3 spatial axes, the kernels of the weights have 2"),
        ("grid2", {"unet_batch_norm": True}, "holds 0 batch normalisations; expected 10"),
        ("resnet3d", {"backbone": "transformer"}, "'transformer' for 3D; expected 'unet' or resnet"),
        ("resnet3d", {"rays_json": {"name": "Rays_Octo", "kwargs": {}}}, "rays are Rays_Octo; expected Rays_Golden"),
        ("resnet3d", {"rays_json": {"name": "Rays_GoldenSpiral", "kwargs": {"anisotropy": [1]}}}, "three numbers"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, name: str, changes: dict[str, Any], message: str) -> None:
    folder = edit(copy_of(name, tmp_path / "m"), **changes)
    with pytest.raises(BadInput, match=message):
        importer.read(folder, "m")


def test_the_anisotropy_of_the_rays_is_the_models() -> None:
    assert importer.read(ORACLES / "unet3d", "m").model.config["anisotropy"] == [2.0, 1.0, 1.0]


def test_files_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    folder = copy_of("grid2", tmp_path / "m")
    weights = folder / "weights_best.h5"
    whole = weights.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2]):
        weights.write_bytes(content)
        with pytest.raises(BadInput, match=r"weights_best.h5"):
            importer.read(folder, "m")
    weights.unlink()
    with pytest.raises(BadInput, match="config.json but no weights"):
        importer.read(folder, "m")
    weights.write_bytes(whole)
    (folder / "config.json").write_text("{")
    with pytest.raises(BadInput, match="config.json cannot be read"):
        importer.read(folder, "m")
    (folder / "config.json").write_text("[1]")
    with pytest.raises(BadInput, match="holds list; expected a JSON object"):
        importer.read(folder, "m")


def test_links_out_of_the_file_and_other_layers_are_refused(tmp_path: Path) -> None:
    folder = copy_of("grid2", tmp_path / "m")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["bias"] = np.zeros(8, np.float32)
    weights = folder / "weights_best.h5"
    with h5py.File(weights, "a") as file:
        name = next(iter(file["prob/prob"]))
        del file["prob"]["prob"][name]
        file["prob"]["prob"][name] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/bias")
    with pytest.raises(BadInput, match="outside of the file"):
        importer.read(folder, "m")
    for shape, message in (((3, 3), "expected convolutions and batch"), ((1, 1, 8, 2**40), "expected floating")):
        with h5py.File(weights, "w") as file:
            file.attrs["layer_names"] = ["dense"]
            group = file.create_group("dense")
            group.attrs["weight_names"] = ["kernel"]
            group.create_dataset("kernel", shape, np.float32, chunks=True)
        with pytest.raises(BadInput, match=message):
            importer.read(folder, "m")
    with h5py.File(weights, "w") as file:
        file.create_group("something else")
    with pytest.raises(BadInput, match="none of the two layouts"):
        importer.read(folder, "m")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    folder = copy_of("grid2", tmp_path / "m")
    with h5py.File(folder / "weights_best.h5", "a") as file:
        file["prob/prob/bias"][...] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        importer.read(folder, "m")


def test_a_whole_keras_model_is_read_by_its_weights_only(tmp_path: Path) -> None:
    folder = copy_of("grid2", tmp_path / "m")
    expected = importer.read(folder, "m").weights
    with h5py.File(folder / "weights_best.h5") as source, h5py.File(tmp_path / "whole.h5", "w") as file:
        file.attrs["model_config"] = '{"class_name": "Lambda", "config": {"function": "never run"}}'
        source.copy(source["/"], file, "model_weights")
    shutil.move(tmp_path / "whole.h5", folder / "weights_best.h5")
    found = importer.read(folder, "m").weights
    assert all((found[key] == expected[key]).all() for key in expected)
