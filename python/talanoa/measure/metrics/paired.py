"""Are two models different on the same images? A paired test and the interval of the difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from talanoa.measure.metrics.bootstrap import NONE, Interval, draws, percentile, weighted_means

FEWEST = 6  # with fewer pairs no Wilcoxon test can give p < 0.05


@dataclass(frozen=True)
class Paired:
    """Comparison of two series of scores of the same images.

    Parameters
    ----------
    n : int
        Images with a score in both.
    difference : float
        Mean of other - first; above 0 the other one is better.
    interval : Interval
        95 % percentile bootstrap interval of the difference, over images.
    p : float
        Two-sided Wilcoxon signed-rank test; 1 when all scores are equal, NaN for fewer than 6 images.
    better, worse : int
        Images on which the other one is better and worse.
    """

    n: int
    difference: float
    interval: Interval
    p: float
    better: int
    worse: int


def compare(first: ArrayLike, other: ArrayLike, resamples: int = 2000, seed: int = 0) -> Paired:
    """Compare two series of scores, image by image (Wilcoxon 1945, doi:10.2307/3001968).

    Parameters
    ----------
    first, other : array_like of float, (n,)
        One score for each image, in the same order; NaN leaves the image out.
    resamples, seed : int
        For the bootstrap interval of the difference.
    """
    x, y = np.asarray(first, float), np.asarray(other, float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"found series of shape {x.shape} and {y.shape}; expected two of equal length")
    difference = (y - x)[np.isfinite(x) & np.isfinite(y)]
    n = len(difference)
    times = draws(n, resamples, seed)
    return Paired(
        n,
        float(difference.mean()) if n else math.nan,
        percentile(weighted_means(difference, times)) if n > 1 else NONE,
        _wilcoxon(difference),
        int((difference > 0).sum()),
        int((difference < 0).sum()),
    )


def _wilcoxon(difference: np.ndarray) -> float:
    from scipy.stats import wilcoxon

    if len(difference) < FEWEST:
        return math.nan
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference).pvalue)
