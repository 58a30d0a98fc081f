"""Greedy suppression of overlapping polyhedra.

From the most probable candidate down, each one that still stands wins and drops the less probable ones whose overlap
with it, as a share of the smaller volume, exceeds the threshold. As in the `stardist` package the overlap is the
number of voxel centres inside both, the volume that of the triangle mesh.

Winners that cannot touch each other are found together and work in threads; what is kept is what one after the other
would keep.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.errors import BadInput
from talanoa.geometry.compiled import in_parts, kernel
from talanoa.geometry.rays3d import Rays3D, volumes
from talanoa.geometry.solid3d import SMALLEST, cones, polyhedra, row_inside

LOOKAHEAD = 128  # candidates among which winners that cannot touch each other are looked for


class Candidates(NamedTuple):
    """Polyhedra in order of probability, with bounds of their extent.

    Attributes
    ----------
    points, shares, boxes
        As in `Polyhedra`.
    volumes : ndarray of float64, (n,)
        Of the triangle meshes.
    radii : ndarray of float64, (n,)
        Of the spheres about the centres that hold the polyhedra.
    """

    points: NDArray[np.float64]
    shares: NDArray[np.float64]
    boxes: NDArray[np.int64]
    volumes: NDArray[np.float64]
    radii: NDArray[np.float64]


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
    order = np.argsort(-probabilities.astype(np.float64), kind="stable")
    candidates = _candidates(np.asarray(distances)[order], np.asarray(points)[order], rays)
    if not len(order):
        return order
    return order[_winners(candidates, cones(rays), float(threshold), threads)]


def _candidates(distances: NDArray, points: NDArray, rays: Rays3D) -> Candidates:
    """Measure the candidates."""
    solids = polyhedra(distances, points, rays)
    lengths = np.linalg.norm(rays.vertices.astype(np.float64), axis=1)
    distances = np.maximum(distances, SMALLEST)
    radii = (distances * lengths).max(axis=1, initial=0)
    return Candidates(*solids, volumes(distances, rays), radii)


def _cells(candidates: Candidates) -> Cells:
    """Sort the candidates into cubes about as large as a typical polyhedron."""
    points = candidates.points
    origin = points.min(axis=0)
    extent = points.max(axis=0) - origin
    size = max(2 * float(np.median(candidates.radii)), float(extent.max()) / 512, 1.0)
    counts = (extent // size).astype(np.int64) + 1
    place = ((points - origin) // size).astype(np.int64)
    keys = (place[:, 0] * counts[1] + place[:, 1]) * counts[2] + place[:, 2]
    members = np.argsort(keys, kind="stable")
    starts = np.searchsorted(keys[members], np.arange(counts.prod() + 1))
    return Cells(size, origin, counts, starts, members)


def _winners(candidates: Candidates, tables: tuple, threshold: float, threads: int | None) -> NDArray[np.intp]:
    """Return the places of the winners in the order of probability."""
    cells = _cells(candidates)
    standing = np.ones(len(candidates.points), np.uint8)
    won = np.zeros(len(standing), np.uint8)
    chosen, first = np.empty(LOOKAHEAD, np.int64), 0

    def work(start: int, stop: int) -> None:
        _suppress(candidates, tables, cells, chosen[start:stop], threshold, standing)

    while first < len(standing):
        count, first = _independent(candidates, standing, first, chosen)
        won[chosen[:count]] = 1
        standing[chosen[:count]] = 0
        in_parts(work, count, 2, threads)
    return np.flatnonzero(won)


@kernel
def _independent(candidates: tuple, standing: NDArray, first: int, chosen: NDArray) -> tuple[int, int]:
    """Write to `chosen` the next winners that no standing more probable candidate touches.

    Returns their number and the place of the first candidate that may still stand.
    """
    points, _, _, _, radii = candidates
    seen = np.empty(len(chosen), np.int64)
    looked = count = 0
    while first < len(standing) and standing[first] == 0:
        first += 1
    index = first
    while index < len(standing) and looked < len(seen):
        if standing[index]:
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
        index += 1
    return count, first


@kernel
def _may_touch(one: NDArray, other: NDArray, reach: float) -> bool:
    """Return whether two centres are less than `reach` apart."""
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2 <= reach**2


@kernel
def _solid(point: NDArray, shares: NDArray, box: NDArray, tables: tuple) -> NDArray:
    """Return the box of a polyhedron with 1 where a voxel is inside, uint8 (z, y, x)."""
    depth, height, width = box[3] - box[0] + 1, box[4] - box[1] + 1, box[5] - box[2] + 1
    solid = np.ones((max(depth, 0), max(height, 0), max(width, 0)), np.uint8)
    face = 0
    for z in range(solid.shape[0]):
        for y in range(solid.shape[1]):
            row = (z + box[0] - point[0], y + box[1] - point[1], box[2] - point[2])
            face = row_inside(row, face, shares, tables, solid[z, y], solid[z, y])
    return solid


@kernel
def _shares_more(
    solid: NDArray, corner: NDArray, point: NDArray, shares: NDArray, box: NDArray, tables: tuple, needed: float
) -> bool:
    """Return whether more than `needed` voxels of `solid`, whose first voxel is `corner`, lie in the polyhedron."""
    z0, y0, x0 = max(box[0] - corner[0], 0), max(box[1] - corner[1], 0), max(box[2] - corner[2], 0)
    z1 = min(box[3] - corner[0] + 1, solid.shape[0])
    y1 = min(box[4] - corner[1] + 1, solid.shape[1])
    x1 = min(box[5] - corner[2] + 1, solid.shape[2])
    if z1 <= z0 or y1 <= y0 or x1 <= x0:
        return needed < 0
    left = 0
    for z in range(z0, z1):
        for y in range(y0, y1):
            left += solid[z, y, x0:x1].sum()
    inside = np.empty(x1 - x0, np.uint8)
    found, face = 0, 0
    for z in range(z0, z1):
        for y in range(y0, y1):
            if found > needed or found + left <= needed:
                return found > needed
            wanted = solid[z, y, x0:x1]
            row = (z + corner[0] - point[0], y + corner[1] - point[1], x0 + corner[2] - point[2])
            face = row_inside(row, face, shares, tables, wanted, inside)
            left -= wanted.sum()
            found += inside.sum()
    return found > needed


@kernel
def _suppress(
    candidates: tuple, tables: tuple, cells: tuple, winners: NDArray, threshold: float, standing: NDArray
) -> None:
    """Take down the standing candidates that overlap one of these winners too much."""
    points, shares, boxes, sizes, radii = candidates
    cube, origin, counts, starts, members = cells
    widest = radii.max()
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for winner in winners:
        solid = _solid(points[winner], shares[winner], boxes[winner], tables)
        for axis in range(3):
            middle, reach = points[winner, axis] - origin[axis], radii[winner] + widest
            first[axis] = max(int(np.floor((middle - reach) / cube)), 0)
            last[axis] = min(int(np.floor((middle + reach) / cube)), counts[axis] - 1)
        for cz in range(first[0], last[0] + 1):
            for cy in range(first[1], last[1] + 1):
                line = (cz * counts[1] + cy) * counts[2]
                for place in range(starts[line + first[2]], starts[line + last[2] + 1]):
                    other = members[place]
                    reach = radii[winner] + radii[other]
                    if standing[other] and _may_touch(points[winner], points[other], reach):
                        needed = threshold * min(sizes[winner], sizes[other])
                        corner, box = boxes[winner], boxes[other]
                        if _shares_more(solid, corner, points[other], shares[other], box, tables, needed):
                            standing[other] = 0
