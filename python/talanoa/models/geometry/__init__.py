"""Star-convex geometry: ray distances, object probability, overlap suppression, rendering, in 2D and 3D.

The kernels are compiled by numba at their first call in an environment (`warm_up` and `warm_up3d` do it beforehand) and
kept for the next process. They work in threads of their own, and no result depends on how many.
"""

from __future__ import annotations

import numpy as np

from talanoa.measure.perimeter import outline_lengths
from talanoa.models.geometry.basins import peaks
from talanoa.models.geometry.edt import edge_probability
from talanoa.models.geometry.edt3d import edge_probability3d
from talanoa.models.geometry.nms2d import suppress_overlaps
from talanoa.models.geometry.nms3d import suppress_overlaps3d
from talanoa.models.geometry.rays3d import Rays3D, golden_spiral
from talanoa.models.geometry.render2d import render_polygons
from talanoa.models.geometry.render3d import render_polyhedra
from talanoa.models.geometry.star2d import polygon_corners, ray_angles, star_distances
from talanoa.models.geometry.star3d import star_distances3d

__all__ = [
    "Rays3D",
    "edge_probability",
    "edge_probability3d",
    "golden_spiral",
    "outline_lengths",
    "polygon_corners",
    "ray_angles",
    "render_polygons",
    "render_polyhedra",
    "star_distances",
    "star_distances3d",
    "suppress_overlaps",
    "suppress_overlaps3d",
    "warm_up",
    "warm_up3d",
]


def warm_up() -> None:
    """Compile the 2D kernels, or load their machine code, by using them on a few pixels; a prediction's come first."""
    distances, points = np.full((2, 4), 2, np.float32), np.array([[3, 3], [4, 3]])
    suppress_overlaps(distances, np.ones(2), points, 0.5)
    labels = render_polygons(polygon_corners(distances, points), np.ones(2), (8, 8))
    outline_lengths(labels, np.array([1, 2], np.int32), 1.0, 1.0)
    star_distances(labels, 4)
    edge_probability(labels)
    peaks(labels.astype(np.float32), 0.5)


def warm_up3d() -> None:
    """Compile the 3D kernels, or load their machine code, by using them on a few voxels."""
    labels = np.zeros((6, 6, 6), np.int32)
    labels[1:5, 1:5, 1:5] = 1
    rays = golden_spiral(8)
    edge_probability3d(labels)
    distances = star_distances3d(labels, rays)[2:4, 2, 2]
    points = np.array([[2, 2, 2], [3, 2, 2]])
    suppress_overlaps3d(distances, np.ones(2), points, rays, 0.5)
    render_polyhedra(distances, points, rays, np.ones(2), labels.shape)
