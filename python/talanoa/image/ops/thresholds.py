"""Where objects begin: global thresholds by ImageJ's names and values, and a local one.

A global threshold is found in a histogram of 256 bins, as in ImageJ: one per intensity for 8-bit images, else between
the lowest and the highest intensity. Objects are bright; `invert` turns dark ones on a bright background into such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

BINS = 256
_MOST_SMOOTHING = 10_000
Counts = NDArray[np.int64]


class Histogram(NamedTuple):
    """Pixels in each bin; bin k holds start + k * width <= intensity < start + (k + 1) * width."""

    counts: Counts
    start: float
    width: float


def threshold(values: NDArray, method: str) -> float:
    """Return the lowest intensity of an object: pixels from it on are foreground.

    Parameters
    ----------
    values : ndarray, any shape
        Finite intensities, objects bright.
    method : str
        One of `METHODS`.

    Returns
    -------
    float
        Infinite where all pixels have one intensity: then nothing is foreground.

    Raises
    ------
    BadInput
        Unknown method, NaN or infinite values, or a histogram for which the method has no answer.
    """
    if method not in METHODS:
        raise BadInput(f"Found the threshold {method!r}; expected one of {', '.join(METHODS)}.")
    found = histogram(values)
    if np.count_nonzero(found.counts) < 2:
        return float("inf")
    return found.start + (METHODS[method](found.counts) + 1) * found.width


def histogram(values: NDArray) -> Histogram:
    """Count intensities as ImageJ does before it looks for a threshold: uint8 by value, others in 256 equal bins."""
    if values.dtype == np.uint8:
        return Histogram(np.bincount(values.ravel(), minlength=BINS), 0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise BadInput("Found NaN or infinite intensities; expected finite ones. Replace them before the threshold.")
    whole = values.dtype.kind in "ui"
    width = max((high - low + 1) / BINS, 1.0) if whole else (high - low) / BINS
    if width == 0:
        return Histogram(np.array([values.size]), low, 0.0)
    scaled = (values.ravel().astype(np.float64) - low) / width
    return Histogram(np.bincount(np.minimum(scaled, BINS - 1).astype(np.int64), minlength=BINS), low, width)


def invert(values: NDArray) -> NDArray:
    """Return the mirror image of the intensities between their lowest and highest: dark objects become bright."""
    return values.max() - values + values.min()


def huang(counts: Counts) -> int:
    """Return the last bin of the background by Huang's fuzzy entropy, with Shannon's function, as ImageJ's "Huang".

    A pixel belongs to its side of the threshold the more, the nearer it is to the mean of that side; the threshold that
    leaves the least doubt in all is taken.

    References
    ----------
    Huang and Wang 1995, doi:10.1016/0031-3203(94)E0043-K.
    """
    bins = np.arange(len(counts), dtype=float)
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    below, mass = np.cumsum(counts * bins), np.cumsum(counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        dark = below / mass
        bright = (below[-1] - below) / (mass[-1] - mass)
    bright[last:] = 0.0
    mean = np.where(bins[None] <= bins[:, None], dark[:, None], bright[:, None])  # (threshold, bin)
    belonging = 1 / (1 + np.abs(bins[None] - mean) / (last - first))
    doubt = counts * _entropy(belonging)
    chosen = slice(first, last)
    return first + int(np.argmin(doubt.sum(axis=1)[chosen]))


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Shannon's entropy of (share, 1 - share); 0 where one of them is almost nothing."""
    some = (share >= 1e-6) & (share <= 0.999999)
    safe = np.where(some, share, 0.5)
    return np.where(some, -safe * np.log(safe) - (1 - safe) * np.log(1 - safe), 0.0)


def otsu(counts: Counts) -> int:
    """Return the bin that makes both sides most alike within themselves (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""
    from skimage.filters import threshold_otsu

    return int(threshold_otsu(hist=(counts, np.arange(len(counts)))))


def yen(counts: Counts) -> int:
    """Return the bin of largest correlation (Yen, Chang and Chang 1995, doi:10.1109/83.366472)."""
    from skimage.filters import threshold_yen

    return int(threshold_yen(hist=(counts, np.arange(len(counts)))))


def isodata(counts: Counts) -> int:
    """Return the first bin half-way between the means of both sides (Ridler and Calvard 1978), as ImageJ's "IsoData".

    References
    ----------
    doi:10.1109/TSMC.1978.4310039.
    """
    bins = np.arange(len(counts), dtype=float)
    mass, below = np.cumsum(counts), np.cumsum(counts * bins)
    start = int(np.flatnonzero(counts[1:])[0]) + 2
    cut = np.arange(start, len(counts) - 1)  # a bin belongs to neither side while it is tried
    rest = mass[-1] - mass[cut]
    both = (mass[cut - 1] > 0) & (rest > 0)
    dark = below[cut - 1] // np.maximum(mass[cut - 1], 1)
    middle = (dark + (below[-1] - below[cut]) / np.maximum(rest, 1)) / 2
    found = cut[both & (np.floor(middle + 0.5) == cut)]
    if not len(found):
        raise BadInput("The threshold 'isodata' finds no balance in this histogram. Choose otsu or huang.")
    return int(found[0])


def minimum(counts: Counts) -> int:
    """Return the valley of a histogram smoothed until two peaks are left, as ImageJ's "Minimum".

    References
    ----------
    Prewitt and Mendelsohn 1966, doi:10.1111/j.1749-6632.1965.tb11715.x.
    """
    smooth = counts.astype(float)
    for _ in range(_MOST_SMOOTHING):
        peaks = np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] > smooth[2:])) + 1
        if len(peaks) == 2:
            return int(peaks[0] + np.argmin(smooth[peaks[0] : peaks[1]]))
        if len(peaks) < 2:
            break
        smooth = np.convolve(smooth, [1 / 3] * 3, "same")
    raise BadInput(
        "The threshold 'minimum' needs a histogram with two peaks; found another shape. Choose otsu or huang."
    )


def mean(counts: Counts) -> int:
    """Return the bin of the mean intensity (Glasbey 1993, doi:10.1006/cgip.1993.1040)."""
    return int(np.dot(counts, np.arange(len(counts))) // counts.sum())


def li(counts: Counts) -> int:
    """Return the bin of least cross entropy (Li and Tam 1998, doi:10.1016/S0167-8655(98)00057-9), from the mean on."""
    bins = np.arange(len(counts), dtype=float)
    mass, below = np.cumsum(counts), np.cumsum(counts * bins)
    new, old = below[-1] / mass[-1], np.inf
    while abs(new - old) > 0.5:
        old = new
        cut = int(old + 0.5)
        dark = below[cut] / mass[cut] if mass[cut] else 0.0
        rest = mass[-1] - mass[cut]
        bright = (below[-1] - below[cut]) / rest if rest else 0.0
        if dark <= 0 or bright <= 0:
            break
        new = np.floor((dark - bright) / (np.log(dark) - np.log(bright)) + 0.5)
    return int(old + 0.5)


def triangle(counts: Counts) -> int:
    """Return the bin farthest below the line from the peak to the end of the longer tail (Zack et al. 1977).

    References
    ----------
    doi:10.1177/25.7.70454.
    """
    filled = np.flatnonzero(counts)
    low, high = max(int(filled[0]) - 1, 0), min(int(filled[-1]) + 1, len(counts) - 1)
    peak = int(np.argmax(counts))
    if peak - low < high - peak:
        return len(counts) - 1 - _tail(counts[::-1], len(counts) - 1 - high, len(counts) - 1 - peak)
    return _tail(counts, low, peak)


def _tail(counts: Counts, end: int, peak: int) -> int:
    """Return the bin before the one farthest from the line that joins the end of the left tail with the peak."""
    bins = np.arange(end, peak + 1)
    if len(bins) < 2:
        return end
    distance = counts[peak] * (bins - end) - (peak - end) * (counts[end : peak + 1] - 0.0)
    return int(bins[np.argmax(distance)]) - 1


METHODS: Mapping[str, Callable[[Counts], int]] = {
    "huang": huang,
    "otsu": otsu,
    "li": li,
    "triangle": triangle,
    "yen": yen,
    "isodata": isodata,
    "minimum": minimum,
    "mean": mean,
}


def local_mean(plane: NDArray, block: int) -> NDArray[np.float32]:
    """Return the gaussian mean around every pixel, the surface that a local threshold compares with.

    Parameters
    ----------
    plane : ndarray, (y, x) or (z, y, x)
        Intensities.
    block : int
        Side of the neighbourhood in pixels, odd; the gaussian's standard deviation is (block - 1) / 6, as in
        scikit-image's `threshold_local`. The image is mirrored at its border.
    """
    from scipy.ndimage import gaussian_filter

    if block < 3 or block % 2 == 0:
        raise BadInput(f"block: found {block}; expected an odd number of pixels from 3 on.")
    return gaussian_filter(plane.astype(np.float32), (block - 1) / 6, mode="reflect", truncate=3.0)
