"""CARE learned from drawn stacks: a plane from a stack, an isotropic stack; what such data must be like."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, zoom

import talanoa
from helpers import tiny
from talanoa import image as images
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.measure.metrics.psnr import scale_invariant_psnr
from talanoa.models import folder as model_folder
from talanoa.restoration.predict import restore
from talanoa.restoration.request import RestoreRequest
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

SMALL: dict[str, Any] = {
    "device": "cpu", "filters": 8, "depth": 1, "kernel": 3, "patch": 32, "batch": 4, "schedule": "cosine", "lr": 3e-3,
    "epochs": 4, "steps": 30, "validation": 0.25, "method": "care",
}  # fmt: skip
FACTOR, SIGMA = 4, 2.0


def surface(seed: int, shape: tuple[int, int, int] = (8, 64, 64)) -> tuple[NDArray, NDArray]:
    """Return a noisy stack with a textured surface at a height that changes, between bright specks, and the surface."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(0, 1, shape[1:]), 1.5)
    plane = 100 + 400 * np.clip(1 + texture / texture.std(), 0, None)
    height = gaussian_filter(rng.normal(0, 1, shape[1:]), 16)
    height = shape[0] / 2 + 1.5 * height / height.std()
    near = np.exp(-0.5 * ((np.arange(shape[0])[:, None, None] - height) / 0.7) ** 2)
    specks = 3000 * (rng.random(shape) > 0.98)
    stack = rng.poisson(20 + near * plane + gaussian_filter(specks.astype(float), (0, 1, 1))) + rng.normal(0, 60, shape)
    return stack.astype(np.float32), plane.astype(np.float32)


@cache
def surfaces(count: int = 4) -> Path:
    """Write stacks/ (of different numbers of slices) and planes/."""
    folder = Path(mkdtemp(prefix="talanoa-surfaces-"))
    (folder / "stacks").mkdir(), (folder / "planes").mkdir()
    for number in range(count):
        stack, plane = surface(number, (8 if number else 7, 64, 64))
        images.write(folder / "stacks" / f"s{number}.tif", images.from_array(stack, "zyx"))
        images.write(folder / "planes" / f"s{number}.tif", images.from_array(plane, "yx"))
    return folder


def request(name: str, **keys: Any) -> TrainRequest:
    return parse(TrainRequest, {**SMALL, "name": name, **keys}).request


def projection(name: str, **keys: Any) -> TrainRequest:
    folder = surfaces()
    return request(
        name, **{"projection": True, "images": folder / "stacks", "targets": folder / "planes", "batch": 2, **keys}
    )


@cache
def small_projection() -> TrainReply:
    return train(projection("small projection", epochs=6), QuietHost())


def restored(name: str, image: Any, **keys: Any) -> Any:
    asked = parse(RestoreRequest, {"model": name, "device": "cpu", **keys}).request
    return restore(image, model_folder.load(name), asked, QuietHost())


def test_a_projection_is_1_5_db_better_than_the_maximum_and_the_mean_projection() -> None:
    stack, plane = surface(99)
    made = restored(small_projection().name, images.from_array(stack, "zyx"))
    found = scale_invariant_psnr(plane, made.image.values[0, 0, 0])
    best = max(scale_invariant_psnr(plane, each) for each in (stack.max(axis=0), stack.mean(axis=0)))
    assert found > best + 1.5


def test_the_model_of_a_projection_says_how_it_was_made() -> None:
    reply = small_projection()
    model = model_folder.load(reply.name)
    assert model.method == "care_projection" and model.ndim == 3 and model.channels == 1
    assert model.config["proj_n_depth"] == 4 and "gain" in model.normalization
    scores = model.training["validation_scores"]
    assert scores["psnr_fit"] > scores["psnr_fit_input"] + 1.5
    report = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    assert "--projection true" in report and "| input, maximum projection |" in report


def test_a_dry_run_and_previews_of_a_projection_show_the_maximum_projection() -> None:
    host = tiny.RecordingHost(wanted=("preview",))
    train(projection("watched projection", epochs=1, steps=1), host)
    shown = [payload for kind, payload in host.events if kind == "preview"]
    assert {"before", "after", "target"} <= shown[0].keys()
    reply = tasks.perform({"task": "train", **projection("dry", dry_run=True).model_dump(exclude_none=True)}, host)
    assert set(reply["estimate"]["pictures"]) == {"pairs", "patches"} and reply["estimate"]["facts"]["images"] == 4


def test_fine_tuning_a_projection_needs_a_model_of_one() -> None:
    keys = {"init": small_projection().name, "kernel": None, "filters": None, "depth": None, "epochs": 1, "steps": 1}
    assert train(projection("tuned projection", **keys), QuietHost()).best_epoch == 1
    with pytest.raises(BadInput, match="is a model of care_projection, these images need one of care_isotropic"):
        train(isotropic("other", init=small_projection().name, epochs=1, steps=1), QuietHost())


def test_pairs_of_stacks_and_planes_are_checked(tmp_path: Path) -> None:
    stack, plane = surface(5)
    for kind in ("stacks", "planes", "deep", "shifted"):
        (tmp_path / kind).mkdir()
    tifffile.imwrite(tmp_path / "stacks" / "a.tif", stack)
    tifffile.imwrite(tmp_path / "planes" / "a.tif", plane[:, :-4])
    tifffile.imwrite(tmp_path / "deep" / "a.tif", stack)
    low = {"images": tmp_path / "stacks"}
    with pytest.raises(BadInput, match=r"planes/a.tif is 60 x 64 pixels x 1 slices, stacks/a.tif 64 x 64 pixels x 8"):
        train(projection("x", **low, targets=tmp_path / "planes"), QuietHost())
    with pytest.raises(BadInput, match="target a.tif has 8 slices; expected a plane for projection"):
        train(projection("x", **low, targets=tmp_path / "deep"), QuietHost())
    with pytest.raises(BadInput, match="a.tif is a single plane; expected a stack for projection"):
        train(projection("x", images=tmp_path / "planes", targets=tmp_path / "planes"), QuietHost())
    with pytest.raises(BadInput, match="a projection learns from stacks and planes"):
        train(projection("x", **low, targets=None), QuietHost())


@pytest.mark.parametrize("registration", ["report", "correct"])
def test_a_plane_that_is_shifted_against_its_stack_is_found(registration: str, tmp_path: Path) -> None:
    stack, plane = surface(6)
    (tmp_path / "stacks").mkdir(), (tmp_path / "planes").mkdir()
    for number in range(2):
        tifffile.imwrite(tmp_path / "stacks" / f"{number}.tif", stack[:, :, number:])
        tifffile.imwrite(tmp_path / "planes" / f"{number}.tif", np.roll(plane, (0, 3), axis=(0, 1))[:, number:])
    keys = {"images": tmp_path / "stacks", "targets": tmp_path / "planes", "registration": registration}
    host = tiny.RecordingHost()
    made = train(projection(f"shifted {registration}", **keys, epochs=1, steps=1, patch=16), host)
    words = "is shifted against the image by about y" if registration == "report" else "was moved by y"
    found = [re.search(rf"{words} ([-+0-9.]+), x ([-+0-9.]+)", text) for text in made.warnings]
    shifts = [tuple(map(float, each.groups())) for each in found if each]
    assert len(shifts) == 2 and all(abs(y) <= 0.3 and abs(x + 3) <= 0.3 for y, x in shifts)


def test_channels_are_learned_apart_where_that_is_asked_for(tmp_path: Path) -> None:
    for number in range(2):
        noise = np.random.default_rng(number).poisson(50, (2, 64, 64)).astype(np.uint16)
        images.write(tmp_path / f"{number}.tif", images.from_array(noise, "cyx"))
    keys = {"method": "n2v", "images": tmp_path, "epochs": 1, "steps": 1, "filters": 4}
    train(request("apart", separate_channels=True, **keys), QuietHost())
    train(request("together", **keys), QuietHost())
    apart, together = (model_folder.load(name) for name in ("apart", "together"))
    assert apart.config["separate_channels"] and not together.config["separate_channels"]
    changed = np.zeros((1, 2, 32, 32), np.float32)
    changed[0, 1] = 1
    for model, same in ((apart, True), (together, False)):
        net = model.network()
        found = [net(torch.from_numpy(each))[0][0, 0].detach().numpy() for each in (changed, 0 * changed)]
        assert np.array_equal(*found) == same  # what the second channel shows changes nothing in the first


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"projection": True, "isotropic": True}, "found both; expected one"),
        ({"projection": True, "ndim": 2}, "learn from stacks. Leave ndim out"),
        ({"isotropic": True, "targets": "x"}, "isotropic learns from the stacks alone"),
        ({"axial_sigma": 2}, "need isotropic=true"),
        ({"anisotropy": 2, "targets": "x"}, "need isotropic=true"),
        ({"method": "n2v", "projection": True}, "expected it only with care"),
        ({"separate_channels": True}, "expected it only with n2v"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse(TrainRequest, {"method": "care", "name": "x", "images": "x", **keys})


def filaments(seed: int, shape: tuple[int, int, int] = (65, 64, 64)) -> NDArray[np.float32]:
    """Return the light of thin things that run in all directions, and of specks, on cubic voxels."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(0, 1, shape), 3)
    thin = np.exp(-0.5 * (field / field.std() / 0.12) ** 2)
    return (gaussian_filter(thin, 0.7) * gaussian_filter(rng.random(shape), 6) * 2000).astype(np.float32)


def blurred_stack(light: NDArray, seed: int) -> NDArray[np.float32]:
    """Return what a microscope sees: blurred along z, every fourth slice, with noise."""
    seen = gaussian_filter1d(light, SIGMA, axis=0)[::FACTOR]
    return np.random.default_rng(seed).normal(100 + seen, 10).astype(np.float32)


def cells(seed: int, **attrs: Any) -> tuple[Any, NDArray[np.float32]]:
    """Return an anisotropic stack with its calibration, and the light."""
    light = filaments(seed)
    form = {"pixel_size": (2.0, 0.5, 0.5), "unit": "µm", "name": "cells.tif", **attrs}
    return images.from_array(blurred_stack(light, seed), "zyx", **form), light


@cache
def stacks() -> Path:
    folder = Path(mkdtemp(prefix="talanoa-stacks-"))
    for number in range(3):
        images.write(folder / f"s{number}.tif", cells(number)[0])
    return folder


def isotropic(name: str, **keys: Any) -> TrainRequest:
    return request(name, **{"isotropic": True, "images": stacks(), "filters": 16, "depth": 2, "batch": 8, **keys})


@cache
def small_isotropic() -> TrainReply:
    return train(isotropic("small isotropic", epochs=6, steps=40), QuietHost())


def test_an_isotropic_stack_is_2_db_better_than_interpolated_ones() -> None:
    image, light = cells(77)
    made = restored(small_isotropic().name, image)
    assert made.image.attrs["pixel_size"] == (0.5, 0.5, 0.5) and made.image.sizes["z"] == len(light)
    values = image.values[0, 0].astype(float)
    scores = [scale_invariant_psnr(light, zoom(values, (65 / 17, 1, 1), order=order)) for order in (1, 3)]
    found = scale_invariant_psnr(light, made.image.values[0, 0])
    assert found > max(scores) + 2
    detail = [
        np.abs(np.diff(each, axis=0)).mean() / np.abs(np.diff(each, axis=1)).mean()
        for each in (light, made.image.values[0, 0], zoom(values, (65 / 17, 1, 1), order=1))
    ]
    assert detail[2] < 0.7 * detail[0] and detail[1] > detail[2] + 0.5 * (detail[0] - detail[2])


def test_the_model_of_an_isotropic_stack_knows_its_distances() -> None:
    model = model_folder.load(small_isotropic().name)
    assert model.method == "care_isotropic" and model.ndim == 3
    assert model.config["anisotropy"] == 4.0 and model.config["axial_sigma"] == 2.0
    assert (model.pixel_size, model.pixel_depth, model.unit) == (0.5, 2.0, "µm")
    scores = model.training["validation_scores"]
    assert scores["psnr_fit"] > scores["psnr_fit_input"] + 2


def test_the_open_stack_is_made_isotropic_in_one_go() -> None:
    image, _ = cells(5)
    keys = {**SMALL, "epochs": 1, "steps": 2, "isotropic": True, "apply": True, "anisotropy": 4}
    made = talanoa.train(image, name="one stack", **keys)
    assert made.image is not None and made.image.sizes["z"] == 65


@pytest.mark.parametrize(
    "attrs, keys, message",
    [
        ({"unit": "pixel", "pixel_size": (1.0, 1.0, 1.0)}, {}, "is not calibrated"),
        ({"pixel_size": (0.5, 0.5, 0.5)}, {}, "the slices are 1 pixel widths apart; expected more than 1.05"),
        ({}, {"anisotropy": 0.5}, "anisotropy=0.5: the slices are 0.5 pixel widths apart"),
    ],
)
def test_stacks_that_leave_nothing_to_learn_are_refused(
    attrs: dict[str, Any], keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    images.write(tmp_path / "a.tif", cells(1, **attrs)[0])
    with pytest.raises(BadInput, match=message):
        train(isotropic("x", images=tmp_path, **keys), QuietHost())


def test_isotropic_needs_stacks_of_one_distance(tmp_path: Path) -> None:
    images.write(tmp_path / "a.tif", images.from_array(np.random.default_rng(0).random((40, 40), np.float32), "yx"))
    with pytest.raises(BadInput, match="a.tif is a single plane; expected a stack for isotropic"):
        train(isotropic("x", images=tmp_path), QuietHost())
    for name, depth in (("a", 2.0), ("b", 3.0)):
        images.write(tmp_path / f"{name}.tif", cells(1, pixel_size=(depth, 0.5, 0.5))[0], overwrite=True)
    with pytest.raises(BadInput, match="slices of b are 6 pixel widths apart, those of a 4"):
        train(isotropic("x", images=tmp_path), QuietHost())
