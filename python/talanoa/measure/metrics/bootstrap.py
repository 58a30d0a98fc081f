"""Confidence intervals by the percentile bootstrap: the images are drawn again and again, with replacement."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Interval(NamedTuple):
    """Lower and upper end; NaN where there is none."""

    low: float
    high: float


NONE = Interval(math.nan, math.nan)


def draws(n: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Return how often each of `n` units is drawn in each resample, int64 (resamples, n); rows sum to n.

    The unit is what is independent: the image, and not its objects, its crops or its slices.
    """
    if n < 1:
        return np.zeros((resamples, 0), np.int64)
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)


def interval(
    statistic: Callable[[NDArray[np.int64]], float], times: NDArray[np.int64], level: float = 0.95
) -> Interval:
    """Return the percentile bootstrap interval of a statistic.

    Parameters
    ----------
    statistic : function (times of each unit (n,)) -> float
        The statistic of a resample; NaN where it is not defined for it.
    times : ndarray of int64, (resamples, n)
        From `draws`.
    level : float
        Share of the resamples within the interval.
    """
    return percentile(np.array([statistic(row) for row in times]), level) if times.shape[1] > 1 else NONE


def percentile(resampled: ArrayLike, level: float = 0.95) -> Interval:
    """Return the percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13) of resampled statistics.

    Percentile, not BCa: with few images neither is exact, and this one is easily understood. With fewer than about ten
    units it is too narrow; with one there is none.

    Parameters
    ----------
    resampled : array_like of float, (resamples,)
        The statistic of each resample; those that are NaN are left out.
    level : float
        Share of the resamples within the interval.
    """
    values = np.asarray(resampled, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return NONE
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def weighted_means(values: NDArray[np.float64], times: NDArray) -> NDArray[np.float64]:
    """Return for each resample the mean of values drawn `times` each, without those that are NaN.

    Parameters
    ----------
    values : ndarray of float, (n,)
    times : ndarray of int or float, (resamples, n)
        Whole numbers; as floats they are multiplied faster.

    Returns
    -------
    ndarray of float, (resamples,)
        NaN where no value is left.
    """
    there = np.isfinite(values)
    used = times if there.all() else times[:, there]
    total, sums = used.sum(axis=1), used @ values[there]
    return np.divide(sums, total, out=np.full(len(times), math.nan), where=total > 0)
