"""Polygons drawn into a label image.

A pixel belongs to a polygon when its centre lies inside (even-odd), on an edge or on a corner: the rule of
`skimage.draw.polygon`, with the same arithmetic where a centre is nearly on an edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput

_SAME = 1e-12  # pixels: a centre this near to a corner is on it
_LARGEST = 1e9  # pixels
_NEAR = 1e-6  # pixels: a crossing this near to a centre is decided by the sign that skimage computes


def render_polygons(
    corners: NDArray,
    probabilities: NDArray,
    shape: tuple[int, ...],
    ids: NDArray | None = None,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Draw polygons into a label image; where they overlap, the more probable one is on top.

    Parameters
    ----------
    corners : ndarray of float, (n, rays, 2)
        Vertices (y, x), pixel centres at integers. They may lie outside the image.
    probabilities : ndarray of float, (n,)
        Drawing order; of equally probable polygons the later one is on top.
    shape : (int, int)
        Size of the label image.
    ids : ndarray of int, (n,), optional
        Label of each polygon; 1..n in the order given when left out.
    threads : int, optional
        Threads to work in; the result does not depend on it.

    Returns
    -------
    ndarray of int32, `shape`

    Raises
    ------
    BadInput
        The arrays do not fit together.
    """
    corners = np.ascontiguousarray(corners, np.float64)
    labels = np.zeros(shape, np.int32)
    ids = np.arange(1, len(corners) + 1) if ids is None else np.asarray(ids)
    if corners.ndim != 3 or corners.shape[2] != 2 or not len(corners) == len(probabilities) == len(ids):
        raise BadInput(
            f"Found corners of shape {corners.shape}, {len(probabilities)} probabilities and {len(ids)} labels; "
            "expected (n, corners, 2) and n of each."
        )
    if not len(corners) or not corners.shape[1]:
        return labels
    if not np.abs(corners).max() < _LARGEST:  # also where one is NaN
        raise BadInput("Found a polygon corner that is no number or beyond 10⁹ pixels; expected places in pixels.")
    order = np.argsort(probabilities, kind="stable")
    numbers = ids.astype(np.int32)
    least = max(1, shape[0] // 8) if len(corners) > 500 else shape[0]
    in_parts(lambda first, end: _draw(corners, order, numbers, labels, first, end), shape[0], least, threads)
    return labels


@kernel
def _draw(corners, order, numbers, labels, first, end):  # type: ignore[no-untyped-def]
    """Draw all polygons into rows first..end - 1, in the order given."""
    crossing = np.empty(corners.shape[1], np.float64)
    for index in order:
        corner = corners[index]
        low, high = np.inf, -np.inf
        for k in range(corner.shape[0]):
            low, high = min(low, corner[k, 0]), max(high, corner[k, 0])
        if not (high >= first and low <= end - 1):
            continue
        for y in range(max(first, int(np.ceil(low))), min(end - 1, int(np.floor(high))) + 1):
            line = labels[y]
            if _fill(corner, y, 1.0, crossing, line, numbers[index]):
                _fill(corner, y, -1.0, crossing, line, numbers[index])
                _dot(corner, y, line, numbers[index])


@kernel
def _fill(corner, y, side, crossing, line, number):  # type: ignore[no-untyped-def]
    """Fill a row between the edges that cross it and tell whether it matters from which side one looks.

    From above (side 1) a corner on the row counts as below it and a centre on a right edge as outside; from below (-1)
    it is the other way round.
    """
    n = 0
    close = False
    before = corner.shape[0] - 1
    for k in range(corner.shape[0]):
        close |= abs(corner[k, 0] - y) < _SAME
        if ((corner[k, 0] - y) * side > 0) != ((corner[before, 0] - y) * side > 0):
            x0, y0 = corner[k, 1], corner[k, 0] - y
            x1, y1 = corner[before, 1], corner[before, 0] - y
            place, near = _last_before(x0, y0, x1, y1, side)
            close |= near
            where = n
            while where > 0 and crossing[where - 1] > place:
                crossing[where] = crossing[where - 1]
                where -= 1
            crossing[where] = place
            n += 1
        before = k
    for k in range(0, n - 1, 2):
        # Mirrored (side -1), the pixels lie between the negated crossings.
        left, right = crossing[k] + 1, crossing[k + 1]
        if side < 0:
            left, right = -crossing[k + 1], -(crossing[k] + 1)
        for x in range(int(max(left, 0.0)), int(min(right, line.size - 1.0)) + 1):
            line[x] = number
    return close


@kernel
def _last_before(x0, y0, x1, y1, side):  # type: ignore[no-untyped-def]
    """Return the last whole x (times `side`) that has the crossing of an edge beyond it, and whether they are near."""
    at = side * (x0 + (x1 - x0) * (-y0 / (y1 - y0)))
    place = np.ceil(at) - 1
    near = abs(at - np.rint(at)) < _NEAR
    if near:
        place = np.rint(at)
        x = side * place
        if not side * (((x0 - x) * y1 - (x1 - x) * y0) / (y1 - y0)) > 0:
            place -= 1
    return place, near


@kernel
def _dot(corner, y, line, number):  # type: ignore[no-untyped-def]
    """Draw the pixels whose centres are corners."""
    for k in range(corner.shape[0]):
        x = np.rint(corner[k, 1])
        if abs(corner[k, 0] - y) < _SAME and abs(corner[k, 1] - x) < _SAME and 0 <= x < line.size:
            line[int(x)] = number
