"""The least-squares line from one image to another: compares pictures whose intensities have different units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Line(NamedTuple):
    """fitted = gain * image + offset."""

    gain: float
    offset: float


def line_to(truth: NDArray, image: NDArray) -> Line:
    """Return gain and offset that bring `image` closest to `truth`: the least sum of (truth - gain * image - offset)².

    gain = cov(image, truth) / var(image), offset = mean(truth) - gain * mean(image). A gain below 0 would turn dark
    into bright, which restores nothing: it becomes 0, so that the best fit is the mean of the truth. The same for a
    constant image.

    Parameters
    ----------
    truth, image : ndarray, any shape, equal

    Raises
    ------
    ValueError
        The shapes differ.
    """
    t, x = as_floats(truth, image)
    spread = x - x.mean()
    variance = float(np.vdot(spread, spread))
    gain = max(float(np.vdot(spread, t)) / variance, 0.0) if variance > 0 else 0.0
    return Line(gain, float(t.mean()) - gain * float(x.mean()))


def fitted(truth: NDArray, image: NDArray) -> NDArray[np.float64]:
    """Return `image` after the line of `line_to`, float64, in the units of `truth`."""
    gain, offset = line_to(truth, image)
    return gain * image.astype(np.float64) + offset


def as_floats(truth: NDArray, image: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both images as float64, or say that they do not fit each other.

    Raises
    ------
    ValueError
        The shapes differ, or there are no pixels.
    """
    if truth.shape != image.shape or not truth.size:
        raise ValueError(f"found images of shape {truth.shape} and {image.shape}; expected two of equal shape")
    return truth.astype(np.float64), image.astype(np.float64)
