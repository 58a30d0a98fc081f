"""Objects by a threshold: blur, background, threshold, holes, necks, limits of size and shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa.annotation.propose_parts import Found
from talanoa.image.ops import background, thresholds
from talanoa.image.ops.normalize import percentile_limits
from talanoa.segmentation.classical import objects

if TYPE_CHECKING:
    from talanoa.annotation.request_propose import ProposeRequest

_FEWEST_BLOCK = 101  # pixels of an adaptive threshold's neighbourhood in small images


def threshold_objects(values: NDArray, request: ProposeRequest, spacing: tuple[float, ...] | None = None) -> Found:
    """Find the objects of one plane (y, x) or volume (z, y, x) by a threshold.

    Parameters
    ----------
    values : ndarray
        Finite intensities.
    request : ProposeRequest
        Its keys for ``by=threshold`` and the limits.
    spacing : tuple of float, optional
        Distance of the pixels along each axis in pixels of the last one.
    """
    prepared = _prepared(values, request, spacing)
    level = _level(prepared, values, request)
    mask = prepared >= level
    if request.fill_holes:
        mask = objects.fill_holes(mask)
    if request.watershed:
        labels = objects.split_touching(mask, request.watershed_depth, spacing)
    else:
        labels = objects.components(mask)
    kept = objects.keep(labels, limits_of(request))
    return Found(kept.labels, level if isinstance(level, float) else None, kept.removed)


def limits_of(request: ProposeRequest) -> objects.Limits:
    """Return which objects a request keeps."""
    largest = float("inf") if request.max_size is None else request.max_size
    return objects.Limits(request.min_size, largest, request.solidity, request.border == "keep")


def _prepared(values: NDArray, request: ProposeRequest, spacing: tuple[float, ...] | None) -> NDArray:
    """Return intensities with bright objects, blurred and without background as asked for."""
    from scipy.ndimage import gaussian_filter

    if request.dark_objects:
        values = thresholds.invert(values)
    if request.sigma:
        widths = [request.sigma / step for step in spacing or (1.0,) * values.ndim]
        values = gaussian_filter(values.astype(np.float32), widths)
    if request.background == "none":
        return values
    planes = values.reshape(-1, *values.shape[-2:])
    cleaned = [background.remove(plane, request.background, request.background_radius) for plane in planes]
    return np.stack(cleaned).reshape(values.shape)


def _level(prepared: NDArray, values: NDArray, request: ProposeRequest) -> float | NDArray[np.float32]:
    """Return the intensity from which on pixels are foreground: one for all, or one for each pixel."""
    if request.threshold == "adaptive":
        block = request.block or max(_FEWEST_BLOCK, max(values.shape[-2:]) // 10)
        low, high = percentile_limits(prepared)
        if float(prepared.max()) <= float(prepared.min()):
            return float("inf")
        offset = 0.05 * (high - low) if request.offset is None else request.offset
        planes = prepared.reshape(-1, *prepared.shape[-2:])
        mean = [thresholds.local_mean(plane, block | 1) for plane in planes]
        return np.stack(mean).reshape(prepared.shape) + np.asarray(offset, np.float32)
    if request.threshold == "value":
        level = float(request.level or 0.0)
        return float(values.max()) + float(values.min()) - level if request.dark_objects else level
    return thresholds.threshold(prepared, request.threshold)
