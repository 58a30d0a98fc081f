"""Thresholds: cases computed by hand, and what must hold for every method. ImageJ's own values: tests/fiji."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from helpers.synthetic import nuclei
from talanoa.core.errors import BadInput
from talanoa.image.ops import thresholds

BOTH = [name for name in thresholds.METHODS if name != "minimum"]


def counts(**bins: int) -> np.ndarray:
    """Return a histogram of 256 bins: counts(b3=10) has ten pixels in bin 3."""
    found = np.zeros(256, np.int64)
    for name, number in bins.items():
        found[int(name[1:])] = number
    return found


@pytest.mark.parametrize("method", ["huang", "otsu", "li", "isodata", "mean"])
def test_two_intensities_are_told_apart(method: str) -> None:
    cut = thresholds.METHODS[method](counts(b10=50, b200=50))
    assert 10 <= cut < 200


def test_huang_by_hand() -> None:
    # bins 0, 1, 3 with 2, 1, 1 pixels, C = 3. Cut 0: means 0 | 2, memberships 1, 3/4, 3/4; cut 1: means 1/3 | 3,
    # memberships 9/10 (2 pixels), 9/11, 1; cut 2 as cut 1. Doubt: 1.125 at cut 0, 1.124 at cut 1
    def doubt(share: float) -> float:
        return -share * np.log(share) - (1 - share) * np.log(1 - share)

    first, second = 2 * doubt(3 / 4), 2 * doubt(9 / 10) + doubt(9 / 11)
    assert second < first
    assert thresholds.huang(counts(b0=2, b1=1, b3=1)) == 1


def test_mean_and_isodata_by_hand() -> None:
    assert thresholds.mean(counts(b0=3, b10=1)) == 2  # 10 / 4, rounded down
    assert thresholds.isodata(counts(b10=5, b30=5)) == 20


def test_triangle_goes_to_the_longer_tail() -> None:
    tail = np.zeros(256, np.int64)
    tail[20], tail[21:101] = 1000, 10  # straight down, then a flat tail to the right
    assert thresholds.triangle(tail) in (21, 22)
    assert thresholds.triangle(tail[::-1].copy()) == 255 - thresholds.triangle(tail)


def test_minimum_says_that_one_peak_has_no_valley() -> None:
    one = np.bincount(np.random.default_rng(0).normal(100, 10, 5000).astype(int), minlength=256)
    with pytest.raises(BadInput, match="two peaks.*Choose otsu"):
        thresholds.minimum(gaussian_filter(one.astype(float), 4).astype(np.int64))


@pytest.mark.parametrize("method", BOTH)
def test_threshold_moves_with_the_intensities(method: str) -> None:
    image = nuclei(seed=3)[0]
    wide = image.astype(np.uint16) * 16 + 100
    mask = image >= thresholds.threshold(image, method)
    assert 0 < mask.mean() < 1
    shifted = (image // 2 + 100).astype(np.uint8)
    assert thresholds.threshold(shifted, method) > 100
    overlap = (mask & (wide >= thresholds.threshold(wide, method))).sum() / mask.sum()
    assert overlap > 0.8  # the bins differ a little: by value in 8 bit, between lowest and highest in 16 bit


@pytest.mark.parametrize("method", thresholds.METHODS)
def test_threshold_does_not_depend_on_where_the_pixels_are(method: str) -> None:
    image = nuclei(seed=4)[0]
    level = thresholds.threshold(image, method)
    assert level == thresholds.threshold(image[::-1].T.copy(), method)


def test_an_even_image_has_no_foreground() -> None:
    for kind in (np.uint8, np.uint16, np.float32):
        assert thresholds.threshold(np.full((8, 8), 7, kind), "otsu") == np.inf


def test_nan_and_unknown_methods_are_refused() -> None:
    with pytest.raises(BadInput, match="NaN"):
        thresholds.threshold(np.array([[0.0, np.nan]]), "otsu")
    with pytest.raises(BadInput, match="expected one of huang, otsu"):
        thresholds.threshold(np.zeros((2, 2)), "best")


def test_histogram_holds_every_pixel_once() -> None:
    for values in (np.arange(1000, dtype=np.uint16), np.linspace(-1, 1, 1000, dtype=np.float32), np.arange(5)):
        found = thresholds.histogram(values)
        assert found.counts.sum() == values.size
        for k in np.flatnonzero(found.counts)[:3]:
            inside = (values >= found.start + k * found.width) & (values < found.start + (k + 1) * found.width)
            assert abs(int(inside.sum()) - int(found.counts[k])) <= 1  # rounding at an edge


def test_inverted_image_keeps_its_range() -> None:
    image = np.array([[3, 200], [50, 3]], np.uint8)
    assert thresholds.invert(image).tolist() == [[200, 3], [153, 200]]


def test_local_mean_agrees_with_scikit_image() -> None:
    from skimage.filters import threshold_local

    image = nuclei(seed=5)[0]
    theirs = threshold_local(image, 31, param=5.0)  # cut at 4 standard deviations instead of 3
    assert np.abs(thresholds.local_mean(image, 31) - theirs).max() < 0.02 * np.ptp(image)
    with pytest.raises(BadInput, match="odd"):
        thresholds.local_mean(image, 30)
