"""Models that make a plane of a stack, or an isotropic stack: tiles, turns, size, calibration, what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from helpers import restorers
from talanoa import tasks
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array
from talanoa.image.io import read, write
from talanoa.image.ops import anisotropy
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.networks.projection import Surface
from talanoa.models.runtime.frames import Made
from talanoa.restoration.predict import restore
from talanoa.restoration.request import RestoreRequest

PLANE, STACK = "care_projection", "care_isotropic"


def model_of(folder: Path, method: str, **config: Any) -> Model:
    return model_folder.load(restorers.save(folder / method, method, **config))


def stack(*shape: int, seed: int = 0) -> xr.DataArray:
    """Return a stack with noise, four pixels between the slices."""
    values = np.random.default_rng(seed).poisson(300, shape).astype(np.uint16)
    return from_array(values, "tczyx"[-len(shape) :], pixel_size=(2.0, 0.5, 0.5), unit="µm", name="cells.tif")


def run(image: xr.DataArray, model: Model, **keys: Any) -> Made:
    return restore(image, model, RestoreRequest(**{"model": model.name, "device": "cpu", **keys}), QuietHost())


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("method", [PLANE, STACK])
def test_tiles_give_what_the_whole_gives(method: str, backend: str, tmp_path: Path) -> None:
    image = stack(9, 131, 90) if method == PLANE else stack(5, 35, 67)
    model = model_of(tmp_path, method, probabilistic=True)
    found = [run(image, model, tiles=count, backend=backend, uncertainty=True) for count in (1, 4)]
    assert found[0].record["used"]["tiles"] == 1 and found[1].record["used"]["tiles"] >= 4
    assert found[0].record["used"]["backend"].startswith("onnx" if backend == "onnx" else "torch")
    for one, other in ((found[0].image, found[1].image), (found[0].uncertainty, found[1].uncertainty)):
        assert np.abs(one.values - other.values).max() <= 1e-5 * np.ptp(one.values)
    assert np.ptp(found[0].image.values) > 1


def test_a_stack_of_any_number_of_slices_becomes_a_plane_with_its_calibration(tmp_path: Path) -> None:
    model = model_of(tmp_path, PLANE, n_channel_in=2, n_channel_out=2)
    for slices in (2, 7):
        made = run(stack(3, 2, slices, 40, 52), model)
        assert made.image.shape == (3, 2, 1, 40, 52)
        assert made.image.attrs["pixel_size"] == (2.0, 0.5, 0.5) and made.image.attrs["unit"] == "µm"
        assert made.record["slices"] == 1 and len(made.record["planes"]) == slices


def test_the_weights_of_a_projection_sum_up_to_one_and_choose_the_same_places_for_all_channels() -> None:
    torch.manual_seed(0)
    surface = Surface(n_in=2, depth=2)
    values = torch.rand(1, 2 * 5, 16, 24)
    weights = surface.weights(values.reshape(1, 2, 5, 16, 24))
    assert weights.shape == (1, 1, 5, 16, 24) and torch.allclose(weights.sum(dim=2), torch.ones(1, 1, 16, 24))
    expected = torch.stack([(values[:, 5 * c : 5 * c + 5] * weights[:, 0]).sum(dim=1) for c in range(2)], dim=1)
    torch.testing.assert_close(surface(values)[0], expected)


def test_the_projection_has_the_size_of_the_original() -> None:
    net = methods.get(PLANE).build(methods.get(PLANE).config())
    volumes = sum(each.numel() for each in net.surface.parameters())
    first, inner, last = 27 * 8 + 8, 27 * 8 * 8 + 8, 27 * 8 + 1
    assert volumes == first + 8 * inner + last  # 4 down, 1 below, 4 up, and the weights
    planes = methods.get("care").build(methods.get("care").config())
    assert sum(each.numel() for each in net.care.parameters()) == sum(each.numel() for each in planes.parameters())


def test_nothing_beyond_the_halo_changes_a_projected_pixel() -> None:
    config = methods.get(PLANE).config(proj_n_depth=2, unet_n_depth=1, unet_n_filter_base=4, unet_kernel_size=3)
    torch.manual_seed(1)
    net = methods.get(PLANE).build(config).eval()
    side, reach = 128, config.halo[0]
    values = torch.rand(1, 3, side, side, requires_grad=True)
    for middle in (64, 67):
        (gradient,) = torch.autograd.grad(net(values)[0][0, 0, middle, middle], values)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()
        assert middle - reach <= rows.min() and rows.max() <= middle + reach
        assert gradient[0, :, middle, middle].abs().min() > 0  # all slices matter


@pytest.mark.parametrize("turn", [1, 2])
def test_turning_a_stack_turns_its_augmented_plane(turn: int, tmp_path: Path) -> None:
    image, model = stack(4, 48, 48), model_of(tmp_path, PLANE)
    turned = image.copy(data=np.ascontiguousarray(np.rot90(image.values, turn, axes=(-2, -1))))
    found, other = (run(each, model, tta=True, uncertainty=True) for each in (image, turned))
    for one, two in ((found.image, other.image), (found.uncertainty, other.uncertainty)):
        back = np.rot90(two.values, -turn, axes=(-2, -1))
        assert np.allclose(back, one.values, atol=1e-4 * np.ptp(one.values))


def test_an_isotropic_stack_has_cubic_voxels_and_keeps_its_first_slice_in_place(tmp_path: Path) -> None:
    model = model_of(tmp_path, STACK)
    made = run(stack(2, 1, 6, 17, 20), model)
    assert made.image.shape == (2, 1, 21, 17, 20) and made.image.attrs["pixel_size"] == (0.5, 0.5, 0.5)
    assert made.record["used"]["anisotropy"] == 4.0 and made.record["slices"] == 21
    finer = stack(6, 17, 20)
    finer.attrs["pixel_size"] = (1.25, 0.5, 0.5)
    other = run(finer, model)
    assert other.image.sizes["z"] == 13  # 5 distances of 2.5 pixels, and the first slice
    assert any("2.5 pixel widths apart, those of the model's training stacks 4" in text for text in other.warnings)


def silent(folder: Path) -> Model:
    """Return an isotropic model whose network adds nothing: what remains is the interpolation."""
    model = model_of(folder, STACK)
    weights = model.network().state_dict()
    for name in [name for name in weights if name.startswith("mean.")]:
        weights[name] = torch.zeros_like(weights[name])
    model_folder.save(folder / "silent", model, weights)
    return model_folder.load(folder / "silent")


def test_a_network_that_adds_nothing_leaves_the_stack_linearly_interpolated(tmp_path: Path) -> None:
    image = stack(5, 20, 24)
    made = run(image, silent(tmp_path), uncertainty=True)
    values = image.values[0, 0].astype(float)
    places = np.arange(17) / 4
    expected = np.array([[np.interp(places, range(5), values[:, y, x]) for x in range(24)] for y in range(20)])
    np.testing.assert_allclose(made.image.values[0, 0], np.moveaxis(expected, 2, 0), rtol=1e-4)
    assert made.uncertainty is not None and made.uncertainty.values.max() < 1e-2  # both directions agree


def test_isotropic_planes_of_both_directions_are_averaged(tmp_path: Path) -> None:
    image, model = stack(5, 16, 16), model_of(tmp_path, STACK)
    swapped = image.copy(data=np.ascontiguousarray(image.values.swapaxes(-2, -1)))
    one, other = (run(each, model).image.values for each in (image, swapped))
    assert np.allclose(other.swapaxes(-2, -1), one, atol=1e-5 * np.ptp(one))
    unsure = run(image, model, uncertainty=True)
    assert unsure.uncertainty is not None and np.median(unsure.uncertainty.values) > 0.1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"unit": "pixel", "pixel_size": (1.0, 1.0, 1.0)}, "is not calibrated; expected a pixel width and a larger"),
        ({"pixel_size": (0.25, 0.5, 0.5)}, "the slices are 0.5 pixel widths apart; expected more than 1.05"),
        ({"pixel_size": (2.0, 0.7, 0.5)}, "has pixels of 0.5 x 0.7 µm; expected square ones"),
    ],
)
def test_a_stack_whose_voxels_do_not_say_how_far_to_go_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    image = stack(5, 20, 24)
    image.attrs.update(change)
    with pytest.raises(BadInput, match=message):
        run(image, model_of(tmp_path, STACK))


@pytest.mark.parametrize("method", [PLANE, STACK])
def test_a_plane_is_refused(method: str, tmp_path: Path) -> None:
    model = model_of(tmp_path, method)
    with pytest.raises(BadInput, match="single plane; the model works in 3D and needs a z-stack"):
        run(stack(1, 30, 30), model)
    with pytest.raises(BadInput, match="plane=2: the model works in 3D"):
        run(stack(4, 30, 30), model, plane=2)


@pytest.mark.parametrize("method, slices", [(PLANE, 1), (STACK, 17)])
def test_a_movie_goes_from_disk_to_disk(
    method: str, slices: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, image = restorers.save(tmp_path / "model", method), stack(3, 2, 5, 16, 20)
    path = write(tmp_path / "movie.tif", image)
    keys = {"task": "restore", "image": str(path), "model": str(folder), "channel": "all", "device": "cpu"}
    whole = tasks.perform(keys, QuietHost())
    monkeypatch.setattr("talanoa.tasks.image_task.BUDGET", 1)
    streamed = tasks.perform({**keys, "out": str(tmp_path / "out")}, QuietHost())
    found = read(tmp_path / "out" / "restored.tif")
    assert found.shape == (3, 2, slices, 16, 20)
    np.testing.assert_array_equal(found.values, whole["image"].values)
    assert found.attrs["pixel_size"] == pytest.approx(whole["image"].attrs["pixel_size"])
    words = "to planes" if slices == 1 else "frames to 17 slices"
    assert words in streamed["message"]


def test_a_folder_of_stacks_becomes_a_folder_of_planes(tmp_path: Path) -> None:
    folder = restorers.save(tmp_path / "model", PLANE)
    (tmp_path / "in").mkdir()
    for number in range(2):
        write(tmp_path / "in" / f"s{number}.tif", stack(4, 24, 28, seed=number))
    keys = {"image": str(tmp_path / "in"), "model": str(folder), "device": "cpu", "out": str(tmp_path / "out")}
    tasks.perform({"task": "restore", **keys}, QuietHost())
    made = sorted((tmp_path / "out").rglob("restored.tif"))
    assert len(made) == 2 and all(read(each).shape == (1, 1, 1, 24, 28) for each in made)


def test_stretching_meets_the_slices_and_lies_between_them() -> None:
    values = np.random.default_rng(0).random((2, 6, 3)).astype(np.float32)
    made = anisotropy.stretched(values, 1, 2.5)
    assert made.shape == (2, 13, 3)
    np.testing.assert_allclose(made[:, ::5], values[:, ::2], rtol=1e-6)
    np.testing.assert_allclose(made[:, 1], 0.6 * values[:, 0] + 0.4 * values[:, 1], rtol=1e-6)


def test_planes_are_made_as_bad_as_the_slices_are() -> None:
    rows = np.sin(np.arange(120) * 2 * np.pi / 24)
    plane = np.broadcast_to(rows[:, None], (120, 50))[None].astype(np.float32)
    made, same = anisotropy.degraded(plane, 4, 2.0, np.random.default_rng(0))
    np.testing.assert_array_equal(same, plane[:, :117])
    left = np.exp(-0.5 * (2 * np.pi / 24 * 2.0) ** 2)  # what a Gaussian leaves of a wave
    np.testing.assert_allclose(made[0, 12:108:4], left * plane[0, 12:108:4], atol=0.01)
    along_x, expected = anisotropy.degraded(plane.swapaxes(1, 2), 4, 2.0, np.random.default_rng(0))
    np.testing.assert_allclose(along_x, expected, atol=1e-5)


def test_planes_get_the_noise_again_that_the_blur_took() -> None:
    plane = np.random.default_rng(3).normal(0, 0.5, (1, 400, 300)).astype(np.float32)
    assert anisotropy.noise_of(plane[0]) == pytest.approx(0.5, rel=0.03)
    made, _ = anisotropy.degraded(plane, 4, 3.0, np.random.default_rng(0))
    assert made[0, ::4].std() == pytest.approx(0.5, rel=0.05)
