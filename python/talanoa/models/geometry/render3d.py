"""Draw star-convex polyhedra into a 3D label image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.rays3d import Rays3D
from talanoa.models.geometry.solid3d import cones, polyhedra, prepare, row_inside


def render_polyhedra(
    distances: NDArray,
    points: NDArray,
    rays: Rays3D,
    probabilities: NDArray | None,
    shape: tuple[int, ...],
    ids: NDArray | None = None,
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Draw polyhedra into a label image; where they overlap, the more probable one is on top.

    A voxel belongs to a polyhedron when its centre lies inside or on the surface. Of equally probable ones the later
    is on top, as in the `stardist` package.

    Parameters
    ----------
    distances : ndarray of float, (n, rays)
        Distances in voxels along the rays.
    points : ndarray of float, (n, 3)
        Centres (z, y, x), voxel centres at integers; they may lie outside the image.
    rays : Rays3D
        Directions and faces.
    probabilities : ndarray of float, (n,), or None
        Drawing order; the order given when None.
    shape : (int, int, int)
        Size of the label image.
    ids : ndarray of int, (n,), optional
        Label of each polyhedron; 1..n in the order given when left out.
    threads : int, optional
        Threads; the number of processors when left out. The result does not depend on it.

    Returns
    -------
    ndarray of int32, (z, y, x)
        0 where there is no polyhedron.

    Raises
    ------
    BadInput
        Where the shapes do not fit each other or a number is not finite.
    """
    solids = polyhedra(distances, points, rays, threads)
    count = len(solids.points)
    ids = np.arange(1, count + 1) if ids is None else np.asarray(ids)
    ranks = np.arange(count) if probabilities is None else np.asarray(probabilities)
    if len(shape) != 3 or ids.shape != (count,) or ranks.shape != (count,):
        raise BadInput(
            f"{count} polyhedra, ids {ids.shape}, probabilities {ranks.shape} and an image {shape}; expected one id "
            "and one probability for each and an image (z, y, x)."
        )
    labels = np.zeros(shape, np.int32)
    order, numbers = np.argsort(ranks, kind="stable"), ids.astype(np.int32)
    tables = cones(rays, float(solids.radii.max(initial=0)))

    def work(start: int, stop: int) -> None:
        _draw(order, solids, tables, numbers, start, labels[start:stop])

    if count:
        in_parts(work, shape[0], 1, threads)
    return labels


@kernel
def _draw(order: NDArray, solids: tuple, tables: tuple, ids: NDArray, first: int, labels: NDArray) -> None:
    """Draw what reaches the planes `labels`, of which the first is number `first` of the image."""
    points, distances, boxes, _, _ = solids
    depth, height, width = labels.shape
    ones, inside = np.ones(width, np.uint8), np.empty(width, np.uint8)
    shares, planes = np.empty(distances.shape[1]), np.empty((3, len(tables[0])))
    for index in order:
        box, point = boxes[index], points[index]
        left, right = max(box[2], 0), min(box[5], width - 1) + 1
        if right <= left or box[0] >= first + depth or box[3] < first:
            continue
        solid = (shares, planes, prepare(point, distances[index], box, tables, shares, planes))
        for z in range(max(box[0], first), min(box[3], first + depth - 1) + 1):
            for y in range(max(box[1], 0), min(box[4], height - 1) + 1):
                row = (z - point[0], y - point[1], left - point[2])
                found = inside[: right - left]
                row_inside(row, solid, tables, ones[: right - left], found)
                for column in range(right - left):
                    if found[column]:
                        labels[z - first, y, left + column] = ids[index]
