"""Restoration: tiles, turns, normalisation, types; what a model cannot take is said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from helpers import restorers, tiny
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import QuietHost
from talanoa.core.record import array_sha256
from talanoa.image import lazy
from talanoa.image.form import from_array
from talanoa.image.ops import orientations
from talanoa.image.ops.normalize import odd_step
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.runtime import tiles
from talanoa.models.runtime.dense import planned_parts
from talanoa.models.runtime.frames import Made
from talanoa.models.runtime.source import Source, _every
from talanoa.restoration.predict import restore
from talanoa.restoration.request import RestoreRequest

ZSCORE = {"kind": "zscore", "mean": [300.0], "std": [40.0]}


def model_of(folder: Path, method: str = "care", normalization: dict[str, Any] | None = None, **config: Any) -> Model:
    return model_folder.load(restorers.save(folder / method, method, normalization, **config))


def same_as_it_is(folder: Path, channels: int = 1) -> Model:
    """Return a model whose network adds nothing to its input: what remains is all that is done around it."""
    config = methods.get("care").config(
        unet_n_depth=1, unet_n_filter_base=4, unet_kernel_size=3, n_channel_in=channels, n_channel_out=channels
    )
    model = Model("same", "care", config.model_dump(mode="json"), {}, restorers.PERCENTILE)
    weights = model.network().state_dict()
    for name in [name for name in weights if name.startswith("mean.")]:
        weights[name] = torch.zeros_like(weights[name])
    model_folder.save(folder / "same", model, weights)
    return model_folder.load(folder / "same")


def noisy(*shape: int, seed: int = 0, level: float = 300) -> np.ndarray:
    return np.random.default_rng(seed).poisson(level, shape).astype(np.uint16)


def run(image: Any, model: Model, dims: str | None = None, **keys: Any) -> Made:
    data = image if isinstance(image, xr.DataArray) else from_array(image, dims)
    return restore(data, model, RestoreRequest(**{"model": model.name, "device": "cpu", **keys}), QuietHost())


def values(found: Made) -> np.ndarray:
    return found.image.values.squeeze()


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize(
    "method, shape, more",
    [
        ("care", (203, 187), {"probabilistic": True}),
        ("care", (181, 150), {"unet_kernel_size": 5}),
        ("n2v", (190, 221), {"unet_n_depth": 2}),
        ("n2v", (150, 131), {"blur_pool": True, "no_first_skip": True}),
        ("care3d", (11, 90, 71), {}),
        ("n2v3d", (9, 61, 80), {"blur_pool": True}),
    ],
)
def test_tiles_give_what_the_whole_gives(
    method: str, shape: tuple[int, ...], more: dict[str, Any], backend: str, tmp_path: Path
) -> None:
    model = model_of(tmp_path, method, ZSCORE if method.startswith("n2v") else None, **more)
    image, dims = noisy(*shape), "zyx"[-len(shape) :]
    whole = run(image, model, dims, tiles=1, backend=backend)
    cut = run(image, model, dims, tiles=7, backend=backend)
    assert whole.record["used"]["tiles"] == 1 and cut.record["used"]["tiles"] >= 7
    contrast = np.ptp(values(whole))
    assert contrast > 1 and np.abs(values(cut) - values(whole)).max() <= 1e-5 * contrast


def test_the_plan_cuts_tiles_that_are_smaller_than_the_image(tmp_path: Path) -> None:
    config = methods.get("n2v").config(unet_n_depth=1, unet_n_filter_base=4)
    assert max(config.halo) < 20  # else the tiles of these tests would read the whole image
    assert planned_parts((4096, 4096), config)[0] > 1 < planned_parts((4096, 4096), config)[1]


@pytest.mark.parametrize(
    "shape, parts",
    [((512, 512), (1, 1)), ((1024, 1024), (2, 2)), ((2048, 300), (2, 1)), ((4096, 4096), (7, 7)), ((20, 9000), (1, 1))],
)
def test_the_plan_follows_from_the_size_of_the_plane_and_halves_the_memory_of_large_pieces(
    shape: tuple[int, int], parts: tuple[int, int]
) -> None:
    config = methods.get("n2v").config()
    assert planned_parts(shape, config) == parts
    read = [math.prod(stop - start for start, stop in tile.read) for tile in tiles.plan(shape, parts, 23, (4, 4))]
    assert max(read) <= 410_000 and sum(read) <= 1.2 * math.prod(shape)


@pytest.mark.parametrize("gain, offset", [(3.0, 0.0), (1.0, 5000.0), (0.25, -70.0)])
def test_offset_and_gain_of_the_image_go_through_unchanged(gain: float, offset: float, tmp_path: Path) -> None:
    model = model_of(tmp_path, probabilistic=True)
    image = noisy(60, 70).astype(np.float32)
    plain, changed = run(image, model, uncertainty=True), run(image * gain + offset, model, uncertainty=True)
    assert np.allclose(values(changed), values(plain) * gain + offset, rtol=1e-4, atol=1e-3 * gain)
    assert plain.uncertainty is not None and changed.uncertainty is not None
    assert np.allclose(changed.uncertainty, plain.uncertainty * gain, rtol=1e-3)


def test_normalisation_is_undone_exactly(tmp_path: Path) -> None:
    model = same_as_it_is(tmp_path, channels=2)
    image = np.random.default_rng(1).integers(0, 65536, (3, 2, 33, 50)).astype(np.uint16)
    found = run(image, model, "tcyx", dtype="same")
    assert found.image.dtype == np.uint16 and np.array_equal(found.image.values[:, :, 0], image)
    assert found.record["used"]["set_to_highest"] == 0 and not found.warnings


def test_all_frames_share_the_percentiles_of_the_whole_movie(tmp_path: Path) -> None:
    model = model_of(tmp_path)
    frame = noisy(48, 52)
    movie = np.stack([frame, frame, frame])
    movie[1, :20, :20] += 9000
    found = run(movie, model, "tyx")
    assert np.allclose(found.record["used"]["norm_values"], [np.percentile(movie, (3, 99.8))])
    assert np.array_equal(found.image[0], found.image[2])  # no flicker beside a bright frame
    assert not np.allclose(values(run(frame, model)), values(found)[0])


def test_percentiles_of_a_long_movie_come_from_frames_that_are_named(tmp_path: Path) -> None:
    model = model_of(tmp_path)
    movie = noisy(9, 20, 24) + (np.arange(9) * 100).astype(np.uint16)[:, None, None]
    found = run(movie, model, "tyx", sample=3)
    assert found.record["used"]["norm_sample"] == {"frames": [1, 5, 9], "values": 3 * 20 * 24}
    assert np.allclose(found.record["used"]["norm_values"], [np.percentile(movie[[0, 4, 8]], (3, 99.8))])
    assert any("3 of 9 frames" in text for text in found.warnings)


def test_a_sample_of_a_long_movie_is_that_of_the_whole_and_holds_no_frame() -> None:
    movie = noisy(5, 2, 1300, 1300)
    source = Source(lazy.in_memory(from_array(movie, "tcyx")), (0, 1, 2, 3, 4), (0, 1), (0,))
    parts = [values for _, values in _every(source, range(5), QuietHost())]
    flat = np.moveaxis(movie, 1, 0).reshape(2, -1)
    step = odd_step(flat.shape[1])
    assert step == 3 and odd_step(3 * 4_000_000) == 3 and odd_step(2 * 4_000_000) == 3
    assert np.array_equal(np.concatenate(parts, axis=1), flat[:, ::step])
    assert all(part.base is None for part in parts)


@pytest.mark.parametrize("method, shape, dims", [("care", (51, 66), "yx"), ("n2v3d", (6, 30, 45), "zyx")])
def test_the_mean_over_all_ways_turns_with_the_image(
    method: str, shape: tuple[int, ...], dims: str, tmp_path: Path
) -> None:
    model = model_of(tmp_path, method, ZSCORE if method == "n2v3d" else None)
    image = noisy(*shape)
    found = run(image, model, dims, tta=True)
    single = run(image, model, dims)
    assert np.abs(values(found) - values(single)).max() > 0.01
    for way in orientations.WAYS:
        turned = run(np.ascontiguousarray(orientations.turned(image, way)), model, dims, tta=True)
        assert np.allclose(values(turned), orientations.turned(values(found), way), atol=2e-3)


def test_uncertainty_is_the_spread_over_the_ways_or_what_the_model_predicts(tmp_path: Path) -> None:
    image = noisy(40, 44)
    model = model_of(tmp_path)
    spread = run(image, model, uncertainty=True)
    ways = [
        orientations.turned_back(values(run(np.ascontiguousarray(orientations.turned(image, way)), model)), way)
        for way in orientations.WAYS
    ]
    assert spread.record["used"]["uncertainty"] == "spread" and spread.record["used"]["tta"] is True
    assert spread.uncertainty is not None and spread.uncertainty.attrs["name"] == "image-uncertainty"
    assert np.allclose(spread.uncertainty.values.squeeze(), np.std(ways, axis=0, ddof=1), atol=2e-3)
    assert np.allclose(values(spread), np.mean(ways, axis=0), atol=2e-3)
    sure = run(image, model_of(tmp_path / "probabilistic", probabilistic=True), uncertainty=True)
    assert sure.record["used"]["uncertainty"] == "scale" and sure.record["used"]["tta"] is False
    assert sure.uncertainty is not None and float(sure.uncertainty.min()) > 0
    assert run(image, model).uncertainty is None


def test_values_that_16_bit_cannot_hold_are_counted_and_said(tmp_path: Path) -> None:
    image = np.random.default_rng(2).uniform(-4000, 70000, (40, 50)).astype(np.float32)
    model = same_as_it_is(tmp_path)
    exact, rounded = values(run(image, model)), run(image, model, dtype="uint16")
    below, above = int((np.rint(exact) < 0).sum()), int((np.rint(exact) > 65535).sum())
    used = rounded.record["used"]
    assert (used["set_to_lowest"], used["set_to_highest"]) == (below, above) and below and above
    assert np.array_equal(values(rounded), np.clip(np.rint(exact), 0, 65535).astype(np.uint16))
    (text,) = rounded.warnings
    assert f"{below + above} of 2000 restored pixels do not fit into uint16" in text and "dtype=float32" in text
    assert not run((image + 4000) / 2, model, dtype="uint16").warnings


def test_32_bit_images_with_negative_values_stay_what_they_are(tmp_path: Path) -> None:
    image = np.random.default_rng(3).normal(-5, 2, (30, 30)).astype(np.float32)
    assert np.allclose(values(run(image, same_as_it_is(tmp_path))), image, atol=1e-5)


def test_a_model_of_planes_takes_a_stack_slice_by_slice_and_says_so(tmp_path: Path) -> None:
    model = model_of(tmp_path, normalization=ZSCORE, method="n2v")
    stack = noisy(2, 5, 30, 34)
    found = run(stack, model, "tzyx")
    assert found.image.shape == (2, 1, 5, 30, 34)
    assert any("the 5 slices are restored one by one" in text for text in found.warnings)
    alone = run(stack, model, "tzyx", plane=4, frames="2")
    assert np.array_equal(alone.image[0, 0, 0], found.image[1, 0, 3])
    assert (alone.record["frames"], alone.record["planes"]) == ([2], [4])


def test_channels_one_by_one_or_all_at_once(tmp_path: Path) -> None:
    image = from_array(
        np.stack([noisy(32, 36), noisy(32, 36, seed=1, level=4000)]),
        "cyx",
        channel_names=("DAPI", "GFP"),
        pixel_size=(1, 0.2, 0.2),
        unit="µm",
        name="cells.ome.tif",
    )
    one = model_of(tmp_path)
    every, second = run(image, one, channel="all"), run(image, one, channel="2")
    assert every.image.shape == (1, 2, 1, 32, 36) and every.image.attrs["channel_names"] == ("DAPI", "GFP")
    assert np.array_equal(every.image[:, 1:], second.image) and second.image.attrs["channel_names"] == ("GFP",)
    assert every.image.attrs["name"] == "cells-restored" and every.image.attrs["pixel_size"] == (1, 0.2, 0.2)
    both = model_of(tmp_path / "both", n_channel_in=2, n_channel_out=2)
    assert run(image, both).image.shape == (1, 2, 1, 32, 36)
    merged = run(image, model_of(tmp_path / "merged", n_channel_in=2, n_channel_out=1))
    assert merged.image.shape == (1, 1, 1, 32, 36) and float(abs(merged.image).max()) < 20
    assert any("makes 1 channel of 2" in text for text in merged.warnings)
    for keys, model, text in (
        ({}, one, r"2 channels \(DAPI, GFP\); the model takes one. Set channel=1 to 2. Or channel=all"),
        ({"channel": 3}, one, "the image has 2 channels; expected 1 to 2"),
        ({"channel": "all"}, both, "the model takes 2 channels at once"),
        ({"channel": 1}, both, "takes 2 channels at once"),
    ):
        with pytest.raises(BadInput, match=text):
            run(image, model, **keys)


def test_empty_images_come_back_and_nearly_empty_ones_are_refused(tmp_path: Path) -> None:
    model = model_of(tmp_path, probabilistic=True)
    found = run(np.full((20, 22), 7, np.uint16), model, uncertainty=True)
    assert np.array_equal(values(found), np.full((20, 22), 7)) and found.uncertainty is not None
    assert not found.uncertainty.any() and any("same intensity everywhere (7)" in text for text in found.warnings)
    sparse = np.zeros((100, 100), np.uint16)
    sparse[5, 5] = 900
    with pytest.raises(BadInput, match="percentiles 3 and 99.8 are both the intensity 0.*norm_high=100"):
        run(sparse, model)
    assert values(run(sparse, model, norm_high=100)).max() > 0


def test_what_cannot_be_restored(tmp_path: Path) -> None:
    flat, solid = model_of(tmp_path), model_of(tmp_path, "n2v3d", ZSCORE)
    broken = noisy(20, 20).astype(np.float32)
    broken[3, 4:6] = np.nan
    for image, dims, model, keys, text in (
        (broken, "yx", flat, {}, "Frame 1 of the image has 2 pixels that are NaN or infinite"),
        (noisy(20, 20), "yx", solid, {}, "single plane; the model works in 3D"),
        (noisy(4, 20, 20), "zyx", solid, {"plane": 2}, "plane=2: the model works in 3D"),
        (noisy(4, 20, 20), "zyx", flat, {"plane": 9}, "the image has 4 slices; expected 1 to 4"),
        (noisy(4, 20, 20), "tyx", flat, {"frames": "2-5"}, "expected frames from 1 to 4"),
        (noisy(20, 20).astype(np.uint32), "yx", flat, {"dtype": "same"}, "found an image of uint32"),
        (noisy(4, 20, 20), "zyx", solid, {"norm_low": 1}, "norm_low=1: model n2v3d normalises with the mean"),
        (noisy(20, 20), "yx", flat, {"norm_low": 99.9}, "norm_low=99.9 and norm_high=99.8"),
        (noisy(20, 20), "yx", model_folder.load(tiny.MODEL), {}, "finds objects; restore needs .* Use segment"),
    ):
        with pytest.raises(BadInput, match=text):
            run(image, model, dims, **keys)
    for keys, text in (({"channel": "0"}, "a number from 1, or all"), ({"norm_low": 60, "norm_high": 50}, "below")):
        with pytest.raises(BadInput, match=text):
            run(noisy(20, 20), flat, **keys)


def test_images_unlike_those_of_the_training_are_warned_of(tmp_path: Path) -> None:
    model = model_of(tmp_path, "n2v", ZSCORE)
    assert not run(noisy(64, 64), model).warnings
    far = run(noisy(64, 64, level=4000), model)
    assert any("far from those of the model's training images (300, 40)" in text for text in far.warnings)
    lines = noisy(128, 128).astype(float) + np.random.default_rng(4).normal(0, 60, (128, 1))
    assert any("horizontal lines" in text for text in run(lines, model).warnings)
    trained = Model(**{**model.__dict__, "pixel_size": 0.1, "unit": "µm"})
    coarse = from_array(noisy(64, 64), pixel_size=(1, 0.5, 0.5), unit="µm")
    assert any("pixels (0.5 µm) are 5 times larger" in text for text in run(coarse, trained).warnings)


def test_memory_that_ends_makes_smaller_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from talanoa.models.runtime.torch import TorchRunner

    model, image = model_of(tmp_path), noisy(3, 200, 160)
    whole, called = run(image, model, "tyx", backend="torch"), TorchRunner.__call__

    def short(self: Any, part: np.ndarray, *rest: Any, **keys: Any) -> Any:
        if part[0].size > 15_000:
            raise RuntimeError("CUDA out of memory")
        return called(self, part, *rest, **keys)

    monkeypatch.setattr(TorchRunner, "__call__", short)
    found = run(image, model, "tyx", backend="torch")
    assert found.record["used"]["tiles_yx"] == [2, 2]
    assert np.allclose(values(found), values(whole), atol=1e-3)


def test_the_record_says_what_was_done(tmp_path: Path) -> None:
    model, movie = model_of(tmp_path), noisy(4, 20, 26)
    found = run(movie, model, "tyx", frames="2-3", tiles=2)
    used = found.record["used"]
    assert used["backend"].startswith("onnxruntime") and used["device"] == "cpu" and used["tiles"] == 2
    assert used["normalization"] == {"kind": "percentile", "low": 3.0, "high": 99.8}
    assert used["lowest"] == pytest.approx(float(found.image.min()))
    assert found.record["image_sha256"] == array_sha256(found.image)
    assert found.record["input_sha256"] == array_sha256(movie[1:3, None, None])


def test_cancelling_ends_it(tmp_path: Path) -> None:
    request = RestoreRequest(model="care", device="cpu")
    with pytest.raises(Cancelled):
        restore(from_array(noisy(20, 20)), model_of(tmp_path), request, tiny.RecordingHost(stop=True))
