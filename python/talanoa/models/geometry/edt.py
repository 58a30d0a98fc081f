"""The distance of every pixel to the border of its object: exact, all objects of a plane in one pass.

Distances along columns come first, then in each row the lower envelope of the parabolas that they span (Felzenszwalb
and Huttenlocher 2012, doi:10.4086/toc.2012.v008a019), cut where the label changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.models.geometry.numbering import dense

_FAR = 1 << 30  # no border along this column


def edge_probability(labels: NDArray, threads: int | None = None) -> NDArray[np.float32]:
    """Return the distance to the object's border divided by the object's largest one.

    Parameters
    ----------
    labels : ndarray of int, (y, x)
        Label image, 0 = background. The image's edge is no border, unless one object fills the whole image.
    threads : int, optional
        Threads to work in; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (y, x)
        0 in the background, at most 1.

    Raises
    ------
    BadInput
        `labels` is no plane of whole numbers from 0.
    """
    plane, largest = dense(labels, 2)
    height, width = plane.shape
    out = np.zeros(plane.shape, np.float32)
    if not largest:
        return out
    outside = 0 if (plane == plane[0, 0]).all() else _FAR
    down = np.empty(plane.shape, np.int32)
    least = 60_000
    in_parts(lambda a, b: _columns(plane, outside, down, a, b), width, least // height + 1, threads)
    in_parts(lambda a, b: _rows(plane, outside, down, out, a, b), height, least // width + 1, threads)
    peak = _peaks(plane, out, largest)
    in_parts(lambda a, b: _normalize(plane, peak, out, a, b), height, least // width + 1, threads)
    return out


@kernel
def _columns(plane, outside, down, first, end):  # type: ignore[no-untyped-def]
    """Write the distance to the next other label above or below, for columns first..end - 1."""
    height = plane.shape[0]
    for y in range(height):
        for x in range(first, end):
            same = y > 0 and plane[y - 1, x] == plane[y, x]
            before = down[y - 1, x] if same else (outside if y == 0 else 0)
            down[y, x] = min(before + 1, _FAR)
    for x in range(first, end):
        down[height - 1, x] = min(down[height - 1, x], outside + 1)
    for y in range(height - 2, -1, -1):
        for x in range(first, end):
            below = down[y + 1, x] if plane[y + 1, x] == plane[y, x] else 0
            down[y, x] = min(down[y, x], below + 1)


@kernel
def _rows(plane, outside, down, out, first, end):  # type: ignore[no-untyped-def]
    """Write the distances of rows first..end - 1."""
    width = plane.shape[1]
    site = np.empty(width + 2, np.int64)  # parabolas of the envelope: their column,
    height = np.empty(width + 2, np.float64)  # value there,
    begin = np.empty(width + 3, np.float64)  # and where they begin to be the lowest
    for y in range(first, end):
        x = 0
        while x < width:
            left = x
            while x < width and plane[y, x] == plane[y, left]:
                x += 1
            if plane[y, left] == 0:
                continue
            n = 0
            for place in range(left - 1, x + 1):
                if left <= place < x:
                    value = float(down[y, place]) ** 2
                else:
                    value = 0.0 if 0 <= place < width else float(outside) ** 2
                if value >= float(_FAR) ** 2:
                    continue
                crossing = -np.inf
                while n > 0:
                    to_last = place - site[n - 1]
                    crossing = site[n - 1] + (to_last + (value - height[n - 1]) / to_last) / 2
                    if crossing > begin[n - 1]:
                        break
                    n -= 1
                site[n], height[n], begin[n] = place, value, crossing if n > 0 else -np.inf
                n += 1
            begin[n] = np.inf
            lowest = 0
            for place in range(left, x):
                while begin[lowest + 1] < place:
                    lowest += 1
                out[y, place] = np.sqrt((place - site[lowest]) ** 2 + height[lowest])


@kernel
def _peaks(plane, out, largest):  # type: ignore[no-untyped-def]
    """Return the largest distance in each object, (largest + 1,)."""
    peak = np.zeros(largest + 1, np.float32)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            label = plane[y, x]
            if label != 0 and out[y, x] > peak[label]:
                peak[label] = out[y, x]
    return peak


@kernel
def _normalize(plane, peak, out, first, end):  # type: ignore[no-untyped-def]
    """Divide rows first..end - 1 by the largest distance in their object."""
    for y in range(first, end):
        for x in range(plane.shape[1]):
            label = plane[y, x]
            if label != 0:
                out[y, x] /= peak[label]
