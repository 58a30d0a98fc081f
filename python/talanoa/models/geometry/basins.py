"""Touching objects are split at their necks: the basins of a landscape whose peaks stand out by more than a depth."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import kernel


def basins(height: NDArray[np.float32], depth: float) -> NDArray[np.int32]:
    """Give every pixel above 0 to the peak from which it descends; see `peaks` for what counts as one.

    Parameters
    ----------
    height : ndarray of float32, (y, x) or (z, y, x)
        Landscape, such as the distance of each pixel from the border of its object; 0 is outside.
    depth : float
        How far a peak stands out, in the units of `height`.

    Returns
    -------
    ndarray of int32
        1..n, numbered by the first pixel of each basin in reading order; neighbours include those at corners.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    around = np.ones((3,) * height.ndim)
    parts, n_parts = ndimage.label(height > 0, around)
    places = peaks(height, depth)
    home = parts.ravel()[places]
    several = np.bincount(home, minlength=n_parts + 1) > 1  # parts to be split; the others are basins as they are
    number = np.zeros(n_parts + 1, np.int32)
    number[home] = np.arange(1, len(places) + 1)
    labels = np.where(several, 0, number)[parts]
    if several.any():
        seeds = np.zeros(height.shape, np.int32)
        seeds.ravel()[places] = np.arange(1, len(places) + 1)
        labels += watershed(-height, seeds, connectivity=around, mask=several[parts])
    return _in_reading_order(labels, len(places))


def _in_reading_order(labels: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Return labels 1..count renumbered by their first pixel."""
    flat = labels.ravel()
    inside = np.flatnonzero(flat)[::-1]
    first = np.zeros(count + 1, np.int64)
    first[flat[inside]] = inside  # of several pixels, numpy keeps the last: the first one in reading order
    rank = np.zeros(count + 1, np.int32)
    rank[1:][np.argsort(first[1:])] = np.arange(1, count + 1)
    return rank[labels]


def peaks(height: NDArray[np.float32], depth: float) -> NDArray[np.int64]:
    """Return the flat places of the peaks that stand out by more than `depth`: the h-maxima with h = `depth`.

    Pixels are visited from the highest to the lowest. Where two basins meet, the one with the lower peak is absorbed
    unless that peak lies more than `depth` above the meeting place. Each connected part above 0 keeps its highest peak.
    (The usual way, morphological reconstruction, takes ten times as long.)

    Parameters
    ----------
    height : ndarray of float32, (y, x) or (z, y, x)
        Landscape; 0 is outside.
    depth : float
        In the units of `height`.
    """
    padded = np.pad(np.asarray(height, np.float32), 1)
    flat = padded.ravel()
    inside = np.flatnonzero(flat > 0)
    order = inside[np.argsort(-flat[inside], kind="stable")]
    strides = np.array(padded.strides) // padded.itemsize
    steps = np.array([np.dot(step, strides) for step in product((-1, 0, 1), repeat=height.ndim) if any(step)])
    owner = np.full(flat.size, -1, np.int64)
    _flood(flat, order, steps, np.float32(depth), owner)
    tops = inside[owner[inside] == inside]
    places = np.unravel_index(tops, padded.shape)
    return np.ravel_multi_index([axis - 1 for axis in places], height.shape).astype(np.int64)


@kernel
def _flood(height, order, steps, depth, owner):  # type: ignore[no-untyped-def]
    """Fill `owner` with flat indices that lead to the peak of each pixel's basin; `order` is from high to low."""
    for place in order:
        best = -1
        for step in steps:
            root = _root(owner, place + step)
            if root < 0 or root == best:
                continue
            if best < 0:
                best = root
                continue
            high, low = (best, root) if height[best] >= height[root] else (root, best)
            if height[low] - height[place] <= depth:
                owner[low] = high
            best = high
        owner[place] = place if best < 0 else best


@kernel
def _root(owner, place):  # type: ignore[no-untyped-def]
    """Return the peak that a pixel belongs to, -1 outside; the way is shortened for the next time."""
    if owner[place] < 0:
        return -1
    root = place
    while owner[root] != root:
        root = owner[root]
    while owner[place] != root:
        owner[place], place = root, owner[place]
    return root
