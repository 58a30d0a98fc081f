"""The cut between two groups of numbers, such as the DNA content of nuclei before and after its doubling."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def two_groups(values: ArrayLike) -> float:
    """Return the cut that leaves the least squared distance from the means of both groups (Otsu 1979, without bins).

    Otsu 1979, doi:10.1109/TSMC.1979.4310076, whose criterion is looked at for every way to cut the sorted values.

    Parameters
    ----------
    values : array_like of float, (n,)
        NaN are left out.

    Returns
    -------
    float
        The middle between the largest value of the lower and the smallest of the upper group; NaN for fewer than two
        different values.
    """
    found = np.sort(np.asarray(values, float))
    found = found[np.isfinite(found)]
    if len(found) < 2 or found[0] == found[-1]:
        return math.nan
    n = np.arange(1, len(found))
    sums = np.cumsum(found - found.mean())[:-1]
    between = sums**2 / n + sums**2 / (len(found) - n)  # the larger, the smaller what is left within
    between[found[1:] == found[:-1]] = -1.0  # equal values stay together
    k = int(between.argmax())
    return float((found[k] + found[k + 1]) / 2)
