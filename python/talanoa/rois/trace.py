"""Outlines of all objects of a label plane in one pass, exactly along pixel edges.

An outline is known by its corners, the grid points where it turns. Along every row of corners of one object the corners
are in turn the left and the right end of a horizontal edge, along every column the upper and lower end of a vertical
edge. Sorting twice thus links all corners into closed paths; no outline is followed pixel by pixel.

Pixels of one label that touch only diagonally belong to one path, as with ImageJ's wand (8-connected); holes and
further parts are paths of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.rois.roi_set import starts


class Outlines(NamedTuple):
    """Paths of all objects of a plane, ordered by label, then from top to bottom."""

    xy: NDArray[np.float32]  # (n_vertices, 2)
    path_start: NDArray[np.int64]  # (n_paths + 1,)
    path_label: NDArray[np.int32]  # (n_paths,), ascending


class _Corners(NamedTuple):
    """Corners in the order of a raster scan, each as often as an outline turns there (twice where pixels touch)."""

    label: NDArray[np.int32]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    second: NDArray[np.bool_]  # the second of two turns at one point
    crossed: NDArray[np.bool_]  # the two turns link left-down and up-right (else left-up and down-right)
    below: NDArray[np.bool_]  # the pixel to the lower right belongs to the object


def trace(plane: NDArray) -> Outlines:
    """Trace every object of one plane.

    Parameters
    ----------
    plane : integer array (y, x)
        0 is background.

    Returns
    -------
    Outlines
        Whole-number corners; outer paths clockwise on the screen, holes counter-clockwise.
    """
    corners = _find_corners(plane)
    if not len(corners.label):
        return Outlines(np.zeros((0, 2), np.float32), np.zeros(1, np.int64), np.zeros(0, np.int32))
    across, down = _neighbours(corners)
    begin, jump = _links(corners, across, down)
    path, place = _cycles(jump)
    order = np.empty(len(begin), np.int64)
    length = np.bincount(path)
    order[starts(length)[:-1][path] + place] = begin
    both = np.stack([order, across[order]], axis=1).ravel()  # each horizontal edge: where it begins and ends
    xy = np.stack([corners.x[both], corners.y[both]], axis=1).astype(np.float32)
    path_start = starts(2 * length)
    return Outlines(xy, path_start, corners.label[both][path_start[:-1]])


def _find_corners(plane: NDArray) -> _Corners:
    """Find all points where the outline of any object turns."""
    padded = np.pad(plane, 1)
    beside, below = padded[:, :-1] == padded[:, 1:], padded[:-1] == padded[1:]
    point = np.flatnonzero(~((beside[:-1] & beside[1:]) | (below[:, :-1] & below[:, 1:])))
    y, x = np.divmod(point, beside.shape[1])
    corner = y * padded.shape[1] + x
    four = tuple(padded.ravel()[corner + step] for step in (0, 1, padded.shape[1], padded.shape[1] + 1))
    turns, crossing, with_last = _turns(four)
    row, pixel = np.nonzero(turns)
    repeat = turns[row, pixel]
    row, pixel = np.repeat(row, repeat), np.repeat(pixel, repeat)
    second = np.zeros(len(row), bool)
    second[1:] = (row[1:] == row[:-1]) & (pixel[1:] == pixel[:-1])
    return _Corners(
        np.stack(four, axis=1)[row, pixel].astype(np.int32),
        y[row],
        x[row],
        second,
        crossing[row] & (pixel == 0),
        with_last[row, pixel],
    )


def _turns(four: tuple[NDArray, ...]) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Say how the outlines of the objects among four pixels turn at the point between them.

    Parameters
    ----------
    four : four arrays (n,)
        Labels of the pixels to the upper left, upper right, lower left and lower right.

    Returns
    -------
    turns : int8 array (n, 4)
        Turns of the object of each pixel; an object's later pixels have none.
    crossing : bool array (n,)
        The upper left pixel touches its object again only diagonally.
    with_last : bool array (n, 4)
        Each pixel belongs to the lower right one's object.
    """
    a, b, c, d = four
    ab, ac, ad, bc, bd, cd = a == b, a == c, a == d, b == c, b == d, c == d
    turns = np.zeros((len(a), 4), np.int8)
    known = (np.zeros(len(a), bool), ab, ac | bc, ad | bd | cd)
    diagonals = (ad, bc, bc, ad)
    crossing = np.zeros(len(a), bool)
    for pixel, others in enumerate(((ab, ac, ad), (ab, bc, bd), (ac, bc, cd), (ad, bd, cd))):
        more = np.add.reduce(others, dtype=np.int8)  # other pixels of the same object
        diagonal = (more == 1) & diagonals[pixel]
        turns[:, pixel] = ((four[pixel] != 0) & ~known[pixel]) * ((more % 2 == 0) + 2 * diagonal)
        if pixel == 0:
            crossing = diagonal
    return turns, crossing, np.stack([ad, bd, cd, np.ones(len(a), bool)], axis=1)


def _neighbours(corners: _Corners) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for every corner the other end of its horizontal and of its vertical edge."""
    by_row = np.argsort(corners.label, kind="stable")  # raster order within a label
    across = _partners(by_row)
    rank = 2 * corners.y + (corners.second ^ corners.crossed)
    down = _partners(np.lexsort((rank, corners.x, corners.label)))
    return across, down


def _partners(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Make partners of the first and second, third and fourth, … of `order`."""
    partner = np.empty_like(order)
    partner[order[0::2]] = order[1::2]
    partner[order[1::2]] = order[0::2]
    return partner


def _links(
    corners: _Corners, across: NDArray[np.int64], down: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the corners at which horizontal edges begin, by label and raster order, and for each which one follows."""
    left = corners.x < corners.x[across]
    is_below = np.where(left, corners.below, corners.below[across])
    begin = np.flatnonzero(left == is_below)  # with the object below, an edge runs from left to right
    begin = begin[np.argsort(corners.label[begin], kind="stable")]
    number = np.empty(len(across), np.int64)
    number[begin] = np.arange(len(begin))
    return begin, number[down[across[begin]]]


def _cycles(jump: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split a permutation into its cycles, all at once, by doubling the length of the jumps.

    Returns
    -------
    cycle, place : int64 arrays (n,)
        Number of the cycle (by their smallest members) and the place in it, counted from its smallest member.
    """
    n = len(jump)
    smallest, far = np.arange(n), jump
    while not np.array_equal(smallest, smallest[jump]):
        smallest, far = np.minimum(smallest, smallest[far]), far[far]
    head = smallest == np.arange(n)
    to_head, far = np.where(head, 0, 1), np.where(head, np.arange(n), jump)
    while not head[far].all():
        to_head, far = to_head + to_head[far], far[far]
    cycle = (np.cumsum(head) - 1)[smallest]
    return cycle, np.where(head, 0, np.bincount(cycle)[cycle] - to_head)
