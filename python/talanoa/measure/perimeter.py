"""The length of the outlines of all objects of a plane, by walking along their pixel edges once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import kernel


def outline_lengths(
    plane: NDArray[np.int32], ids: NDArray[np.int32], size_y: float, size_x: float
) -> NDArray[np.float64]:
    """Return the length of each object's outlines (holes and parts included), by ImageJ's estimate.

    ImageJ walks along the pixel edges and replaces corners by diagonals: at a counted corner, one pixel to the side and
    one up become their diagonal. In a staircase of single-pixel steps every second corner is counted.

    Parameters
    ----------
    plane : ndarray of int32, (y, x)
        Label image, 0 = background. Pixels of one label that touch only diagonally share an outline.
    ids : ndarray of int32, (n,)
        The labels, ascending.
    size_y, size_x : float
        Size of a pixel.

    Returns
    -------
    ndarray of float64, (n,)
        In the unit of the pixel size.
    """
    plane = np.ascontiguousarray(plane, np.int32)
    numbers = np.ascontiguousarray(ids, np.int32)
    seen = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1), np.uint8)
    lengths = np.zeros(len(numbers))
    _walk_all(plane, numbers, float(size_y), float(size_x), seen, lengths)
    return lengths


@kernel
def _walk_all(plane, ids, size_y, size_x, seen, lengths):  # type: ignore[no-untyped-def]
    """Add up the lengths of all outlines; each begins where its first horizontal side in raster order does.

    `seen` (y + 1, x + 1) has bit 1 where a side to the right was begun and bit 2 where one to the left was.
    """
    height, width = plane.shape
    for y in range(height + 1):
        for x in range(width + 1):
            upper_left = plane[y - 1, x - 1] if y > 0 and x > 0 else 0
            upper_right = plane[y - 1, x] if y > 0 and x < width else 0
            lower_left = plane[y, x - 1] if y < height and x > 0 else 0
            lower_right = plane[y, x] if y < height and x < width else 0
            # a side to the right has its object below, one to the left has it above
            goes_right = lower_right != 0 and lower_right != upper_right
            goes_left = upper_left != 0 and upper_left != lower_left
            if goes_left and not seen[y, x] & 2 and not (upper_right == upper_left and lower_right != upper_left):
                length = _walk(plane, y, x, 2, size_y, size_x, seen)
                lengths[np.searchsorted(ids, upper_left)] += length
            if goes_right and not seen[y, x] & 1 and not (lower_left == lower_right and upper_left != lower_right):
                length = _walk(plane, y, x, 0, size_y, size_x, seen)
                lengths[np.searchsorted(ids, lower_right)] += length


@kernel
def _walk(plane, y, x, direction, size_y, size_x, seen):  # type: ignore[no-untyped-def]
    """Follow an outline, the object on the right hand, from a corner back to it; return its length.

    Directions: 0 to the right, 1 down, 2 to the left, 3 up.
    """
    first_y, first_x, first_direction = y, x, direction
    label = plane[y, x] if direction == 0 else plane[y - 1, x - 1]
    cut = size_x + size_y - np.hypot(size_x, size_y)
    length = -cut  # the first corner counts
    since, side = 0, 0  # corners since one that surely counts; pixels since the last corner
    while True:
        if direction == 0:
            seen[y, x] |= 1
        elif direction == 2:
            seen[y, x] |= 2
        y, x = y + (direction == 1) - (direction == 3), x + (direction == 0) - (direction == 2)
        length += size_x if direction % 2 == 0 else size_y
        side += 1
        # the pixels ahead: to the right hand and to the left hand
        right_y, right_x = y - (direction == 2 or direction == 3), x - (direction == 1 or direction == 2)
        left_y, left_x = y - (direction == 0 or direction == 3), x - (direction == 2 or direction == 3)
        turned = direction
        if _is(plane, left_y, left_x, label):
            turned = (direction + 3) % 4
        elif not _is(plane, right_y, right_x, label):
            turned = (direction + 1) % 4
        if turned == direction:
            continue
        direction = turned
        if y == first_y and x == first_x and direction == first_direction:
            return length
        since = 0 if side > 1 else since + 1
        side = 0
        if since % 2 == 0:
            length -= cut


@kernel
def _is(plane, y, x, label):  # type: ignore[no-untyped-def]
    """Tell whether a pixel has a label; outside there is none."""
    return 0 <= y < plane.shape[0] and 0 <= x < plane.shape[1] and plane[y, x] == label
