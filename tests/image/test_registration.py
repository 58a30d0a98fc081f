"""Shifts between two images of a field: found where there is one, and not believed where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from talanoa.image.ops.registration import Shift, overlapping, shift
from talanoa.tasks.sample.noisy import Camera, draw


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (7, -11), (-20, 3)])
def test_a_shift_is_found_under_noise_gain_and_offset(dy: int, dx: int) -> None:
    sample = draw((256, 256), seed=dy + 20)
    low = sample.low[32:224, 32:224]
    high = sample.high[32 + dy : 224 + dy, 32 + dx : 224 + dx] * 0.2 + 4000.0
    found = shift(low, high)
    assert found[:3] == pytest.approx((0, dy, dx), abs=0.15)
    assert found.sure
    one, other = overlapping(sample.high[32:224, 32:224] * 0.2 + 4000.0, high, found)
    assert one.shape == (192 - abs(dy), 192 - abs(dx))
    np.testing.assert_array_equal(one, other)


def test_a_part_of_a_pixel() -> None:
    sample = draw((128, 128), seed=2)
    moved = ndimage.shift(sample.high.astype(float), (0.5, -1.3), order=3, mode="nearest")
    assert shift(sample.high, moved)[1:3] == pytest.approx((-0.5, 1.3), abs=0.15)


def test_a_stack() -> None:
    sample = draw((12, 96, 96), seed=2)
    found = shift(sample.low, np.roll(sample.high, (2, 3, -4), (0, 1, 2)))
    assert found[:3] == pytest.approx((-2, -3, 4), abs=0.3)
    assert found.sure
    one, other = overlapping(sample.low[None], np.roll(sample.high, (2, 3, -4), (0, 1, 2))[None], found)
    assert one.shape == other.shape == (1, 10, 93, 92)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.6


@pytest.mark.parametrize("seed", range(10))
def test_different_fields_are_not_believed(seed: int) -> None:
    assert not shift(draw((128, 128), seed=seed).low, draw((128, 128), seed=seed + 50).high).sure


def test_noise_and_a_regular_pattern_are_not_believed() -> None:
    rng = np.random.default_rng(0)
    assert not shift(*rng.normal(size=(2, 128, 128))).sure
    rows, columns = np.mgrid[:128, :128]
    grid = np.sin(rows / 3) + np.sin(columns / 3)
    assert not shift(grid, np.roll(grid, 5, axis=1)).sure


def test_a_faint_exposure_is_still_found() -> None:
    sample = draw((256, 256), seed=1, camera=Camera(photons=1))
    assert shift(sample.low, sample.high) == pytest.approx((0, 0, 0, 1), abs=0.3)


def test_constant_images_and_nan_have_no_shift() -> None:
    image = draw((64, 64), seed=0).high.astype(float)
    broken = image.copy()
    broken[3, 3] = np.nan
    for other in (np.full_like(image, 5), broken):
        assert shift(image, other) == Shift(0, 0, 0, 0)
        assert not shift(image, other).sure


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 5\)"):
        shift(np.zeros((4, 5)), np.zeros((5, 4)))
