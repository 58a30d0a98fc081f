"""Correlation of two series of numbers, such as true and predicted object counts of images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pearson(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return Pearson's r, cov(x, y) / (SD(x) SD(y)): 1 where the points lie on a rising line, whatever its slope.

    Parameters
    ----------
    true, predicted : array_like of float, (n,)

    Returns
    -------
    float
        NaN for fewer than 3 points, or when one series is constant.
    """
    x, y = _series(true, predicted)
    if _undefined(x, y):
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # squares of very large or small numbers have no digits left
    return float(np.clip(np.vdot(x, y) / math.sqrt(float(np.vdot(x, x)) * float(np.vdot(y, y))), -1, 1))


def spearman(true: ArrayLike, predicted: ArrayLike) -> float:
    """Return Spearman's rho, Pearson's r of the ranks: 1 where both rise together; NaN as for `pearson`."""
    from scipy.stats import spearmanr

    x, y = _series(true, predicted)
    return math.nan if _undefined(x, y) else float(spearmanr(x, y).statistic)


def pearson_of_draws(true: ArrayLike, predicted: ArrayLike, times: NDArray) -> NDArray[np.float64]:
    """Return `pearson` of each resample in which the points are drawn `times` each.

    Parameters
    ----------
    true, predicted : array_like of float, (n,)
    times : ndarray of int or float, (resamples, n)
        From `talanoa.measure.metrics.bootstrap.draws`.

    Returns
    -------
    ndarray of float, (resamples,)
        NaN where a resample has fewer than 3 points or one series is constant in it.
    """
    x, y = _series(true, predicted)
    if _undefined(x, y):
        return np.full(len(times), math.nan)
    shape = times.shape
    return _weighted(np.broadcast_to(x, shape), np.broadcast_to(y, shape), np.asarray(times, np.float64))


def spearman_of_draws(true: ArrayLike, predicted: ArrayLike, times: NDArray) -> NDArray[np.float64]:
    """Return `spearman` of each resample, as `pearson_of_draws`: points drawn several times share their mean rank."""
    x, y = _series(true, predicted)
    if _undefined(x, y):
        return np.full(len(times), math.nan)
    weights = np.asarray(times, np.float64)
    return _weighted(_ranks(x, weights), _ranks(y, weights), weights)


def _ranks(values: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean rank of each point in each resample, (resamples, n)."""
    _, place = np.unique(values, return_inverse=True)
    counts = np.zeros((len(times), int(place.max()) + 1))
    for k, at in enumerate(place):
        counts[:, at] += times[:, k]
    middles = np.cumsum(counts, axis=1) - (counts - 1) / 2
    return middles[:, place]


def _weighted(x: NDArray[np.float64], y: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's r of each row, its points weighted by `times`."""
    total = np.maximum(times.sum(axis=1, keepdims=True), 1)
    x = x - (times * x).sum(axis=1, keepdims=True) / total
    y = y - (times * y).sum(axis=1, keepdims=True) / total
    both, one, other = (times * x * y).sum(axis=1), (times * x * x).sum(axis=1), (times * y * y).sum(axis=1)
    spread = np.sqrt(one * other)
    scale = np.abs(x).max(axis=1) * np.abs(y).max(axis=1)
    defined = (times.sum(axis=1) >= 3) & (spread > 1e-12 * scale) & (one > 0) & (other > 0)
    return np.clip(np.divide(both, spread, out=np.full(len(times), math.nan), where=defined), -1, 1)


def _series(true: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(true, float), np.asarray(predicted, float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"found series of shape {x.shape} and {y.shape}; expected two of equal length")
    return x, y


def _undefined(x: np.ndarray, y: np.ndarray) -> bool:
    return len(x) < 3 or bool((x == x[0]).all() or (y == y[0]).all())
