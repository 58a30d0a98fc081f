"""Whether crops are worth learning from: their share of background, their exposure; and an even illumination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talanoa.labelling.data import empty

EMPTY, BACKGROUND, DARK, BRIGHT, FLAT = "empty", "background", "under-exposed", "over-exposed", "blank"
_DARK = 4.0  # deviations of the noise up to which a blurred background lies above the darkest values, which became 0


@dataclass(frozen=True)
class CropLimits:
    """When a crop is left out of a training, or reported apart.

    Parameters
    ----------
    background : float
        Largest share of the target's pixels that may be background.
    level : float
        Target intensity, normalised, up to which a pixel is background; more where noise lifts the background.
    dark, bright : float
        Lowest and highest mean of the input, normalised.
    flat : float
        Standard deviation of the input, normalised, up to which nothing is seen in it.
    """

    background: float = 0.98
    level: float = 0.1
    dark: float = 0.05
    bright: float = 0.95
    flat: float = 0.005


def fault_of(
    image: NDArray, target: NDArray, limits: CropLimits | None = None, noise: Sequence[float] | None = None
) -> str:
    """Return why a crop tells little: "blank", "under-exposed", "over-exposed", "empty", "background"; else "".

    Parameters
    ----------
    image, target : ndarray, (channels, y, x)
        Normalised to 0..1. "empty": no stain has any place above the background and its noise; PCC means nothing
        there (Philbert 2020: 0.136 on empty crops against 0.926), so that metrics count such crops apart.
    limits : CropLimits, optional
    noise : sequence of float, optional
        Standard deviation of the noise of each stain, in its field: a crop that was turned or enlarged has less between
        neighbours. Omitted: measured in the crop.
    """
    limits = limits or CropLimits()
    if noise is None:
        noise = [empty.noise(plane) for plane in target]
    if float(image.std(axis=(1, 2)).max()) <= limits.flat:
        return FLAT
    mean = float(image.mean())
    if mean < limits.dark:
        return DARK
    if mean > limits.bright:
        return BRIGHT
    covered = float(np.any([_stained(*each, limits.level) for each in zip(target, noise, strict=True)], axis=0).mean())
    if covered == 0:
        return EMPTY
    return BACKGROUND if 1 - covered > limits.background else ""


def _stained(plane: NDArray, noise: float, level: float) -> NDArray[np.bool_]:
    """Tell which pixels of a stain (y, x), normalised, are above the background, and not by their noise alone."""
    return (plane > level) & (empty.blurred(plane, 0.0) > max(level, _DARK * noise))


def flat_field(images: Sequence[NDArray], smooth: float = 0.1) -> NDArray[np.float32]:
    """Return the illumination (y, x), mean 1, that images of transmitted light share.

    The median over the images has no cells in it, as they lie elsewhere in each; what is left of them is smoothed.

    Parameters
    ----------
    images : sequence of ndarray, (y, x)
        Many fields through the same optics; ten and more.
    smooth : float
        Width of the smoothing over the image's shorter side.
    """
    from scipy.ndimage import gaussian_filter

    middle = np.median(
        np.stack([np.asarray(image, np.float32) / max(float(np.mean(image)), 1e-12) for image in images]), axis=0
    )
    even = gaussian_filter(middle, smooth * min(middle.shape), mode="nearest")
    return np.asarray(even / even.mean(), np.float32)


def flattened(image: NDArray, illumination: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (planes, y, x) divided by the illumination (y, x), or that of each plane."""
    return np.asarray(image / np.maximum(illumination, 1e-6), np.float32)
