"""From foreground to objects: fill holes, split what touches, keep what has the right size and shape.

Everything works on planes (y, x) and volumes (z, y, x) alike; neighbours include those at corners, as in ImageJ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.measure import shapes

Labels = NDArray[np.int32]


class Limits(NamedTuple):
    """Which objects are kept.

    Parameters
    ----------
    min_size, max_size : float
        Pixels, or voxels; infinite: no limit.
    solidity : float
        Least area / area of the convex hull of the outline, 0 to 1, as ImageJ's "Solidity"; planes only.
    border : bool
        False drops objects that touch the image's border (in a volume the first and last slice are no border).
    """

    min_size: float = 0.0
    max_size: float = float("inf")
    solidity: float = 0.0
    border: bool = True


class Kept(NamedTuple):
    """Objects 1..n in reading order, and how many were removed for which reason."""

    labels: Labels
    removed: dict[str, int]


def components(mask: NDArray[np.bool_]) -> Labels:
    """Number the connected parts of a mask in reading order."""
    from scipy import ndimage

    labels = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, np.ones((3,) * mask.ndim), output=labels)
    return labels


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what cannot be reached from the image's border, slice by slice in a volume."""
    from scipy import ndimage

    if mask.ndim == 2:
        return ndimage.binary_fill_holes(mask)
    return np.stack([ndimage.binary_fill_holes(plane) for plane in mask])


def split_touching(mask: NDArray[np.bool_], depth: float = 0.75, spacing: tuple[float, ...] | None = None) -> Labels:
    """Split parts of a mask at their necks: watershed of the distance to the border.

    Parameters
    ----------
    mask : ndarray of bool, (y, x) or (z, y, x)
        Foreground.
    depth : float
        How far, in pixels, the half width of both parts must exceed that of the neck between them: the h of the
        h-maxima of the distance. Smaller values split more.
    spacing : tuple of float, optional
        Distance of the pixels along each axis in pixels of the last one; slices are often farther apart.
    """
    from scipy.ndimage import distance_transform_edt

    from talanoa.models.geometry.basins import basins  # loads numba

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    outside = np.pad(mask, 1, mode="edge")  # the image's border is no border of an object
    distance = distance_transform_edt(outside, sampling=spacing)[(slice(1, -1),) * mask.ndim]
    return basins(distance.astype(np.float32), depth)


def keep(labels: Labels, limits: Limits) -> Kept:
    """Drop objects outside the limits; each is counted under the first reason that holds: border, size, solidity."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    alive = sizes > 0
    removed: dict[str, int] = {}
    for reason, bad in _reasons(labels, sizes, limits):
        removed[reason] = int(np.count_nonzero(bad & alive))
        alive &= ~bad
    numbers = np.zeros(len(sizes), np.int32)
    numbers[alive] = np.arange(1, np.count_nonzero(alive) + 1)
    return Kept(numbers[labels], {reason: count for reason, count in removed.items() if count})


def _reasons(labels: Labels, sizes: NDArray[np.int64], limits: Limits) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield a reason in words, and for every label whether it holds."""
    unit = "voxels" if labels.ndim == 3 else "pixels"
    if not limits.border:
        yield "touching the border", _at_border(labels, len(sizes))
    if limits.min_size > 0:
        yield f"smaller than {limits.min_size:g} {unit}", sizes < limits.min_size
    if np.isfinite(limits.max_size):
        yield f"larger than {limits.max_size:g} {unit}", sizes > limits.max_size
    if limits.solidity > 0 and labels.ndim == 2:
        yield f"of a solidity below {limits.solidity:g}", solidities(labels) < limits.solidity


def _at_border(labels: Labels, count: int) -> NDArray[np.bool_]:
    """Return for every label whether it touches a side of the planes."""
    found = np.zeros(count, bool)
    for axis in (-2, -1):
        found[np.unique(np.take(labels, [0, -1], axis=axis))] = True
    return found


def solidities(labels: Labels) -> NDArray[np.float64]:
    """Return area / area of the convex hull of the outline for every number up to the largest label, 1 where none is.

    Parameters
    ----------
    labels : ndarray of int32, (y, x)
        Label image.
    """
    position, index, ids = shapes.number_pixels(labels)
    runs = shapes.runs(position, index, (1, *labels.shape))
    result = np.ones(int(labels.max(initial=0)) + 1)
    result[ids] = np.bincount(index, minlength=len(ids)) / shapes.convex_areas(runs, len(ids))
    return result
