"""Non-maximum suppression of star-convex polygons by the exact area of their overlap.

The corners are moved to whole pixels first (towards 0), as in the StarDist package: the winners are the same. That one
also rounds the points where outlines cross, so that pairs whose overlap is nearly the threshold can differ.
In a strip between two whole rows all edges are straight, so that the area that two polygons share is a sum of closed
terms; it is right for any simple polygon. Pairs whose boxes overlap too little need no sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.star2d import ray_angles

_CELL = 16  # pixels, the smallest bucket
_LONGEST = 1e6  # pixels
_NUDGE = 1e-4  # pixels: a corner on a whole pixel stays there, however its cosine was rounded
_SLICE = 50_000  # pairs looked at between two calls of `check`


class Polygons(NamedTuple):
    """Candidates, most probable first."""

    centre: NDArray[np.float64]  # (n, 2) y, x
    distance: NDArray[np.float32]  # (n, rays)
    direction: NDArray[np.float64]  # (rays, 2) y, x
    box: NDArray[np.int32]  # (n, 4) first y, first x, last y, last x of the corners
    area: NDArray[np.float64]  # (n,)


class _Buckets(NamedTuple):
    """Candidates by size class and place of their box's first corner."""

    origin: NDArray[np.int64]  # (2,) y, x
    cell: NDArray[np.int64]  # (classes,) pixels; no box of the class is larger
    rows: NDArray[np.int64]  # (classes,)
    columns: NDArray[np.int64]  # (classes,)
    first: NDArray[np.int64]  # (classes,) number of the class's first bucket
    start: NDArray[np.int64]  # (buckets + 1,) into `member`
    filled: NDArray[np.int64]  # (buckets,) members that are still to be looked at
    member: NDArray[np.int64]  # (n,) candidates, ascending in each bucket


def suppress_overlaps(
    distances: NDArray,
    probabilities: NDArray,
    points: NDArray,
    threshold: float,
    check: Callable[[int, int], None] | None = None,
) -> NDArray[np.intp]:
    """Choose candidates by greedy non-maximum suppression on polygon overlap.

    It works in one thread: time does not depend on how busy the other processors are, and memory grows with the number
    of candidates only (about 100 bytes each).

    Parameters
    ----------
    distances : ndarray of float, (n, rays)
        Ray lengths of the candidates in pixels.
    probabilities : ndarray of float, (n,)
        The most probable candidate of each place wins; of equal ones the first.
    points : ndarray, (n, 2)
        Centres (y, x) in pixels.
    threshold : float
        A candidate whose overlap with a winner, as a share of the smaller polygon, exceeds this is dropped.
    check : function of (int, int), optional
        Called now and then with the candidates that are decided, and all; what it raises ends the suppression.

    Returns
    -------
    ndarray of int, (k,)
        Indices of the winners, most probable first.

    Raises
    ------
    BadInput
        The arrays do not fit together, or a distance is no number or beyond a million pixels.
    """
    distances, points = np.asarray(distances), np.asarray(points)
    n = len(points)
    if distances.ndim != 2 or distances.shape[1] < 3 or points.shape != (len(distances), 2) or len(probabilities) != n:
        raise BadInput(
            f"Found distances of shape {distances.shape}, centres of shape {points.shape} and {len(probabilities)} "
            "probabilities; expected (n, rays), (n, 2) and n."
        )
    order = np.argsort(-np.asarray(probabilities, np.float64), kind="stable")
    if not n:
        return order
    found = _polygons(distances[order], points[order])
    buckets = _buckets(found.box)
    kept = np.ones(n, np.bool_)
    done = 0
    while done < n:
        done = _suppress(found, buckets, float(np.float32(threshold)), kept, done, _SLICE)
        if check is not None:
            check(done, n)
    return order[kept]


def overlap(distances: NDArray, points: NDArray, one: int, other: int) -> float:
    """Return the area that two candidates share as a share of the smaller one, as `suppress_overlaps` sees it."""
    found = _polygons(np.asarray(distances)[[one, other]], np.asarray(points)[[one, other]])
    corners = np.empty((2, found.distance.shape[1] + 1, 2), np.int64)
    for index, corner in enumerate(corners):
        _corners(found, index, corner)
    return shared_area(*corners[:, :-1]) / max(float(found.area.min()), np.finfo(float).tiny)


def shared_area(one: NDArray, other: NDArray) -> float:
    """Return the area inside both of two simple polygons with whole-number corners, int arrays (n, 2) as y, x."""
    rings = [np.concatenate([ring, ring[:1]]).astype(np.int64) for ring in (one, other)]
    top, bottom = int(rings[0][:, 0].min()), int(rings[0][:, 0].max())
    start, edge = np.empty(bottom - top + 1, np.int64), np.empty((_pieces(rings[0]), 3))
    _strips(rings[0], top, start, edge)
    return float(_shared_area(rings[1], top, start, edge))


def _polygons(distances: NDArray, points: NDArray) -> Polygons:
    """Return the candidates with what is needed to compare them."""
    n, n_rays = distances.shape
    angles = ray_angles(n_rays)
    found = Polygons(
        points.astype(np.float64),
        np.ascontiguousarray(distances, np.float32),
        np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float64),
        np.empty((n, 4), np.int32),
        np.empty(n),
    )
    if not (np.abs(found.distance).max() < _LONGEST and np.abs(found.centre).max() < 1e9):  # also where one is NaN
        raise BadInput(
            "Found a polygon whose rays or centre are no numbers or beyond a million pixels; expected distances in "
            "pixels. The network's output is broken: check the model and the image's values."
        )
    in_parts(lambda first, end: _describe(found, first, end), n, 20_000)
    return found


def _buckets(box: NDArray[np.int32]) -> _Buckets:
    """Sort candidates into buckets: one grid for each size class, with cells as large as the largest box in it."""
    corner, size = box[:, :2].astype(np.int64), (box[:, 2:] - box[:, :2]).max(axis=1) + 1
    origin = corner.min(axis=0)
    span = corner.max(axis=0) - origin + 1
    size_class = np.ceil(np.log2(np.maximum(size / _CELL, 1))).astype(np.int64)
    classes = int(size_class.max()) + 1
    fewest = int(np.sqrt(span[0] / (4 * len(box) + 1000) * span[1]))  # pixels, or there would be too many cells
    cell = np.maximum(_CELL << np.arange(classes, dtype=np.int64), fewest)
    rows, columns = (side // cell + 1 for side in span)
    first = np.concatenate([[0], np.cumsum(rows * columns)])
    place = (corner - origin) // cell[size_class][:, None]
    bucket = first[size_class] + place[:, 0] * columns[size_class] + place[:, 1]
    filled = np.bincount(bucket, minlength=first[-1]).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(filled)])
    return _Buckets(origin, cell, rows, columns, first[:-1], start, filled, np.argsort(bucket, kind="stable"))


@kernel
def _corners(polygons, index, corner):  # type: ignore[no-untyped-def]
    """Write the corners of a candidate, (rays + 1, 2), the first one again at the end."""
    n = corner.shape[0] - 1
    for k in range(n):
        for axis in range(2):
            value = polygons.centre[index, axis] + polygons.distance[index, k] * polygons.direction[k, axis]
            corner[k, axis] = int(value + np.copysign(_NUDGE, value))
    corner[n, 0], corner[n, 1] = corner[0, 0], corner[0, 1]


@kernel
def _describe(polygons, first, end):  # type: ignore[no-untyped-def]
    """Write box and area of candidates first..end - 1."""
    corner = np.empty((polygons.distance.shape[1] + 1, 2), np.int64)
    for index in range(first, end):
        _corners(polygons, index, corner)
        low_y, low_x = corner[0]
        high_y, high_x = corner[0]
        twice = 0
        for k in range(corner.shape[0] - 1):
            low_y, high_y = min(low_y, corner[k, 0]), max(high_y, corner[k, 0])
            low_x, high_x = min(low_x, corner[k, 1]), max(high_x, corner[k, 1])
            twice += corner[k, 1] * corner[k + 1, 0] - corner[k, 0] * corner[k + 1, 1]
        box = polygons.box[index]
        box[0], box[1], box[2], box[3] = low_y, low_x, high_y, high_x
        polygons.area[index] = abs(twice) / 2


@kernel
def _strips(corner, top, start, edge):  # type: ignore[no-untyped-def]
    """Cut the edges of a polygon at whole rows and sort the pieces by strip.

    `start` (strips + 1,) tells which rows of `edge` belong to each strip; a row holds the x of the piece at the upper
    and lower end of its strip, and 1.0 for an edge that goes down, -1.0 for one that goes up.
    """
    start[:] = 0
    for k in range(corner.shape[0] - 1):
        for y in range(min(corner[k, 0], corner[k + 1, 0]), max(corner[k, 0], corner[k + 1, 0])):
            start[y - top + 1] += 1
    for strip in range(1, start.size):
        start[strip] += start[strip - 1]
    for k in range(corner.shape[0] - 1):
        y0, x0, y1, x1 = corner[k, 0], corner[k, 1], corner[k + 1, 0], corner[k + 1, 1]
        if y0 == y1:
            continue
        slope = (x1 - x0) / (y1 - y0)
        for y in range(min(y0, y1), max(y0, y1)):
            place = start[y - top]
            start[y - top] += 1
            edge[place, 0], edge[place, 1] = x0 + (y - y0) * slope, x0 + (y + 1 - y0) * slope
            edge[place, 2] = 1.0 if y1 > y0 else -1.0
    for strip in range(start.size - 1, 0, -1):
        start[strip] = start[strip - 1]
    start[0] = 0


@kernel
def _shared_area(corner, top, start, edge):  # type: ignore[no-untyped-def]
    """Return the area that a polygon shares with the one in strips.

    For every edge piece of the one, the area of the other to the left of it, counted positive along edges that go down
    and negative along those that go up; the area to the left in turn is a sum over the other's pieces in the strip.
    """
    total = 0.0
    bottom = top + start.size - 1
    for k in range(corner.shape[0] - 1):
        y0, x0, y1, x1 = corner[k, 0], corner[k, 1], corner[k + 1, 0], corner[k + 1, 1]
        if y0 == y1:
            continue
        slope = (x1 - x0) / (y1 - y0)
        part = 0.0
        for y in range(max(min(y0, y1), top), min(max(y0, y1), bottom)):
            upper, lower = x0 + (y - y0) * slope, x0 + (y + 1 - y0) * slope
            for place in range(start[y - top], start[y - top + 1]):
                above, below = upper - edge[place, 0], lower - edge[place, 1]
                if above >= 0 and below >= 0:
                    part += edge[place, 2] * (above + below)
                elif above > 0 or below > 0:
                    part += edge[place, 2] * max(above, below) ** 2 / abs(above - below)
        total += part if y1 > y0 else -part
    return abs(total) / 2


@kernel
def _suppress(polygons, buckets, threshold, kept, first, budget):  # type: ignore[no-untyped-def]
    """Let candidates from `first` on suppress others until `budget` pairs were looked at; return the next candidate."""
    n, n_corners = polygons.distance.shape[0], polygons.distance.shape[1] + 1
    corner, other = np.empty((n_corners, 2), np.int64), np.empty((n_corners, 2), np.int64)
    start, edge = np.empty(0, np.int64), np.empty((0, 3), np.float64)
    for one in range(first, n):
        if budget <= 0:
            return one
        budget -= 1
        if not kept[one]:
            continue
        box = polygons.box[one]
        cut = False
        for level in range(buckets.cell.size):
            cell, columns = buckets.cell[level], buckets.columns[level]
            row0 = max(0, (box[0] - buckets.origin[0]) // cell - 1)
            row1 = min(buckets.rows[level] - 1, (box[2] - buckets.origin[0]) // cell)
            column0 = max(0, (box[1] - buckets.origin[1]) // cell - 1)
            column1 = min(columns - 1, (box[3] - buckets.origin[1]) // cell)
            for row in range(row0, row1 + 1):
                for column in range(column0, column1 + 1):
                    bucket = buckets.first[level] + row * columns + column
                    begin = buckets.start[bucket]
                    put = begin
                    for place in range(begin, begin + buckets.filled[bucket]):
                        j = buckets.member[place]
                        if j <= one or not kept[j]:
                            continue  # decided: nobody will look at it again
                        buckets.member[put] = j
                        put += 1
                        budget -= 1
                        high = min(box[2], polygons.box[j, 2]) - max(box[0], polygons.box[j, 0])
                        wide = min(box[3], polygons.box[j, 3]) - max(box[1], polygons.box[j, 1])
                        least = threshold * min(polygons.area[one], polygons.area[j])
                        if high <= 0 or wide <= 0 or float(high) * wide <= least:
                            continue
                        if not cut:
                            _corners(polygons, one, corner)
                            start = np.empty(box[2] - box[0] + 1, np.int64)
                            edge = np.empty((_pieces(corner), 3), np.float64)
                            _strips(corner, box[0], start, edge)
                            cut = True
                        _corners(polygons, j, other)
                        if _shared_area(other, box[0], start, edge) > least:
                            kept[j] = False
                            put -= 1
                    buckets.filled[bucket] = put - begin
    return n


@kernel
def _pieces(corner):  # type: ignore[no-untyped-def]
    """Return the number of strips that the edges of a polygon cross, in all."""
    total = 0
    for k in range(corner.shape[0] - 1):
        total += abs(corner[k + 1, 0] - corner[k, 0])
    return total
