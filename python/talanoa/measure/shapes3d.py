"""Shapes of the objects of a stack."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Voxel = tuple[float, float, float]
# One of each pair of opposite directions to the 26 neighbours of a voxel, (z, y, x)
DIRECTIONS = tuple(step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0))


def surfaces(labels: NDArray[np.int32], ids: NDArray[np.int32], size: Voxel) -> NDArray[np.float64]:
    """Return the surface area of each object, by counting how often lines through the voxels enter and leave it.

    Cauchy and Crofton: the area is twice the mean, over all directions of lines, of the number of intersections times
    the area that belongs to a line. The mean is taken over 13 directions, each weighted by its share of the sphere
    (Ohser & Mücklich 2000, as MorphoLibJ does). Counting voxel faces instead would give 1.5 times the area of a ball,
    however small the voxels are.

    Parameters
    ----------
    labels : ndarray of int32, (z, y, x)
        Label image; beyond its border is background.
    ids : ndarray of int32, (n,)
        The labels, sorted.
    size : (float, float, float)
        Size of a voxel (z, y, x).

    Returns
    -------
    ndarray of float, (n,)
        In the square of the unit of `size`.
    """
    weights = direction_weights(size)
    volume = float(np.prod(size))
    total = np.zeros(len(ids))
    planes = np.pad(labels, ((0, 0), (1, 1), (1, 1)))  # (z, y + 2, x + 2)
    empty = np.zeros_like(planes[0]) if len(planes) else np.zeros((2, 2), np.int32)
    for below, above in zip([empty, *planes], [*planes, empty], strict=True):
        for step, weight in zip(DIRECTIONS, weights, strict=True):
            first, second = _neighbours(below, below if step[0] == 0 else above, step)
            changed = first != second
            length = float(np.linalg.norm(np.multiply(step, size)))
            area = 2 * weight * volume / length
            for side in (first[changed], second[changed]):
                found = side[side > 0]
                total += area * np.bincount(np.searchsorted(ids, found), minlength=len(ids))
    return total


def _neighbours(
    lower: NDArray[np.int32], upper: NDArray[np.int32], step: tuple[int, ...]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the part of one plane that has a neighbour in another, and these neighbours."""
    here, there = [], []
    for move, side in zip(step[1:], lower.shape, strict=True):
        here.append(slice(max(0, -move), side - max(0, move)))
        there.append(slice(max(0, move), side + min(0, move)))
    return lower[tuple(here)], upper[tuple(there)]


@lru_cache(maxsize=16)
def direction_weights(size: Voxel) -> tuple[float, ...]:
    """Return the share of the sphere that is nearest to each of `DIRECTIONS` or its opposite; they sum to 1."""
    from scipy.spatial import SphericalVoronoi

    vectors = np.multiply([*DIRECTIONS, *(tuple(-move for move in step) for step in DIRECTIONS)], size)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    areas = SphericalVoronoi(units).calculate_areas()
    both = areas[: len(DIRECTIONS)] + areas[len(DIRECTIONS) :]
    return tuple(float(area) for area in both / both.sum())
