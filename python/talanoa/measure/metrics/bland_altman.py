"""Bland-Altman analysis: how far are two measurements of the same things apart, and in which direction?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WIDTH = 1.96  # standard deviations on each side that hold 95 % of a normal distribution


class BlandAltman(NamedTuple):
    """Mean difference (predicted - true) and the limits between which 95 % of the differences are expected."""

    bias: float
    low: float
    high: float


class BlandAltmanDraws(NamedTuple):
    """The same of each resample, for confidence intervals: ndarrays of float64 (resamples,)."""

    bias: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bland_altman(true: ArrayLike, predicted: ArrayLike) -> BlandAltman:
    """Return bias and 95 % limits of agreement: bias ± 1.96 SD (n - 1).

    Bland & Altman 1986, doi:10.1016/S0140-6736(86)90837-8.

    Parameters
    ----------
    true, predicted : array_like of float, (n,)
        Equal length and unit.

    Returns
    -------
    BlandAltman
        The bias is NaN without any point, the limits are NaN for fewer than 2.
    """
    x, y = np.asarray(true, float), np.asarray(predicted, float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"found series of shape {x.shape} and {y.shape}; expected two of equal length")
    difference = y - x
    if not len(difference):
        return BlandAltman(math.nan, math.nan, math.nan)
    bias = float(difference.mean())
    spread = _WIDTH * float(difference.std(ddof=1)) if len(difference) > 1 else math.nan
    return BlandAltman(bias, bias - spread, bias + spread)


def bland_altman_of_draws(true: ArrayLike, predicted: ArrayLike, times: NDArray) -> BlandAltmanDraws:
    """Return bias and limits of each resample in which the points are drawn `times` each, (resamples,).

    Parameters
    ----------
    true, predicted : array_like of float, (n,)
    times : ndarray of int or float, (resamples, n)
        From `talanoa.measure.metrics.bootstrap.draws`.
    """
    difference = np.asarray(predicted, float) - np.asarray(true, float)
    weights = np.asarray(times, np.float64)
    total = weights.sum(axis=1)
    bias = np.divide(weights @ difference, total, out=np.full(len(weights), math.nan), where=total > 0)
    squares = (weights * (difference - bias[:, None]) ** 2).sum(axis=1)
    spread = _WIDTH * np.sqrt(np.divide(squares, total - 1, out=np.full(len(weights), math.nan), where=total > 1))
    return BlandAltmanDraws(bias, bias - spread, bias + spread)
