"""Objects as CellProfiler's IdentifyPrimaryObjects finds them: adaptive Otsu, declumping by intensity.

Follows the module's defaults (CellProfiler 4): smoothing with sigma 1 before the threshold; Otsu in blocks joined by a
spline and held within 0.7 and 1.5 times the global threshold; holes filled before and after declumping; peaks of the
image smoothed with sigma = smallest diameter / 3.5, no two within smallest diameter / 1.5; watershed on intensity.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa.segmentation.classical import objects

if TYPE_CHECKING:
    from talanoa.segmentation.classical.config import PrimaryConfig

_SMOOTHING = 1.0  # sigma before the threshold: the module's smoothing scale 1.3488 / 0.6744 / 2
_WITHIN = (0.7, 1.5)  # of the global threshold


def find(steps: dict[str, NDArray], config: PrimaryConfig, factor: float) -> NDArray[np.int32]:
    """Return the objects in ``steps["normalised"]``, before they are filtered; every step is added to `steps`.

    Parameters
    ----------
    steps : dict of str to ndarray (y, x)
        Holds "normalised": intensities from 0 to 1.
    config : PrimaryConfig
        Parameters.
    factor : float
        Pixels of this image per published pixel.
    """
    from scipy.ndimage import gaussian_filter

    values = steps["normalised"]
    if config.clahe:
        values = steps["enhanced"] = enhance(values, config, factor)
    smooth = gaussian_filter(values, _SMOOTHING)
    surface = adaptive_otsu(smooth, max(2, round(config.window * factor)))
    steps["threshold"] = np.clip(surface, config.threshold_low, config.threshold_high).astype(np.float32)
    steps["thresholded"] = smooth >= steps["threshold"]
    steps["filled"] = objects.fill_holes(steps["thresholded"])
    if not config.declump:
        return objects.components(steps["filled"])
    labels = declump(values, steps["filled"], config.min_diameter * factor)
    steps["declumped"] = labels
    return labels


def enhance(values: NDArray[np.float32], config: PrimaryConfig, factor: float) -> NDArray[np.float32]:
    """Enhance local contrast (CLAHE; Zuiderveld 1994) by scikit-image, with ImageJ's parameters block, bins and slope.

    The slope s limits a bin to s times its share of an even histogram, that is, clip_limit = s / bins. Neighbourhoods
    are tiles with interpolation between them, where ImageJ's accurate mode moves one from pixel to pixel.
    """
    from skimage.exposure import equalize_adapthist

    if values.max() <= values.min():
        return values
    block = min(max(3, round(config.clahe_block * factor)), *values.shape)
    limit = config.clahe_slope / config.clahe_bins
    return equalize_adapthist(values, block, min(limit, 1.0), config.clahe_bins).astype(np.float32)


def adaptive_otsu(values: NDArray[np.float32], window: int) -> NDArray[np.float64]:
    """Return a threshold for every pixel: Otsu's in blocks of about `window` pixels, joined by a cubic spline.

    Parameters
    ----------
    values : ndarray, (y, x)
        Intensities.
    window : int
        Side of a block; at least two blocks are made along each axis.
    """
    from scipy.interpolate import RectBivariateSpline

    whole = _otsu(values)
    count = [max(2, size // window) for size in values.shape]
    edges = [np.linspace(0, size, n + 1) for size, n in zip(values.shape, count, strict=True)]
    rows, columns = (edge.astype(int) for edge in edges)
    levels = np.array([[_otsu(values[y0:y1, x0:x1]) for x0, x1 in pairwise(columns)] for y0, y1 in pairwise(rows)])
    middles = [(edge[:-1] + edge[1:]) / 2 for edge in edges]
    order = [min(3, n - 1) for n in count]
    spline = RectBivariateSpline(*middles, levels, kx=order[0], ky=order[1])
    surface = spline(*(np.arange(size) for size in values.shape))
    return np.clip(surface, _WITHIN[0] * whole, _WITHIN[1] * whole)


def declump(values: NDArray, mask: NDArray[np.bool_], min_diameter: float) -> NDArray[np.int32]:
    """Split clumps at dark lines between intensity peaks.

    Parameters
    ----------
    values : ndarray, (y, x)
        Intensities.
    mask : ndarray of bool, (y, x)
        Foreground.
    min_diameter : float
        Smallest diameter of an object in pixels; sets the smoothing and how near two peaks may be.
    """
    from scipy.ndimage import gaussian_filter, grey_dilation
    from skimage.morphology import disk
    from skimage.segmentation import watershed

    smooth = gaussian_filter(values.astype(np.float32), min_diameter / 3.5)
    near = disk(max(1, round(min_diameter / 1.5 - 0.5)))
    seen = np.where(mask, smooth, -np.inf)
    tops = mask & (smooth >= grey_dilation(seen, footprint=near))
    markers = objects.components(tops)
    labels = watershed(-values, markers, connectivity=np.ones((3, 3)), mask=mask)
    return _each_filled(labels)


def _each_filled(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Fill the holes of every object that lie within it alone, numbered in reading order."""
    from scipy import ndimage

    filled = np.zeros(labels.shape, np.int32)
    firsts = np.unique(labels, return_index=True)
    order = [int(number) for number in firsts[0][np.argsort(firsts[1])] if number]
    boxes = ndimage.find_objects(labels)
    for rank, number in enumerate(order):
        box = boxes[number - 1]
        whole = ndimage.binary_fill_holes(labels[box] == number)
        free = whole & ((labels[box] == number) | (labels[box] == 0))
        filled[box][free] = rank + 1
    return filled


def _otsu(values: NDArray) -> float:
    """Return Otsu's threshold; of an even block its one intensity."""
    from skimage.filters import threshold_otsu

    return float(values.flat[0]) if values.min() == values.max() else float(threshold_otsu(values))
