"""Which voxels lie inside a star-convex polyhedron: the kernel behind drawing and overlap suppression in 3D.

A vector from the centre points through one face. Written as multiples of that face's three rays, the point is inside
when the sum of multiple / distance is at most 1. Along a row of voxels the face changes seldom, and always to a
neighbour, so that the right one is found by walking over edges (Devillers et al. 2002, doi:10.1142/S0129054102001047).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.errors import BadInput
from talanoa.geometry.compiled import kernel
from talanoa.geometry.rays3d import Rays3D

ON_SURFACE = 1 + 1e-7  # voxels whose centre lies on the surface are inside, whatever the rounding
SMALLEST = 1e-3  # voxels; a shorter ray (a network may predict one below zero) counts as this


class Polyhedra(NamedTuple):
    """Polyhedra as the kernels want them.

    Attributes
    ----------
    points : ndarray of float64, (n, 3)
        Centres (z, y, x).
    shares : ndarray of float64, (n, rays)
        1 / distance.
    boxes : ndarray of int64, (n, 6)
        First and last voxel (z, y, x) that can be inside.
    """

    points: NDArray[np.float64]
    shares: NDArray[np.float64]
    boxes: NDArray[np.int64]


class Cones(NamedTuple):
    """The faces of a set of rays as the kernels want them: rays (m, 3), inverses (m, 3, 3), neighbours (m, 3)."""

    faces: NDArray[np.int64]
    inverses: NDArray[np.float64]
    neighbors: NDArray[np.int64]


def cones(rays: Rays3D) -> Cones:
    """Return the faces of the rays with what the kernels look up of them."""
    return Cones(np.ascontiguousarray(rays.faces), rays.inverses, rays.neighbors)


def polyhedra(distances: NDArray, points: NDArray, rays: Rays3D) -> Polyhedra:
    """Check and prepare polyhedra: distances (n, rays) in voxels, points (n, 3) as z, y, x.

    Raises
    ------
    BadInput
        Where the shapes do not fit each other or a number is not finite.
    """
    distances, points = np.asarray(distances, np.float64), np.asarray(points, np.float64)
    if distances.ndim != 2 or points.shape != (len(distances), 3) or distances.shape[1] != len(rays):
        raise BadInput(
            f"Distances {distances.shape} and points {points.shape} with {len(rays)} rays; expected (n, {len(rays)}) "
            "and (n, 3)."
        )
    if not (np.isfinite(distances).all() and np.isfinite(points).all()):
        raise BadInput("A distance or a point is not a number; expected finite values. The network may have diverged.")
    distances = np.maximum(distances, SMALLEST)
    boxes = np.empty((len(points), 6), np.int64)
    for axis in range(3):
        reach = distances * rays.vertices[:, axis].astype(np.float64)
        boxes[:, axis] = np.ceil(points[:, axis] + reach.min(axis=1, initial=0) - 1e-6)
        boxes[:, axis + 3] = np.floor(points[:, axis] + reach.max(axis=1, initial=0) + 1e-6)
    return Polyhedra(np.ascontiguousarray(points), 1 / distances, boxes)


@kernel
def face_towards(z: float, y: float, x: float, face: int, inverses: NDArray, neighbors: NDArray) -> int:
    """Return the face that the vector points through, looking from `face` onwards."""
    tolerance = -1e-9 * (abs(z) + abs(y) + abs(x))
    for _ in range(len(neighbors)):
        lowest, across = tolerance, -1
        for corner in range(3):
            row = inverses[face, corner]
            weight = row[0] * z + row[1] * y + row[2] * x
            if weight < lowest:
                lowest, across = weight, corner
        if across < 0:
            return face
        face = neighbors[face, across]
    return face


@kernel
def _along_row(z: float, y: float, face: int, shares: NDArray, faces: NDArray, inverses: NDArray) -> tuple:
    """Return the weights of a face and the sum of weight / distance as bases and slopes along the columns."""
    first, second, third = inverses[face, 0], inverses[face, 1], inverses[face, 2]
    bases = (first[0] * z + first[1] * y, second[0] * z + second[1] * y, third[0] * z + third[1] * y)
    slopes = (first[2], second[2], third[2])
    a, b, c = shares[faces[face, 0]], shares[faces[face, 1]], shares[faces[face, 2]]
    start = bases[0] * a + bases[1] * b + bases[2] * c
    rise = slopes[0] * a + slopes[1] * b + slopes[2] * c
    return bases, slopes, start, rise


@kernel
def row_inside(
    row: tuple[float, float, float],
    face: int,
    shares: NDArray,
    tables: tuple[NDArray, NDArray, NDArray],
    wanted: NDArray,
    inside: NDArray,
) -> int:
    """Mark in `inside` which voxels of a row lie in a polyhedron; return the face last looked at.

    Parameters
    ----------
    row : (float, float, float)
        Vector z, y, x from the centre to the row's first voxel.
    face : int
        Where to begin to look.
    shares : ndarray of float64, (rays,)
        1 / distance of the polyhedron.
    tables : Cones
        Of the rays.
    wanted, inside : ndarray of uint8, (columns,)
        Voxels to test; the result. They may be the same array.
    """
    faces, inverses, neighbors = tables
    z, y, x = row
    slack = -1e-9 * (abs(z) + abs(y) + abs(x) + len(inside))
    bases, slopes, start, rise = _along_row(z, y, face, shares, faces, inverses)
    for column in range(len(inside)):
        if wanted[column] == 0:
            inside[column] = 0
            continue
        at = x + column
        lowest = min(bases[0] + slopes[0] * at, bases[1] + slopes[1] * at, bases[2] + slopes[2] * at)
        if lowest < slack:
            face = face_towards(z, y, at, face, inverses, neighbors)
            bases, slopes, start, rise = _along_row(z, y, face, shares, faces, inverses)
        inside[column] = 1 if start + rise * at <= ON_SURFACE else 0
    return face
