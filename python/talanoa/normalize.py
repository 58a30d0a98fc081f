"""Intensity normalisation; the fitted limits are plain data that a result can record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EPS = 1e-20  # as the original: a constant image becomes zeros instead of a division by zero
_SAMPLE = 4_000_000  # above this many pixels the percentiles come from a regular subsample


def percentile_limits(image: NDArray, low: float = 1.0, high: float = 99.8) -> tuple[float, float]:
    """Return the intensities at two percentiles.

    Parameters
    ----------
    image : ndarray, any shape
        Intensities. Above 4 million values every n-th value is used, n fixed by the size alone, so that the
        result does not depend on the machine.
    low, high : float
        Percentiles in [0, 100].
    """
    values = image.ravel()
    lower, upper = np.percentile(values[:: sample_step(values.size)], (low, high))
    return float(lower), float(upper)


def sample_step(size: int) -> int:
    """Return n where every n-th of so many values is used for percentiles."""
    return max(1, size // _SAMPLE)


def rescale(image: NDArray, lower: float, upper: float) -> NDArray[np.float32]:
    """Map `lower` to 0 and `upper` to 1 linearly, without clipping; returns float32, same shape."""
    scale = np.float32(1.0 / (upper - lower + _EPS)) if upper > lower else np.float32(0.0)
    return (image.astype(np.float32) - np.float32(lower)) * scale


def normalize(image: NDArray, low: float = 1.0, high: float = 99.8) -> NDArray[np.float32]:
    """Return `image` with its `low` percentile at 0 and its `high` percentile at 1 (float32, not clipped)."""
    return rescale(image, *percentile_limits(image, low, high))
