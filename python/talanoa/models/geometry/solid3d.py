"""Which voxels lie inside a star-convex polyhedron: the kernel behind drawing and overlap suppression in 3D.

A vector from the centre points through one face. Written as multiples of that face's three rays, the point is inside
when the sum of multiple / distance is at most 1. Around a whole-number centre the face of each voxel is looked up in a
table. For other centres, and far out where the face seldom changes along a row, it is found by walking over edges from
face to face (Devillers et al. 2002, doi:10.1142/S0129054102001047).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.rays3d import Rays3D

ON_SURFACE = 1 + 1e-7  # voxels whose centre lies on the surface are inside, whatever the rounding
SMALLEST = 1e-3  # voxels; a shorter ray (a network may predict one below zero) counts as this
FARTHEST = 1e6  # voxels
WIDEST_TABLE = 48  # voxels; 97³ faces of 2 bytes


class Polyhedra(NamedTuple):
    """Polyhedra as the kernels want them.

    Attributes
    ----------
    points : ndarray of float64, (n, 3)
        Centres (z, y, x).
    distances : ndarray of float32, (n, rays)
        At least `SMALLEST` when used.
    boxes : ndarray of int64, (n, 6)
        First and last voxel (z, y, x) that can be inside.
    volumes : ndarray of float64, (n,)
        Of the triangle meshes, in voxels.
    radii : ndarray of float64, (n,)
        Of the spheres about the centres that hold the polyhedra.
    """

    points: NDArray[np.float64]
    distances: NDArray[np.float32]
    boxes: NDArray[np.int64]
    volumes: NDArray[np.float64]
    radii: NDArray[np.float64]


class Cones(NamedTuple):
    """The faces of a set of rays as the kernels want them.

    Attributes
    ----------
    faces : ndarray of int64, (m, 3)
        Rays of each face.
    inverses : ndarray of float64, (m, 3, 3)
        See `Rays3D.inverses`.
    neighbors : ndarray of int64, (m, 3)
        See `Rays3D.neighbors`.
    towards : ndarray of int16, ((2 r + 1) ** 3,)
        Face that each vector of whole numbers from -r to r points through, x fastest.
    radius : int
        r
    """

    faces: NDArray[np.int64]
    inverses: NDArray[np.float64]
    neighbors: NDArray[np.int64]
    towards: NDArray[np.int16]
    radius: int


def cones(rays: Rays3D, radius: float) -> Cones:
    """Return the faces of the rays with what the kernels look up of them, for polyhedra up to `radius`."""
    wanted = min(max(8, 8 * math.ceil((radius + 1) / 8)), WIDEST_TABLE)  # in steps: few tables serve all
    return _cones(rays, wanted if len(rays.faces) <= np.iinfo(np.int16).max else 0)


@lru_cache(maxsize=4)
def _cones(rays: Rays3D, radius: int) -> Cones:
    """Build the tables of `cones`."""
    side = 2 * radius + 1
    tables = Cones(np.ascontiguousarray(rays.faces), rays.inverses, rays.neighbors, np.zeros(side**3, np.int16), radius)
    in_parts(lambda start, stop: _look_around(tables, start, stop), side, 8)
    return tables


@kernel
def _look_around(tables: tuple, start: int, stop: int) -> None:
    """Fill in planes start..stop - 1 of the table of faces."""
    _, inverses, neighbors, towards, radius = tables
    side, face = 2 * radius + 1, 0
    for z in range(start, stop):
        for y in range(side):
            for x in range(side):
                face = face_towards(float(z - radius), float(y - radius), float(x - radius), face, inverses, neighbors)
                towards[(z * side + y) * side + x] = face


def polyhedra(distances: NDArray, points: NDArray, rays: Rays3D, threads: int | None = None) -> Polyhedra:
    """Check and measure polyhedra: distances (n, rays) in voxels, points (n, 3) as z, y, x.

    Raises
    ------
    BadInput
        Where the shapes do not fit each other or a number is not finite or beyond a million voxels.
    """
    distances, points = np.ascontiguousarray(distances, np.float32), np.ascontiguousarray(points, np.float64)
    count = len(points)
    if distances.ndim != 2 or points.shape != (len(distances), 3) or distances.shape[1] != len(rays):
        raise BadInput(
            f"Distances {distances.shape} and points {points.shape} with {len(rays)} rays; expected (n, {len(rays)}) "
            "and (n, 3)."
        )
    found = Polyhedra(points, distances, np.empty((count, 6), np.int64), np.empty(count), np.empty(count))
    wrong = np.zeros(count, np.uint8)
    directions, faces = np.ascontiguousarray(rays.vertices, np.float64), np.ascontiguousarray(rays.faces)

    def work(start: int, stop: int) -> None:
        _measure(found, directions, faces, rays.determinants, wrong, start, stop)

    in_parts(work, count, 1000, threads)
    if wrong.any():
        raise BadInput(
            f"{np.count_nonzero(wrong)} of {count} polyhedra have a distance or a centre that is no number or beyond "
            f"{FARTHEST:.0f} voxels; expected finite values. The network may have diverged."
        )
    return found


@kernel
def _measure(
    solids: tuple,
    directions: NDArray,
    faces: NDArray,
    determinants: NDArray,
    wrong: NDArray,
    start: int,
    stop: int,
) -> None:
    """Fill in boxes, volumes and radii of the polyhedra start..stop - 1; mark those that are no polyhedra."""
    points, distances, boxes, volumes, radii = solids
    for index in range(start, stop):
        along = np.maximum(distances[index].astype(np.float64), SMALLEST)
        largest = along.max()
        if not (np.isfinite(distances[index]).all() and largest <= FARTHEST and np.abs(points[index]).max() < FARTHEST):
            wrong[index] = 1
            continue
        radii[index] = 0.0
        low, high = np.zeros(3), np.zeros(3)
        for ray in range(len(along)):
            square = 0.0
            for axis in range(3):
                reach = along[ray] * directions[ray, axis]
                low[axis], high[axis] = min(low[axis], reach), max(high[axis], reach)
                square += reach * reach
            radii[index] = max(radii[index], np.sqrt(square))
        for axis in range(3):
            boxes[index, axis] = np.ceil(points[index, axis] + low[axis] - 1e-6)
            boxes[index, axis + 3] = np.floor(points[index, axis] + high[axis] + 1e-6)
        total = 0.0
        for face in range(len(faces)):
            total += along[faces[face, 0]] * along[faces[face, 1]] * along[faces[face, 2]] * determinants[face]
        volumes[index] = total / 6


@kernel
def prepare(point: NDArray, distances: NDArray, box: NDArray, tables: tuple, shares: NDArray, planes: NDArray) -> bool:
    """Write 1 / distance (rays,) and the planes of the faces (3, m) of one polyhedron for `row_inside`.

    A point lies below a plane when its product with the vector from the centre is at most 1. Returns whether the table
    of faces serves: around a whole-number centre, not too far out.
    """
    faces, inverses, _, _, radius = tables
    for ray in range(len(shares)):
        shares[ray] = 1.0 / max(float(distances[ray]), SMALLEST)
    for axis in range(3):
        middle = point[axis]
        if middle != np.floor(middle) or middle - box[axis] > radius or box[axis + 3] - middle > radius:
            return False
    for face in range(len(faces)):
        a, b, c = shares[faces[face, 0]], shares[faces[face, 1]], shares[faces[face, 2]]
        for axis in range(3):
            plane = a * inverses[face, 0, axis] + b * inverses[face, 1, axis] + c * inverses[face, 2, axis]
            planes[axis, face] = plane
    return True


@kernel
def face_towards(z: float, y: float, x: float, face: int, inverses: NDArray, neighbors: NDArray) -> int:
    """Return the face that the vector points through, looking from `face` onwards."""
    tolerance = -1e-9 * (abs(z) + abs(y) + abs(x))
    for _ in range(len(neighbors)):
        lowest, across = tolerance, -1
        for corner in range(3):
            weight = inverses[face, corner, 0] * z + inverses[face, corner, 1] * y + inverses[face, corner, 2] * x
            if weight < lowest:
                lowest, across = weight, corner
        if across < 0:
            return face
        face = neighbors[face, across]
    return face


@kernel
def _along_row(z: float, y: float, face: int, shares: NDArray, faces: NDArray, inverses: NDArray) -> tuple:
    """Return the weights of a face and the sum of weight / distance as bases and slopes along the columns."""
    bases = (
        inverses[face, 0, 0] * z + inverses[face, 0, 1] * y,
        inverses[face, 1, 0] * z + inverses[face, 1, 1] * y,
        inverses[face, 2, 0] * z + inverses[face, 2, 1] * y,
    )
    slopes = (inverses[face, 0, 2], inverses[face, 1, 2], inverses[face, 2, 2])
    a, b, c = shares[faces[face, 0]], shares[faces[face, 1]], shares[faces[face, 2]]
    start = bases[0] * a + bases[1] * b + bases[2] * c
    rise = slopes[0] * a + slopes[1] * b + slopes[2] * c
    return bases, slopes, start, rise


@kernel
def row_inside(
    row: tuple[float, float, float],
    solid: tuple[NDArray, NDArray, bool],
    tables: tuple,
    wanted: NDArray,
    inside: NDArray,
) -> int:
    """Mark in `inside` which voxels of a row lie in a polyhedron; return their number.

    Parameters
    ----------
    row : (float, float, float)
        Vector z, y, x from the centre to the row's first voxel.
    solid : (ndarray, ndarray, bool)
        What `prepare` wrote and returned.
    tables : Cones
        Of the rays.
    wanted, inside : ndarray of uint8, (columns,)
        Voxels to test; the result. They may be the same array.
    """
    shares, planes, near = solid
    if not near:
        return _row_by_walking(row, shares, tables, wanted, inside)
    z, y, x = row
    towards, place = tables[3], place_in_table(row, tables[4])
    found = 0
    for column in range(len(inside)):
        face = uint64(towards[place + uint64(column)])
        height = planes[0, face] * z + planes[1, face] * y + planes[2, face] * (x + column)
        hit = wanted[column] if height <= ON_SURFACE else 0
        inside[column] = hit
        found += hit
    return found


@kernel
def place_in_table(row: tuple[float, float, float], radius: int) -> np.uint64:
    """Return where the faces of a row of voxels begin in `Cones.towards`; unsigned, so that no index can count back."""
    z, y, x = row
    side = 2 * radius + 1
    return uint64(((int(z) + radius) * side + int(y) + radius) * side + int(x) + radius)


@kernel
def _row_by_walking(
    row: tuple[float, float, float], shares: NDArray, tables: tuple, wanted: NDArray, inside: NDArray
) -> int:
    """Do the work of `row_inside` for any centre and any extent."""
    faces, inverses, neighbors, _, _ = tables
    z, y, x = row
    slack = -1e-9 * (abs(z) + abs(y) + abs(x) + len(inside))
    face = face_towards(z, y, x, 0, inverses, neighbors)
    bases, slopes, start, rise = _along_row(z, y, face, shares, faces, inverses)
    found = 0
    for column in range(len(inside)):
        if wanted[column] == 0:
            inside[column] = 0
            continue
        at = x + column
        lowest = min(bases[0] + slopes[0] * at, bases[1] + slopes[1] * at, bases[2] + slopes[2] * at)
        if lowest < slack:
            face = face_towards(z, y, at, face, inverses, neighbors)
            bases, slopes, start, rise = _along_row(z, y, face, shares, faces, inverses)
        hit = 1 if start + rise * at <= ON_SURFACE else 0
        inside[column] = hit
        found += hit
    return found
