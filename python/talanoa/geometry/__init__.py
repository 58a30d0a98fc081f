"""Star-convex geometry in 2D: ray distances, object probability, overlap suppression, rendering.

The kernels of the `stardist` package (compiled, free of TensorFlow) do the work behind these four functions.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def ray_angles(n_rays: int) -> NDArray[np.float32]:
    """Return the angles of the rays in radians, counted from +x towards +y, float32 (n_rays,)."""
    return (2 * np.pi / n_rays * np.arange(n_rays)).astype(np.float32)


def star_distances(labels: NDArray, n_rays: int = 32, grid: tuple[int, int] = (1, 1)) -> NDArray[np.float32]:
    """Measure from every pixel to the border of its own object along `n_rays` rays.

    Parameters
    ----------
    labels : ndarray of int, (y, x)
        Label image, 0 = background.
    n_rays : int
        Rays, equally spaced over the full turn.
    grid : (int, int)
        Measure at every grid-th pixel only.

    Returns
    -------
    ndarray of float32, (ceil(y / grid), ceil(x / grid), n_rays)
        Distances in pixels; 0 in the background.
    """
    from skimage.segmentation import relabel_sequential
    from stardist.geometry import star_dist

    if labels.max(initial=0) > np.iinfo(np.uint16).max:  # the kernel compares 16-bit labels
        labels = relabel_sequential(labels)[0]
    return np.asarray(star_dist(labels.astype(np.uint16), n_rays=n_rays, grid=grid), np.float32)


def edge_probability(labels: NDArray) -> NDArray[np.float32]:
    """Return the distance to the object's border divided by the object's largest one, 0 outside; float32 (y, x)."""
    from stardist.utils import edt_prob

    return np.asarray(edt_prob(labels.astype(np.int32)), np.float32)


def suppress_overlaps(
    distances: NDArray, probabilities: NDArray, points: NDArray, threshold: float
) -> NDArray[np.intp]:
    """Choose candidates by greedy non-maximum suppression on polygon overlap.

    Parameters
    ----------
    distances : ndarray of float32, (n, rays)
        Ray lengths of the candidates in pixels.
    probabilities : ndarray of float32, (n,)
        The most probable candidate of each place wins.
    points : ndarray, (n, 2)
        Centres (y, x) in pixels.
    threshold : float
        A candidate whose overlap with a winner, as a share of the smaller polygon, exceeds this is dropped.

    Returns
    -------
    ndarray of int, (k,)
        Indices of the winners, most probable first.
    """
    from stardist.nms import non_maximum_suppression_inds

    if not len(points):
        return np.zeros(0, np.intp)
    order = np.argsort(-probabilities, kind="stable")
    sorted_inputs = (distances[order], points[order], probabilities[order])
    with _threads().limit(limits=1, user_api="openmp"):
        keep = non_maximum_suppression_inds(*sorted_inputs, thresh=threshold, verbose=False)
    return order[np.asarray(keep, bool)]


@cache
def _threads() -> ThreadpoolController:
    """Return the control of the kernels' threads.

    The suppression opens a parallel region for every winner. On busy processors its threads wait for each other far
    longer than they work (seconds instead of milliseconds), so one thread does it.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def polygon_corners(distances: NDArray, points: NDArray) -> NDArray[np.float32]:
    """Return the polygon vertices as (y, x) pixel-centre coordinates, float32 (n, rays, 2)."""
    angles = ray_angles(distances.shape[1])
    directions = np.stack([np.sin(angles), np.cos(angles)], axis=-1)  # (rays, 2)
    return (points[:, None].astype(np.float32) + distances[..., None] * directions).astype(np.float32)


def render_polygons(
    corners: NDArray, probabilities: NDArray, shape: tuple[int, ...], ids: NDArray | None = None
) -> NDArray[np.int32]:
    """Draw polygons into a label image; where they overlap, the more probable one is on top.

    Parameters
    ----------
    corners : ndarray of float, (n, rays, 2)
        Vertices (y, x), pixel centres at integers.
    probabilities : ndarray of float, (n,)
        Drawing order.
    shape : (int, int)
        Size of the label image.
    ids : ndarray of int, (n,), optional
        Label of each polygon; 1..n in the order given when left out.
    """
    from skimage.draw import polygon

    labels = np.zeros(shape, np.int32)
    ids = np.arange(1, len(corners) + 1) if ids is None else ids
    for index in np.argsort(probabilities, kind="stable"):
        rows, columns = polygon(corners[index, :, 0], corners[index, :, 1], shape)
        labels[rows, columns] = ids[index]
    return labels
