"""Where two images differ, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.fit import as_floats


def root_squared_error(truth: NDArray, image: NDArray) -> NDArray[np.float64]:
    """Return sqrt((truth - image)²) of each pixel, float64, in the units of the images.

    Parameters
    ----------
    truth, image : ndarray, any shape, equal

    Raises
    ------
    ValueError
        The shapes differ.
    """
    t, x = as_floats(truth, image)
    return np.abs(t - x)
