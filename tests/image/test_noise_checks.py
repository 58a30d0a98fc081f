"""Faults of noisy images: each one is found where it is, and none where it is not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from talanoa.image.form import from_array
from talanoa.image.ops.noise_checks import check, find
from talanoa.tasks.sample.noisy import Camera, draw, movie

SIZE = (192, 192)


def kinds(values: np.ndarray, dims: str | None = None) -> list[str]:
    return [fault.kind for fault in find(from_array(values, dims))]


@pytest.mark.parametrize("seed", range(12))
def test_no_false_alarm_on_a_camera(seed: int) -> None:
    camera = Camera(photons=(3, 10, 40)[seed % 3], read_noise=(2, 12, 30)[seed // 4])
    assert kinds(draw(SIZE, seed=seed, camera=camera).low) == []


@pytest.mark.parametrize("seed", range(6))
def test_no_false_alarm_on_movies_stacks_and_small_images(seed: int) -> None:
    camera = Camera(photons=(3, 10, 40)[seed % 3])
    side = (96, 128)[seed % 2]
    assert kinds(movie((side, side), seed, camera, 4), "tyx") == []
    assert kinds(draw((6, side, side), seed=seed, camera=camera).low, "zyx") == []
    for number in range(4):
        assert kinds(draw((96 + 32 * number,) * 2, seed=seed, number=number, camera=camera).low) == []


@pytest.mark.parametrize("seed", range(12))
def test_no_false_alarm_on_plain_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = (64, 100, 200)[seed % 3]
    assert kinds(rng.normal(0, 1, (size, size)).astype(np.float32)) == []
    assert kinds(rng.poisson((0.05, 0.5, 3, 30)[seed % 4], (size, size)).astype(np.uint16)) == []
    assert kinds(np.clip(rng.normal(100, 20, (size, size)), 0, 255).astype(np.uint8)) == []


def sharp(seed: int, size: int, contrast: float) -> np.ndarray:
    """Return discs with edges as sharp as pixels, many times brighter than the noise."""
    rng = np.random.default_rng([seed, size])
    rows, columns = np.mgrid[:size, :size]
    clean = np.zeros((size, size))
    for y, x, radius, light in rng.uniform((0, 0, 2, 0.3), (size, size, 10, 1), (size * size // 300, 4)):
        clean[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = light
    return rng.poisson(5 + contrast * clean) * 3 + rng.normal(100, 4, clean.shape)


@pytest.mark.parametrize("size", [48, 64, 80, 96, 128])
def test_no_false_alarm_on_independent_noise_around_sharp_bright_objects(size: int) -> None:
    found = [kinds(sharp(seed, size, contrast)) for seed in range(10) for contrast in (15, 150, 1500)]
    assert [each for each in found if each] == []


def test_lines_are_found_around_sharp_bright_objects() -> None:
    for seed in range(4):
        for size in (96, 192):
            image = sharp(seed, size, 1500)
            lines = np.random.default_rng(seed).normal(0, 9, (size, 1))  # the noise of a dark pixel: 7.8
            assert kinds(image + lines) == ["rows"]
            assert kinds(image.T + lines.T) == ["columns"]


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_found_and_their_axis_named(seed: int) -> None:
    low = draw(SIZE, seed=seed, camera=Camera(stripes=12)).low
    for image, kind, axis in ((low, "rows", "horizontal"), (low.T, "columns", "vertical")):
        (fault,) = find(from_array(image))
        assert fault.kind == kind
        assert f"struct_axis={axis} and struct_radius=" in fault.text
    whole = low + np.random.default_rng(seed).normal(0, 12, (SIZE[0], 1))
    assert kinds(whole) == ["rows"]


@pytest.mark.parametrize("period", [4.5, 7.0])
def test_a_honeycomb_is_found(period: float) -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    angles = 0.3 + np.arange(3) * np.pi / 3
    comb = sum(np.cos(2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle))) for angle in angles)
    (fault,) = find(from_array(draw(SIZE, seed=1).low + 5 * comb))
    assert fault.kind == "pattern"
    assert float(fault.text.split(" pixels")[0].split()[-1]) == pytest.approx(period, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_smoothed_images_are_found(seed: int) -> None:
    low = draw(SIZE, seed=seed).low.astype(np.float32)
    for smooth in (
        ndimage.gaussian_filter(low, 0.8),
        ndimage.median_filter(low, 3),
        ndimage.zoom(low, 1.5, order=1),
        draw(SIZE, seed=seed).light.astype(np.float32),
    ):
        assert kinds(smooth) == ["smoothed"]


@pytest.mark.parametrize("quality", [90, 75, 40])
def test_jpeg_is_found_wherever_its_blocks_begin(quality: int) -> None:
    low = draw(SIZE, seed=quality).low
    grey = np.clip((low - 80.0) / 2, 0, 255).astype(np.uint8)
    coded = io.BytesIO()
    Image.fromarray(grey).save(coded, "JPEG", quality=quality)
    back = np.asarray(Image.open(coded))
    assert kinds(back) == ["jpeg"]
    assert kinds(back[3:, 5:].astype(np.uint16)) == ["jpeg"]
    assert kinds(grey) == []


def test_saturation_and_a_cut_background() -> None:
    low = draw(SIZE, seed=4).low.astype(float)
    bright = np.minimum(low, np.percentile(low, 98)).astype(np.uint16)
    assert kinds(bright) == ["saturated"]
    dark = np.maximum(low, np.percentile(low, 40)).astype(np.uint16)
    assert kinds(dark) == ["cut"]
    share = float(np.mean(bright == bright.max()))
    assert check(from_array(bright))[0].startswith(f"{share:.1%} of the pixels")


def test_what_is_no_number_or_constant() -> None:
    low = draw(SIZE, seed=4).low.astype(np.float32)
    low[3, 4] = np.nan
    assert kinds(low) == ["nan"]
    assert check(from_array(low))[0].startswith(f"1 of {low.size} pixels")
    assert kinds(np.full((32, 32), 5)) == ["constant"]


def test_planes_and_channels_are_named() -> None:
    sample = draw((4, *SIZE), seed=1).low.copy()
    sample[2] = 7
    (text,) = check(from_array(sample, "zyx"))
    assert "1 of 4 planes" in text
    assert "plane 3" in text
    two = np.stack([sample[0], np.full(SIZE, 3, np.uint16)])
    (text,) = check(from_array(two, "cyx"))
    assert text.startswith("Channel 2: ")


def test_every_warning_says_what_was_expected() -> None:
    low = draw(SIZE, seed=2, camera=Camera(stripes=15)).low.astype(float)
    for image in (np.minimum(low, 250), np.maximum(low, 120), ndimage.gaussian_filter(low, 1), np.full((32, 32), 1.0)):
        for text in check(from_array(image)):
            assert "expected" in text
            assert text.endswith(".")


def test_images_too_small_to_measure_are_left_alone() -> None:
    assert kinds(np.random.default_rng(0).normal(size=(12, 300))) == []
