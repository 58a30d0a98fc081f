"""Correlation of two series of numbers, such as true and predicted object counts of images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


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


def _series(true: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(true, float), np.asarray(predicted, float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"found series of shape {x.shape} and {y.shape}; expected two of equal length")
    return x, y


def _undefined(x: np.ndarray, y: np.ndarray) -> bool:
    return len(x) < 3 or bool((x == x[0]).all() or (y == y[0]).all())
