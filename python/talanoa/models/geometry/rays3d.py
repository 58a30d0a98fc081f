"""Rays of star-convex polyhedra: directions, the triangles between them, volume and surface.

A polyhedron is a centre and one distance per ray; its corners are centre + distance * direction, its faces the
triangles between neighbouring rays (Weigert et al. 2020, doi:10.1109/WACV45572.2020.9093435).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

FEWEST = 4  # rays that can enclose a volume


@dataclass(frozen=True, eq=False)
class Rays3D:
    """Directions on the unit sphere and the triangles between them.

    Parameters
    ----------
    vertices : ndarray of float32, (n, 3)
        Directions (z, y, x) in voxels; a distance counts multiples of its vector.
    faces : ndarray of int, (m, 3)
        Indices of the three rays of each triangle. Every edge belongs to two triangles.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.vertices)

    @cached_property
    def inverses(self) -> NDArray[np.float64]:
        """Matrices (m, 3, 3) that write a vector as multiples of the rays of a face: `weights = inverse @ vector`.

        A vector points through the face whose weights are all >= 0; the point lies inside the polyhedron when the sum
        of weight / distance over the three rays is at most 1.
        """
        corners = self.vertices.astype(np.float64)[self.faces]  # (m, rays of the face, 3)
        return np.asarray(np.linalg.inv(corners.transpose(0, 2, 1)), np.float64)

    @cached_property
    def neighbors(self) -> NDArray[np.int64]:
        """Face (m, 3) on the other side of the edge that lies opposite to each corner of a face."""
        edges = np.sort(np.stack([self.faces[:, [1, 2]], self.faces[:, [2, 0]], self.faces[:, [0, 1]]], 1), axis=-1)
        keys = edges[..., 0] * len(self) + edges[..., 1]  # (m, 3)
        if (np.unique(keys, return_counts=True)[1] != 2).any():
            raise BadInput(
                "The triangles of these rays leave a gap or meet twice; expected a closed surface, every edge shared "
                "by two triangles. Give the faces of the convex hull of the directions."
            )
        order = np.argsort(keys, axis=None, kind="stable")  # the two places of an edge lie side by side
        found = np.empty(keys.size, np.int64)
        found[order] = order.reshape(-1, 2)[:, ::-1].ravel() // 3
        return found.reshape(-1, 3)

    @cached_property
    def determinants(self) -> NDArray[np.float64]:
        """Six times the volume between the origin and each face for distances of 1, (m,), >= 0."""
        return np.abs(np.linalg.det(self.vertices.astype(np.float64)[self.faces]))


def golden_spiral(n_rays: int = 96, anisotropy: tuple[float, float, float] | None = None) -> Rays3D:
    """Spread rays evenly over the sphere, along a spiral that turns by the golden angle from ray to ray.

    Parameters
    ----------
    n_rays : int
        Number of rays, at least 4.
    anisotropy : (float, float, float), optional
        Sizes of a voxel (z, y, x), in any common unit: (2, 1, 1) for planes that lie twice as far apart as the
        pixels of a plane. The rays are then even in space, not in the stack.

    Returns
    -------
    Rays3D
        Directions of length 1 in voxels, and the triangles of their convex hull; the same as `Rays_GoldenSpiral` of
        the `stardist` package.

    Raises
    ------
    BadInput
        With fewer than 4 rays, or a size that is not positive.
    """
    sizes = np.asarray((1, 1, 1) if anisotropy is None else anisotropy, np.float64)
    if n_rays < FEWEST or sizes.shape != (3,) or not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise BadInput(
            f"{n_rays} rays and voxel sizes {anisotropy} make no rays; expected at least {FEWEST} rays and three "
            "positive sizes (z, y, x)."
        )
    return _spiral(n_rays, *(float(size) for size in sizes))


@lru_cache(maxsize=8)
def _spiral(n_rays: int, *sizes: float) -> Rays3D:
    """Make the rays of `golden_spiral` once, with the tables that hang on them."""
    z = np.linspace(-1, 1, n_rays)
    radius = np.sqrt(1 - z**2)
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n_rays)
    return from_directions(np.stack([z, radius * np.sin(turn), radius * np.cos(turn)], axis=1) / np.array(sizes))


def from_directions(directions: NDArray) -> Rays3D:
    """Make rays of length 1 from vectors (n, 3) as z, y, x, with the triangles of the vectors' convex hull.

    Raises
    ------
    BadInput
        Where the vectors lie in one plane, or one of them lies inside the hull of the others.
    """
    from scipy.spatial import ConvexHull, QhullError

    directions = np.asarray(directions, np.float64)
    try:
        faces = ConvexHull(directions).simplices.astype(np.int64)
    except QhullError as error:
        raise BadInput("The ray directions span no volume; expected directions all around the centre.") from error
    inward = np.linalg.det(directions[faces]) > 0  # z, y, x is left-handed: faces that look outwards are negative
    faces[inward] = faces[inward][:, ::-1]
    if len(np.unique(faces)) != len(directions):
        raise BadInput(
            f"{len(directions) - len(np.unique(faces))} ray directions are no corners of the hull; expected directions "
            "of similar length that differ. Leave out repeated ones."
        )
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return Rays3D((directions / lengths).astype(np.float32), faces)


def octahedron(rounds: int = 0) -> Rays3D:
    """Return the 6 directions of the axes, or 18, 66, ... after dividing every triangle into four `rounds` times.

    The set maps onto itself when it is turned by 90 degrees about an axis.
    """
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    for _ in range(rounds):
        faces = from_directions(corners).faces
        middles = np.concatenate([corners[faces[:, i]] + corners[faces[:, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
        corners = np.concatenate([corners, np.unique(middles.round(12) + 0.0, axis=0)])
    return from_directions(corners)


def volumes(distances: NDArray, rays: Rays3D) -> NDArray[np.float64]:
    """Return the volumes (n,) in voxels of polyhedra with these distances (n, rays)."""
    along = np.asarray(distances, np.float64)
    total = np.zeros(len(along))
    for corners, sixfold in zip(rays.faces, rays.determinants, strict=True):
        total += along[:, corners].prod(axis=1) * sixfold
    return total / 6


def surfaces(
    distances: NDArray, rays: Rays3D, voxel_size: tuple[float, float, float] = (1, 1, 1)
) -> NDArray[np.float64]:
    """Return the areas (n,) of the surfaces of polyhedra, in the square of the unit of `voxel_size` (z, y, x)."""
    along = np.asarray(distances, np.float64)
    ends = along[..., None] * (rays.vertices * np.asarray(voxel_size, np.float64))  # (n, rays, 3)
    total = np.zeros(len(along))
    for a, b, c in rays.faces:
        total += np.linalg.norm(np.cross(ends[:, b] - ends[:, a], ends[:, c] - ends[:, a]), axis=1)
    return total / 2


def polyhedron_corners(distances: NDArray, points: NDArray, rays: Rays3D) -> NDArray[np.float32]:
    """Return the corners (n, rays, 3) as z, y, x of polyhedra at `points` (n, 3); voxel centres lie at integers."""
    ends = np.asarray(points, np.float32)[:, None] + np.asarray(distances, np.float32)[..., None] * rays.vertices
    return ends.astype(np.float32)
