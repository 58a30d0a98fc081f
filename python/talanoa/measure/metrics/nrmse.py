"""Root-mean-square error of an image, normalised; by what is part of the name."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.fit import as_floats
from talanoa.measure.metrics.psnr import range_of

Normalisation = Literal["range", "mean", "euclidean", "sd"]


def nrmse(truth: NDArray, image: NDArray, by: Normalisation = "range") -> float:
    """Return sqrt(mean((truth - image)²)) / N; 0 is perfect.

    Parameters
    ----------
    truth, image : ndarray, any shape, equal
    by : {"range", "mean", "euclidean", "sd"}
        N, of the truth: maximum - minimum; mean; sqrt(mean(truth²)), which is the default of scikit-image; standard
        deviation.

    Returns
    -------
    float
        NaN where N is 0 and the images differ.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    t, x = as_floats(truth, image)
    error = math.sqrt(float(np.mean((t - x) ** 2)))
    if error == 0:
        return 0.0
    norms = {
        "range": lambda: range_of(t),
        "mean": lambda: float(t.mean()),
        "euclidean": lambda: math.sqrt(float(np.mean(t**2))),
        "sd": lambda: float(t.std()),
    }
    norm = norms[by]()
    return error / norm if norm else math.nan
