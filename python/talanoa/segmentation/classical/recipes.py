"""Classical segmentations of fluorescence: nuclei, endoplasmic reticulum, Golgi, GFP, and CellProfiler-like objects.

Pure functions: a plane in, labels and every step out. A step is an image that can be looked at; their names and order
are those of the published recipes. Parameters: `talanoa.segmentation.classical.config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image.ops import background
from talanoa.image.ops.normalize import percentile_limits, rescale
from talanoa.image.ops.thresholds import local_mean, threshold
from talanoa.segmentation.classical import objects
from talanoa.segmentation.classical import primary as classical_primary
from talanoa.segmentation.classical.config import (
    Config,
    ErConfig,
    GfpConfig,
    GolgiConfig,
    NucleiConfig,
    PrimaryConfig,
    config_from,
)

Steps = dict[str, NDArray]


class Segmented(NamedTuple):
    """What a recipe found.

    Parameters
    ----------
    labels : ndarray of int32, (y, x)
        1..n in reading order, 0 = background.
    steps : dict of str to ndarray (y, x)
        The image after each step, in order.
    removed : dict of str to int
        How many regions were removed for which reason.
    """

    labels: NDArray[np.int32]
    steps: Steps
    removed: dict[str, int]


def segment(plane: NDArray, name: str = "nuclei", parameters: Mapping[str, Any] | str = "") -> Segmented:
    """Segment a plane by one of the recipes.

    Parameters
    ----------
    plane : ndarray, (y, x)
        Finite intensities, objects bright.
    name : {"nuclei", "er", "golgi", "gfp", "primary"}
        The recipe.
    parameters : mapping, or text such as "block=181"
        Parameters that differ from the published ones.

    Raises
    ------
    BadInput
        No plane of finite numbers; unknown recipe or parameter.
    """
    config = config_from(name, parameters)
    if plane.ndim != 2 or not np.isfinite(plane).all():
        raise BadInput(f"Found an image of shape {plane.shape}; expected a plane (y, x) of finite intensities.")
    return RECIPES[name](plane, config)


def normalised(plane: NDArray, how: str) -> NDArray[np.float32]:
    """Return intensities from 0 to 1 (float32), by the whole range or by percentiles; "none" only converts."""
    if how == "none":
        return plane.astype(np.float32)
    limits = (float(plane.min()), float(plane.max())) if how == "minmax" else percentile_limits(plane)
    return np.clip(rescale(plane, *limits), 0, 1)


def nuclei(plane: NDArray, config: NucleiConfig | None = None) -> Segmented:
    """Segment nuclei: normalise, local or minimum threshold, fill holes, regions by area and solidity.

    Steps: normalised, threshold (the surface, local only), thresholded, filled, filtered.
    """
    config = config or NucleiConfig.model_validate({})
    steps: Steps = {"normalised": normalised(plane, config.normalise)}
    if config.threshold == "local":
        mask = _above_local(steps, "normalised", config.odd(config.block, plane.shape), config.offset)
    else:
        mask = steps["normalised"] >= threshold(steps["normalised"], "minimum")
    steps["thresholded"] = mask
    steps["filled"] = objects.fill_holes(mask)
    area = config.factor(plane.shape) ** 2
    limits = objects.Limits(config.min_area * area, config.max_area * area, config.solidity)
    return _regions(steps, "filled", limits)


def er(plane: NDArray, config: ErConfig | None = None) -> Segmented:
    """Segment the endoplasmic reticulum.

    Steps: normalised, above_mean (zero below the mean intensity), threshold, thresholded, filled, opened, smoothed,
    filtered.
    """
    config = config or ErConfig.model_validate({})
    steps: Steps = {"normalised": normalised(plane, config.normalise)}
    steps["above_mean"] = np.where(steps["normalised"] > steps["normalised"].mean(), steps["normalised"], 0)
    block = config.odd(config.block, plane.shape)
    steps["thresholded"] = _above_local(steps, "above_mean", block, config.offset) & (steps["above_mean"] > 0)
    steps["filled"] = objects.fill_holes(steps["thresholded"])
    steps["opened"] = _opened(steps["filled"], config.opening * config.factor(plane.shape))
    steps["smoothed"] = _smoothed(steps["opened"]) if config.gaussian else steps["opened"]
    limits = objects.Limits(config.min_area * config.factor(plane.shape) ** 2)
    return _regions(steps, "smoothed", limits)


def golgi(plane: NDArray, config: GolgiConfig | None = None) -> Segmented:
    """Take the background off Golgi images; what is left are the regions.

    Steps: ball (rolling ball, where asked for), clipped (at a percentile), rescaled (0..1), filtered.
    """
    config = config or GolgiConfig.model_validate({})
    steps: Steps = {}
    values: NDArray = plane
    if config.radius:
        values = steps["ball"] = background.rolling_ball(values, config.radius * config.factor(plane.shape))
    if config.clip:
        values = steps["clipped"] = background.clip_low(values, config.clip)
    steps["rescaled"] = normalised(values, "minmax")
    limits = objects.Limits(config.min_area * config.factor(plane.shape) ** 2)
    return _regions(steps, "rescaled", limits)


def gfp(plane: NDArray, config: GfpConfig | None = None) -> Segmented:
    """Make GFP binary: local threshold and opening; a predicted mask is cut.

    Steps: normalised, threshold, thresholded, opened (none of them for a predicted mask: cut), filtered.
    """
    config = config or GfpConfig.model_validate({})
    area = config.factor(plane.shape) ** 2
    limits = objects.Limits(config.min_area * area)
    if config.predicted:
        return _regions({"cut": plane >= config.cut}, "cut", limits)
    steps: Steps = {"normalised": normalised(plane, config.normalise)}
    block = config.odd(config.block, plane.shape)
    steps["thresholded"] = _above_local(steps, "normalised", block, config.offset)
    steps["opened"] = _opened(steps["thresholded"], config.opening * config.factor(plane.shape))
    return _regions(steps, "opened", limits)


def primary(plane: NDArray, config: PrimaryConfig | None = None) -> Segmented:
    """Find objects as CellProfiler's IdentifyPrimaryObjects does, after ImageJ's CLAHE; see
    `talanoa.segmentation.classical.primary`.

    Steps: normalised, enhanced (CLAHE), threshold, thresholded, filled, declumped, filtered.
    """
    config = config or PrimaryConfig.model_validate({})
    steps: Steps = {"normalised": normalised(plane, config.normalise)}
    labels = classical_primary.find(steps, config, config.factor(plane.shape))
    radius = np.array([config.min_diameter, config.max_diameter]) * config.factor(plane.shape) / 2
    low, high = np.pi * radius**2
    limits = objects.Limits(float(low), float(high), border=not config.discard_border)
    kept = objects.keep(labels, limits)
    steps["filtered"] = kept.labels > 0
    return Segmented(kept.labels, steps, kept.removed)


def _above_local(steps: Steps, name: str, block: int, offset: float) -> NDArray[np.bool_]:
    """Return which pixels of a step lie above their gaussian local mean; the surface becomes a step."""
    steps["threshold"] = local_mean(steps[name], block) + np.float32(offset)
    return steps[name] > steps["threshold"]


def _opened(mask: NDArray[np.bool_], side: float) -> NDArray[np.bool_]:
    """Open a mask by a square of at least one pixel; the image's border takes nothing away."""
    from scipy import ndimage

    size = max(1, round(side))
    wide = ndimage.binary_opening(np.pad(mask, size, mode="edge"), np.ones((size, size)))
    return wide[size:-size, size:-size]


def _smoothed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Smooth a mask with the 3 x 3 gaussian (1, 2, 1) / 4 along both axes and cut at one half."""
    from scipy import ndimage

    values = mask.astype(np.float32)
    for axis in (0, 1):
        values = ndimage.convolve1d(values, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    return values >= 0.5


def _regions(steps: Steps, name: str, limits: objects.Limits) -> Segmented:
    """Number the connected parts of the last step within limits."""
    kept = objects.keep(objects.components(steps[name] > 0), limits)
    steps["filtered"] = kept.labels > 0
    return Segmented(kept.labels, steps, kept.removed)


RECIPES: Mapping[str, Callable[[NDArray, Any], Segmented]] = {
    "nuclei": nuclei,
    "er": er,
    "golgi": golgi,
    "gfp": gfp,
    "primary": primary,
}

__all__ = ["RECIPES", "Config", "Segmented", "er", "gfp", "golgi", "normalised", "nuclei", "primary", "segment"]
