"""Is structure left in what a denoiser took away? Input - prediction should be noise and nothing else."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.fit import as_floats, fitted

SURE = 4.0  # standard deviations of chance
_ROUNDING = 1e-9  # of the largest intensity
MUCH = 0.05  # correlation that is worth a word; of many pixels the smallest one is beyond chance


class Trace(NamedTuple):
    """A correlation, and the same in standard deviations of chance (about 0 ± 1 where there is no structure)."""

    correlation: float
    deviations: float

    @property
    def found(self) -> bool:
        """True where it is beyond chance and large enough to matter."""
        return abs(self.deviations) > SURE and abs(self.correlation) > MUCH


class Residual(NamedTuple):
    """What is left in input - prediction.

    Attributes
    ----------
    map : ndarray of float64
        The difference, in units of the input, with a mean of 0.
    rows, columns : Trace
        Correlation of pixels of the difference with their neighbour along x, along y.
    detail : Trace
        Correlation of the difference with the detail of the prediction (prediction - its Gaussian mean, sigma 2). Above
        0: edges and points were smoothed away; below 0: they were made sharper than they are.
    """

    map: NDArray[np.float64]
    rows: Trace
    columns: Trace
    detail: Trace

    @property
    def structured(self) -> bool:
        """True where any of the three is beyond chance and large enough to matter."""
        return self.rows.found or self.columns.found or self.detail.found


def residual(noisy: NDArray, prediction: NDArray, match: bool = True) -> Residual:
    """Test input - prediction for structure.

    The null is noise that is independent from pixel to pixel, with any variance at each pixel (photons): the sum of
    products a_i b_i has the mean 0 and the variance sum a_i² b_i², as under random signs, so that the sum by its root
    is about a standard normal deviate.

    Parameters
    ----------
    noisy, prediction : ndarray, (y, x) or (z, y, x), equal
    match : bool
        Fit gain and offset of the prediction first, for models whose output has other intensities than their input.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    from scipy.ndimage import gaussian_filter

    x, p = as_floats(noisy, prediction)
    if match:
        p = fitted(x, p)
    left = x - p
    left -= left.mean()
    if np.abs(left).max() <= _ROUNDING * np.abs(x).max():
        left[:] = 0
    detail = p - gaussian_filter(p, (0.0,) * (p.ndim - 2) + (2.0, 2.0), mode="reflect")
    return Residual(
        left,
        _trace(left[..., :, :-1], left[..., :, 1:]),
        _trace(left[..., :-1, :], left[..., 1:, :]),
        _trace(left, detail - detail.mean()),
    )


def _trace(one: NDArray[np.float64], other: NDArray[np.float64]) -> Trace:
    products = one * other
    size = math.sqrt(float(np.vdot(one, one)) * float(np.vdot(other, other)))
    chance = math.sqrt(float(np.vdot(products, products)))
    if not size or not chance:
        return Trace(0.0, 0.0)
    total = float(products.sum())
    return Trace(total / size, total / chance)
