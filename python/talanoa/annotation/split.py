"""One shape into several: at its necks, or along a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from talanoa.rois.masks import Mask

_CROSS = np.ones((3, 3), bool)
_STEPS = 24


def divide(mask: Mask, pieces: int) -> NDArray[np.int32]:
    """Divide a shape at its necks: watershed of the distance to its outline, from its thickest places.

    Parameters
    ----------
    mask : ndarray of bool (y, x)
    pieces : int
        How many. A shape with fewer thick places is cut across its length instead.

    Returns
    -------
    ndarray of int32 (y, x)
        1..pieces, 0 outside; fewer pieces where there are fewer pixels.
    """
    from skimage.segmentation import watershed

    if mask.sum() < pieces:
        return mask.astype(np.int32)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1], 0.7) * mask
    markers = _thick_places(distance, pieces)
    if markers is None:
        return _across(mask, pieces)
    return np.asarray(watershed(-distance, markers, mask=mask), np.int32)


def cut_along(mask: Mask, start: tuple[float, float], end: tuple[float, float]) -> NDArray[np.int32]:
    """Cut a shape along a line.

    Parameters
    ----------
    mask : ndarray of bool (y, x)
    start, end : (y, x)
        In pixels, (0, 0) is the corner of the first one. A line that ends inside the shape is prolonged.

    Returns
    -------
    ndarray of int32 (y, x)
        1..n, 0 outside. Pixels belong to the side of the line on which their centre lies.
    """
    (y1, x1), (y2, x2) = start, end
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    length = float(np.hypot(y2 - y1, x2 - x1))
    if length == 0:
        return mask.astype(np.int32)
    side = ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / length
    along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length
    for reach in (1.0, np.inf):
        wall = mask & (np.abs(side) <= 0.75) & (along > -reach) & (along < length + reach)
        parts, count = ndimage.label(mask & ~wall)
        if count > 1:
            return _given_back(parts, wall, side)
    return mask.astype(np.int32)


def _given_back(parts: NDArray[np.int32], wall: Mask, side: NDArray[np.float64]) -> NDArray[np.int32]:
    """Give the pixels of the wall to the parts on their side of the line; specks go to a neighbour."""
    result = parts.astype(np.int32)
    for sign in (-1, 1):
        here = np.where((np.sign(side) == sign) | (side == 0), parts, 0)
        nearest = ndimage.distance_transform_edt(here == 0, return_distances=False, return_indices=True)
        mine = wall & (np.where(side == 0, 1, np.sign(side)) == sign)
        result[mine] = here[tuple(nearest)][mine]
    return np.where(result > 0, np.unique(result, return_inverse=True)[1].reshape(result.shape), 0).astype(np.int32)


def _thick_places(distance: NDArray[np.float64], pieces: int) -> NDArray[np.int32] | None:
    """Return markers 1..pieces at the places that stand out most, or None where there are not so many."""
    from skimage.morphology import h_maxima

    for depth in float(distance.max()) * 0.6 * 0.8 ** np.arange(_STEPS):
        if depth < 0.05:
            break
        markers, count = ndimage.label(h_maxima(distance, depth), _CROSS)
        if count >= pieces:
            height = ndimage.maximum(distance, markers, np.arange(1, count + 1))
            kept = np.argsort(-height, kind="stable")[:pieces]
            number = np.zeros(count + 1, np.int32)
            number[kept + 1] = np.arange(1, pieces + 1)
            return number[markers]
    return None


def _across(mask: Mask, pieces: int) -> NDArray[np.int32]:
    """Cut a shape across its longest direction into pieces of equal area."""
    places = np.argwhere(mask).astype(np.float64)
    places -= places.mean(axis=0)
    direction = np.linalg.eigh(np.cov(places.T) + 1e-9 * np.eye(2))[1][:, -1] if len(places) > 1 else np.ones(2)
    rank = np.argsort(np.argsort(places @ direction, kind="stable"), kind="stable")
    result = np.zeros(mask.shape, np.int32)
    result[mask] = 1 + rank * pieces // len(places)
    return result
