"""Greedy suppression of overlapping polyhedra.

From the most probable candidate down, each one that still stands wins and drops the less probable ones whose overlap
with it, as a share of the smaller volume, exceeds the threshold. As in the `stardist` package the overlap is the
number of voxel centres inside both, the volume that of the triangle mesh.

Winners that cannot touch each other are found together and work in threads; what is kept is what one after the other
would keep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.rays3d import Rays3D
from talanoa.models.geometry.solid3d import ON_SURFACE, Polyhedra, cones, place_in_table, polyhedra, prepare, row_inside

LOOKAHEAD = 128  # candidates among which winners that cannot touch each other are looked for


class Cells(NamedTuple):
    """Candidates sorted into cubes of space.

    Attributes
    ----------
    size : float
        Edge of a cube in voxels.
    origin : ndarray of float64, (3,)
        Where the first cube begins.
    counts : ndarray of int64, (3,)
        Cubes along z, y, x.
    starts : ndarray of int64, (cubes + 1,)
        Where the candidates of each cube start in `members`.
    members : ndarray of int64, (n,)
        Candidates, cube by cube.
    """

    size: float
    origin: NDArray[np.float64]
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    members: NDArray[np.int64]


def suppress_overlaps3d(
    distances: NDArray,
    probabilities: NDArray,
    points: NDArray,
    rays: Rays3D,
    threshold: float,
    check: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> NDArray[np.intp]:
    """Choose candidates by greedy non-maximum suppression on polyhedron overlap.

    Parameters
    ----------
    distances : ndarray of float, (n, rays)
        Distances of the candidates in voxels along the rays.
    probabilities : ndarray of float, (n,)
        The most probable candidate of each place wins; of equal ones the first.
    points : ndarray, (n, 3)
        Centres (z, y, x) in voxels.
    rays : Rays3D
        Directions and faces.
    threshold : float
        A candidate whose overlap with a winner, as a share of the smaller volume, exceeds this is dropped.
    check : function of (int, int), optional
        Called now and then with the candidates that are decided, and all; what it raises ends the suppression.
    threads : int, optional
        Threads; the number of processors when left out. The result does not depend on it.

    Returns
    -------
    ndarray of int, (k,)
        Indices of the winners, most probable first.

    Raises
    ------
    BadInput
        Where the shapes do not fit each other or a number is not finite.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.shape != (len(points),) or not np.isfinite(probabilities).all():
        raise BadInput(
            f"{len(points)} points and probabilities {probabilities.shape}; expected one finite number for each point."
        )
    solids = polyhedra(distances, points, rays, threads)
    order = np.argsort(-probabilities.astype(np.float64), kind="stable")
    if not len(order):
        return order
    return _winners(solids, order, cones(rays, float(solids.radii.max())), float(threshold), threads, check)


def _cells(solids: Polyhedra) -> Cells:
    """Sort the candidates into cubes about as large as a typical polyhedron, and few for their number."""
    points = solids.points
    origin = points.min(axis=0)
    extent = points.max(axis=0) - origin
    size = max(2 * float(np.median(solids.radii)), float(np.cbrt((extent + 1).prod() / (4 * len(points)))), 1.0)
    counts = (extent // size).astype(np.int64) + 1
    place = ((points - origin) // size).astype(np.int64)
    keys = (place[:, 0] * counts[1] + place[:, 1]) * counts[2] + place[:, 2]
    members = np.argsort(keys, kind="stable")
    starts = np.searchsorted(keys[members], np.arange(counts.prod() + 1))
    return Cells(size, origin, counts, starts, members)


def _winners(
    solids: Polyhedra,
    queue: NDArray[np.intp],
    tables: tuple,
    threshold: float,
    threads: int | None,
    check: Callable[[int, int], None] | None,
) -> NDArray[np.intp]:
    """Return the winners among the candidates, which `queue` lists from the most probable down."""
    cells, queued = _cells(solids), queue
    standing, won = np.ones(len(queue), np.uint8), np.zeros(len(queue), np.bool_)
    chosen = np.empty(LOOKAHEAD, np.int64)

    def work(start: int, stop: int) -> None:
        _suppress(solids, tables, cells, chosen[start:stop], threshold, standing)

    while len(queue):
        count, looked_at = _independent(solids, queue, standing, chosen)
        won[chosen[:count]] = True
        standing[chosen[:count]] = 0
        in_parts(work, count, 2, threads)
        if looked_at > 8 * LOOKAHEAD or looked_at == len(queue):  # many on the way stand no more
            queue = queue[standing[queue] > 0]
        if check is not None:
            check(len(standing) - int(np.count_nonzero(standing)), len(standing))
    return queued[won[queued]]


@kernel
def _independent(solids: tuple, queue: NDArray, standing: NDArray, chosen: NDArray) -> tuple[int, int]:
    """Write to `chosen` the next winners that no standing more probable candidate touches.

    Returns their number and how far down the queue it looked.
    """
    points, _, _, _, radii = solids
    seen = np.empty(len(chosen), np.int64)
    looked = count = place = 0
    while place < len(queue) and looked < len(seen):
        index = queue[place]
        place += 1
        if not standing[index]:
            continue
        free = True
        for other in seen[:looked]:
            if _may_touch(points[index], points[other], radii[index] + radii[other]):
                free = False
                break
        if free:
            chosen[count] = index
            count += 1
        seen[looked] = index
        looked += 1
    return count, place


@kernel
def _may_touch(one: NDArray, other: NDArray, reach: float) -> bool:
    """Return whether two centres are no more than `reach` apart."""
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2 <= reach**2


@kernel
def _voxels(
    point: NDArray, polyhedron: tuple[NDArray, NDArray, bool], box: NDArray, tables: tuple
) -> tuple[NDArray, NDArray, NDArray]:
    """Return a polyhedron as voxels in its box.

    They are uint8 (z, y, x), the first and the end of those inside in each row (z, y, 2), and how many lie in each
    plane and behind it (z + 1,).
    """
    depth, height, width = box[3] - box[0] + 1, box[4] - box[1] + 1, box[5] - box[2] + 1
    solid = np.ones((max(depth, 0), max(height, 0), max(width, 0)), np.uint8)
    rows = np.zeros((*solid.shape[:2], 2), np.int64)
    left = np.zeros(len(solid) + 1, np.int64)
    for z in range(len(solid) - 1, -1, -1):
        left[z] = left[z + 1]
        for y in range(solid.shape[1]):
            row = (z + box[0] - point[0], y + box[1] - point[1], box[2] - point[2])
            found = row_inside(row, polyhedron, tables, solid[z, y], solid[z, y])
            left[z] += found
            if found:
                begin, end = 0, solid.shape[2]
                while not solid[z, y, begin]:
                    begin += 1
                while not solid[z, y, end - 1]:
                    end -= 1
                rows[z, y, 0], rows[z, y, 1] = begin, end
    return solid, rows, left


@kernel
def _shares_more(
    winner: tuple[NDArray, NDArray, NDArray],
    corner: NDArray,
    point: NDArray,
    polyhedron: tuple[NDArray, NDArray, bool],
    box: NDArray,
    tables: tuple,
    needed: float,
) -> bool:
    """Return whether more than `needed` voxels of the winner, whose box begins at `corner`, lie in another polyhedron.

    It stops as soon as that is certain.
    """
    solid, rows, left = winner
    depth, height, width = solid.shape
    z0, y0, x0 = max(box[0] - corner[0], 0), max(box[1] - corner[1], 0), max(box[2] - corner[2], 0)
    z1, y1 = min(box[3] - corner[0] + 1, depth), min(box[4] - corner[1] + 1, height)
    x1 = min(box[5] - corner[2] + 1, width)
    flat, inside = solid.reshape(-1), np.empty(width, np.uint8)
    found = 0
    for z in range(z0, z1):
        if found + left[z] - left[z1] <= needed:
            return False
        for y in range(y0, y1):
            begin, end = max(rows[z, y, 0], x0), min(rows[z, y, 1], x1)
            if begin < end:
                row = (z + corner[0] - point[0], y + corner[1] - point[1], begin + corner[2] - point[2])
                if polyhedron[2]:
                    found += _hits(row, polyhedron[1], tables, flat, (z * height + y) * width + begin, end - begin)
                else:
                    wanted = solid[z, y, begin:end]
                    found += row_inside(row, polyhedron, tables, wanted, inside[: end - begin])
                if found > needed:
                    return True
    return False


@kernel
def _hits(
    row: tuple[float, float, float], planes: NDArray, tables: tuple, flat: NDArray, first: int, count: int
) -> int:
    """Count as `row_inside` does by the table of faces, for `count` voxels of a solid from number `first` on."""
    z, y, x = row
    towards, place, voxel = tables[3], place_in_table(row, tables[4]), uint64(first)
    found = 0
    for column in range(count):
        face = uint64(towards[place + uint64(column)])
        height = planes[0, face] * z + planes[1, face] * y + planes[2, face] * (x + column)
        found += flat[voxel + uint64(column)] * (height <= ON_SURFACE)
    return found


@kernel
def _suppress(
    solids: tuple, tables: tuple, cells: tuple, winners: NDArray, threshold: float, standing: NDArray
) -> None:
    """Take down the standing candidates that overlap one of these winners too much."""
    points, distances, boxes, volumes, radii = solids
    cube, origin, counts, starts, members = cells
    widest = radii.max()
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    shares, planes = np.empty(distances.shape[1]), np.empty((3, len(tables[0])))
    for index in winners:
        near = prepare(points[index], distances[index], boxes[index], tables, shares, planes)
        winner = _voxels(points[index], (shares, planes, near), boxes[index], tables)
        for axis in range(3):
            middle, reach = points[index, axis] - origin[axis], radii[index] + widest
            first[axis] = max(int(np.floor((middle - reach) / cube)), 0)
            last[axis] = min(int(np.floor((middle + reach) / cube)), counts[axis] - 1)
        for cz in range(first[0], last[0] + 1):
            for cy in range(first[1], last[1] + 1):
                line = (cz * counts[1] + cy) * counts[2]
                for other in members[starts[line + first[2]] : starts[line + last[2] + 1]]:
                    if not standing[other] or not _may_touch(points[index], points[other], radii[index] + radii[other]):
                        continue
                    needed = threshold * min(volumes[index], volumes[other])
                    if _shared_box(boxes[index], boxes[other]) <= needed:
                        continue
                    near = prepare(points[other], distances[other], boxes[other], tables, shares, planes)
                    polyhedron = (shares, planes, near)
                    if _shares_more(winner, boxes[index], points[other], polyhedron, boxes[other], tables, needed):
                        standing[other] = 0


@kernel
def _shared_box(one: NDArray, other: NDArray) -> int:
    """Return how many voxels two boxes share."""
    number = 1
    for axis in range(3):
        number *= max(min(one[axis + 3], other[axis + 3]) - max(one[axis], other[axis]) + 1, 0)
    return number
