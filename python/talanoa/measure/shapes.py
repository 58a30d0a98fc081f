"""Sizes and shapes of all objects of a plane or stack at once, by ImageJ's definitions.

Objects are cut into runs, the horizontal pieces of a row of pixels; sums over runs are exact and there are about ten
times fewer runs than pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Runs(NamedTuple):
    """Horizontal runs in raster order: their object (0..n-1), slice, row, first column, pixels."""

    owner: NDArray[np.intp]
    z: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    length: NDArray[np.int64]


class Box(NamedTuple):
    """First and last + 1 pixel of each object along each axis."""

    z0: Floats
    z1: Floats
    y0: Floats
    y1: Floats
    x0: Floats
    x1: Floats


def number_pixels(labels: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Return the flat positions of all object pixels, the index 0..n-1 of the object of each, and the n labels."""
    position = np.flatnonzero(labels)
    values = labels.ravel()[position]
    if values.size and values.max() > 4 * labels.size + 1_000_000:  # a table of all numbers would be too large
        found, index = np.unique(values, return_inverse=True)
        return position, index, found
    count = np.bincount(values)
    ids = np.flatnonzero(count).astype(np.int32)
    lookup = np.zeros(len(count), np.intp)
    lookup[ids] = np.arange(len(ids))
    return position, lookup[values], ids


def runs(position: NDArray[np.intp], index: NDArray[np.intp], shape: tuple[int, int, int]) -> Runs:
    """Cut objects into runs; `shape` is (z, y, x)."""
    width = shape[2]
    new = np.ones(len(position), bool)
    new[1:] = (np.diff(position) != 1) | (np.diff(index) != 0) | (position[1:] % width == 0)
    first = np.flatnonzero(new)
    row, x = np.divmod(position[first], width)
    z, y = np.divmod(row, shape[1])
    return Runs(index[first], z, y, x, np.diff(first, append=len(position)))


def centroids(r: Runs, count: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the mean pixel centre (z, y, x) of each object in pixels; the first pixel's centre is 0.5."""
    n = len(count)
    middle = r.x + r.length / 2
    return (
        _sums(r.owner, (r.z + 0.5) * r.length.astype(float), n) / count,
        _sums(r.owner, (r.y + 0.5) * r.length.astype(float), n) / count,
        _sums(r.owner, middle * r.length, n) / count,
    )


def boxes(r: Runs, n: int) -> Box:
    """Return the bounding box of each of `n` objects in pixels."""
    ends = []
    for low, high in ((r.z, r.z + 1), (r.y, r.y + 1), (r.x, r.x + r.length)):
        smallest, largest = np.full(n, np.inf), np.zeros(n)
        np.minimum.at(smallest, r.owner, low.astype(float))
        np.maximum.at(largest, r.owner, high.astype(float))
        ends += [smallest, largest]
    return Box(*ends)


def ellipses(r: Runs, count: Floats, size_y: float, size_x: float) -> tuple[Floats, Floats, Floats]:
    """Fit an ellipse of equal area, orientation and aspect to each object of a plane.

    Pixels count as squares (their own second moment of 1/12 included), as in ImageJ's "Fit ellipse".

    Returns
    -------
    major, minor : float arrays (n,)
        Full axes in the unit of the pixel size.
    angle : float array (n,)
        Degrees 0..180 between the major axis and the x axis, counter-clockwise on the screen.
    """
    n = len(count)
    _, mean_y, mean_x = centroids(r, count)
    dy = (r.y + 0.5 - mean_y[r.owner]) * size_y
    dx = (r.x + r.length / 2 - mean_x[r.owner]) * size_x
    xx = _sums(r.owner, r.length * (dx**2 + (r.length * size_x) ** 2 / 12), n) / count
    yy = _sums(r.owner, r.length * (dy**2 + size_y**2 / 12), n) / count
    xy = _sums(r.owner, r.length * dx * dy, n) / count
    half, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    aspect = np.sqrt((half + spread) / np.maximum(half - spread, np.finfo(float).tiny))
    radius = np.sqrt(count * size_x * size_y / np.pi)
    angle = np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy)) % 180  # y points down on the screen
    return 2 * radius * np.sqrt(aspect), 2 * radius / np.sqrt(aspect), np.where(spread < 1e-9 * half, 0.0, angle)


def perimeters(plane: NDArray[np.int32], ids: NDArray[np.int32], size_y: float, size_x: float) -> Floats:
    """Return the length of each object's traced outline (holes and parts included), by ImageJ's estimate."""
    from talanoa.measure.perimeter import outline_lengths  # loads numba

    return outline_lengths(plane, ids, size_y, size_x)


def convex_areas(r: Runs, n: int) -> Floats:
    """Return the area in pixels of the convex hull of the outline of each of `n` objects of a plane."""
    order = np.argsort(r.owner, kind="stable")  # by object, then row, then column
    index, y = r.owner[order], r.y[order]
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(index) != 0) | (np.diff(y) != 0)
    last = np.roll(first, -1)
    left, right = r.x[order][first], (r.x + r.length)[order][last]
    return _side(index[first], y[first], right, n) + _side(index[first], y[first], -left, n)


def _side(index: NDArray[np.intp], y: NDArray[np.int64], x: NDArray[np.int64], n: int) -> Floats:
    """Return the area between the y axis and the hull of the corners (x, y), (x, y + 1) that bulges to larger x."""
    index, x = np.repeat(index, 2), np.repeat(x, 2).astype(float)
    y = np.repeat(y, 2).astype(float)
    y[1::2] += 1
    while True:
        inner = np.zeros(len(x), bool)
        inner[1:-1] = (index[2:] == index[1:-1]) & (index[:-2] == index[1:-1])
        to_next = (np.roll(x, -1) - np.roll(x, 1)) * (y - np.roll(y, 1))
        dent = (x - np.roll(x, 1)) * (np.roll(y, -1) - np.roll(y, 1)) <= to_next
        drop = inner & dent  # a corner of the hull is one between any two of its neighbours, so it is never dropped
        if not drop.any():
            break
        index, x, y = index[~drop], x[~drop], y[~drop]
    same = index[1:] == index[:-1]
    strips = (x[1:] + x[:-1]) / 2 * np.diff(y)
    return _sums(index[1:][same], strips[same], n)


def _sums(owner: NDArray[np.intp], values: Floats, n: int) -> Floats:
    """Return the sum of the values of each of `n` owners."""
    return np.bincount(owner, values, n).astype(float, copy=False)
