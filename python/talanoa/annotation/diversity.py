"""Choose a few images that stand for many: by how bright, how contrasted and how textured they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ROUNDS = 50


def features(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Describe a plane by intensity and texture.

    Parameters
    ----------
    plane : ndarray (y, x)

    Returns
    -------
    ndarray of float64, (12,)
        Percentiles 1, 25, 50, 75, 99 of log intensity; standard deviation; then, of the plane scaled to its 1st and
        99.8th percentile: mean gradient, local standard deviation over 5 and 15 pixels, entropy of the histogram
        (bits), share of pixels in the upper half, third moment.
    """
    low, high = np.percentile(plane, (1, 99.8))
    level = np.log1p(np.maximum(plane - min(0.0, float(plane.min())), 0))
    scaled = np.clip((plane - low) / max(high - low, 1e-12), 0, 1)
    gradient = np.hypot(ndimage.sobel(scaled, 0), ndimage.sobel(scaled, 1)).mean()
    share = np.bincount((scaled * 31.999).astype(int).ravel(), minlength=32) / scaled.size
    entropy = -(share[share > 0] * np.log2(share[share > 0])).sum()
    third = float(((scaled - scaled.mean()) ** 3).mean())
    numbers = [
        *np.percentile(level, (1, 25, 50, 75, 99)),
        level.std(),
        gradient,
        _local_deviation(scaled, 5),
        _local_deviation(scaled, 15),
        entropy,
        (scaled > 0.5).mean(),
        np.cbrt(third),
    ]
    return np.array(numbers, np.float64)


def choose(
    described: Sequence[NDArray[np.float64]], count: int, known: Sequence[NDArray[np.float64]] = ()
) -> list[int]:
    """Return which of many images stand for all of them; the same input gives the same choice.

    Each feature is brought to mean 0 and standard deviation 1. The first image is the one nearest to the mean, each
    further one the farthest from those chosen (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5); then each moves to the
    middle of those that are nearest to it (k-means), so that odd ones out do not stand for the others.

    Parameters
    ----------
    described : sequence of ndarray (n_features,)
    count : int
        How many to choose; all where there are no more.
    known : sequence of ndarray (n_features,)
        Images chosen earlier: what is like them is not needed again.

    Returns
    -------
    list of int
        Indices into `described`, ascending.
    """
    if count >= len(described):
        return list(range(len(described)))
    points = np.array([*known, *described], np.float64)
    points = (points - points.mean(axis=0)) / np.maximum(points.std(axis=0), 1e-9)
    fixed, free = points[: len(known)], points[len(known) :]
    centers = _farthest(fixed, free, count)
    for _ in range(_ROUNDS):
        nearest = _distances(free, np.concatenate([fixed, centers])).argmin(axis=1) - len(fixed)
        moved = np.array(
            [free[nearest == k].mean(axis=0) if (nearest == k).any() else centers[k] for k in range(count)]
        )
        if np.allclose(moved, centers):
            break
        centers = moved
    return _one_each(free, centers)


def _farthest(fixed: NDArray, free: NDArray, count: int) -> NDArray:
    """Return `count` points, each the farthest from those before it."""
    chosen: list[int] = []
    if len(fixed):
        gap = _distances(free, fixed).min(axis=1)
    else:
        chosen.append(int((free**2).sum(axis=1).argmin()))
        gap = _distances(free, free[chosen])[:, 0]
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, _distances(free, free[chosen[-1:]])[:, 0])
    return free[chosen]


def _one_each(free: NDArray, centers: NDArray) -> list[int]:
    """Return for each centre the nearest point that is not taken yet."""
    distance = _distances(free, centers)
    taken: list[int] = []
    for k in range(len(centers)):
        order = np.argsort(distance[:, k], kind="stable").tolist()
        taken.append(next(i for i in order if i not in taken))
    return sorted(taken)


def _distances(points: NDArray, centers: NDArray) -> NDArray[np.float64]:
    """Return squared distances (n_points, n_centers)."""
    return np.stack([((points - center) ** 2).sum(axis=1) for center in centers], axis=1)


def _local_deviation(plane: NDArray, size: int) -> float:
    """Return the mean standard deviation in squares of `size` pixels."""
    mean = ndimage.uniform_filter(plane, size)
    square = ndimage.uniform_filter(plane**2, size)
    return float(np.sqrt(np.maximum(square - mean**2, 0)).mean())
