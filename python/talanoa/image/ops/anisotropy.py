"""Stacks whose slices lie farther apart than their pixels: how much, stretched to cubic voxels, and planes made alike.

The slices of a stack are samples along z of something that the microscope has blurred along z. A plane (y, x) is made
alike along y: blurred, sampled at the same distance, and stretched by the same interpolation that stacks are stretched
by (Weigert et al. 2018, doi:10.1038/s41592-018-0216-7).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

SQUARE = 0.02  # by which width and height of a pixel may differ
LEAST = 1.05  # slice distance by pixel width below which there is nothing to restore
_MAD = 0.6745  # median absolute deviation of a normal distribution by its standard deviation


def of_calibration(attrs: Mapping[str, Any], name: str) -> float:
    """Return how many pixels wide the distance of two slices is.

    Parameters
    ----------
    attrs : mapping
        ``pixel_size`` (z, y, x) and ``unit`` of an image.
    name : str
        Of the image, for the errors.

    Raises
    ------
    BadInput
        No calibration, pixels that are not square, slices that are not farther apart than pixels.
    """
    depth, height, width = map(float, attrs["pixel_size"])
    if attrs.get("depth_unknown") or (attrs["unit"] == "pixel" and depth == width):
        raise BadInput(
            f"{name} is not calibrated; expected a pixel width and a larger voxel depth, which say how far the slices "
            "are apart. Set them (in ImageJ: Image > Properties), or give anisotropy=<voxel depth / pixel width>."
        )
    if abs(height / width - 1) > SQUARE:
        raise BadInput(f"{name} has pixels of {width:g} x {height:g} {attrs['unit']}; expected square ones.")
    return checked(depth / width, f"{name}: voxel depth {depth:g}, pixel width {width:g} {attrs['unit']}")


def checked(factor: float, where: str) -> float:
    """Return a factor along z; one that leaves nothing to restore is a `BadInput`."""
    if factor < LEAST:
        raise BadInput(
            f"{where}: the slices are {factor:.3g} pixel widths apart; expected more than {LEAST:g}. Such a stack is "
            "isotropic along z, or finer, already: check the voxel depth, or train another method."
        )
    return factor


def count_of(slices: int, factor: float) -> int:
    """Return how many slices a stretched stack has: from the first slice to the last one."""
    return floor((slices - 1) * factor + 1e-6) + 1


def stretched(values: NDArray, axis: int, factor: float) -> NDArray[np.float32]:
    """Return an array that is `factor` times as long along an axis, linearly interpolated; the first place stays.

    Parameters
    ----------
    values : ndarray
        Along `axis` at the places 0, factor, 2 factor, ….
    axis : int
    factor : float
        From 1.

    Returns
    -------
    ndarray of float32
        At the places 0, 1, 2, … up to the last one of `values`.
    """
    return _at(values, axis, np.arange(count_of(values.shape[axis], factor)) / factor)


def _at(values: NDArray, axis: int, places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the values at places along an axis, which lie between the first and the last."""
    before = np.minimum(places.astype(np.intp), max(values.shape[axis] - 2, 0))
    after = np.minimum(before + 1, values.shape[axis] - 1)
    shape = [1] * values.ndim
    shape[axis] = -1
    share = (places - before).astype(np.float32).reshape(shape)
    low, high = (np.take(values, which, axis=axis).astype(np.float32, copy=False) for which in (before, after))
    return np.asarray(low + share * (high - low), np.float32)


def degraded(
    planes: NDArray[np.float32], factor: float, sigma: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make planes as bad along y as a stack is along z.

    Blurring takes noise away that the slices of a stack have: so much is added again, normally distributed.

    Parameters
    ----------
    planes : ndarray of float32, (c, y, x)
    factor : float
        Distance of the slices in pixels.
    sigma : float
        Standard deviation of the blur in pixels.
    rng : Generator
        Of the noise.

    Returns
    -------
    made, planes : ndarray of float32, (c, y, x)
        What is left of the planes, and the planes; a few rows at the end that cannot be interpolated are cut off.
    """
    from scipy.ndimage import gaussian_filter1d

    blurred = gaussian_filter1d(planes, sigma, axis=1, mode="nearest") if sigma else planes
    samples = floor((planes.shape[1] - 1) / factor + 1e-6) + 1
    sampled = _at(blurred, 1, np.minimum(np.arange(samples) * factor, planes.shape[1] - 1))
    lost = np.sqrt(1 - _share_of_noise(sigma))
    for channel, plane in zip(sampled, planes, strict=True):
        channel += rng.normal(0, lost * noise_of(plane), channel.shape).astype(np.float32)
    made = stretched(sampled, 1, factor)
    return made, planes[:, : made.shape[1]]


def noise_of(plane: NDArray) -> float:
    """Return the standard deviation of the noise of a plane (y, x): of its finest diagonal detail, by the median.

    Donoho & Johnstone 1994, doi:10.1093/biomet/81.3.425, with Haar's wavelet.
    """
    even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2].astype(np.float32)
    detail = (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2
    return float(np.median(np.abs(detail)) / _MAD) if detail.size else 0.0


def _share_of_noise(sigma: float) -> float:
    """Return which part of the variance of independent noise is left by a Gaussian blur along one axis."""
    if not sigma:
        return 1.0
    places = np.arange(-floor(4 * sigma + 0.5), floor(4 * sigma + 0.5) + 1)
    kernel = np.exp(-0.5 * (places / sigma) ** 2)
    return float((kernel**2).sum() / kernel.sum() ** 2)
