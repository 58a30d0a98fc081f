"""Peak signal-to-noise ratio in dB, in each of the conventions that papers use; they differ by many dB."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from talanoa.measure.metrics.fit import as_floats, fitted


def psnr(truth: NDArray, image: NDArray, data_range: float | None = None) -> float:
    """Return 10 log10(range² / MSE), the range being that of the truth (its maximum - minimum).

    This is the convention of CARE (Weigert et al. 2018, doi:10.1038/s41592-018-0216-7) and of most work on microscopy;
    for the one of photography see `psnr_of_type`.

    Parameters
    ----------
    truth, image : ndarray, any shape, equal
        The high-SNR image and what is compared with it.
    data_range : float, optional
        Another range than that of the truth.

    Returns
    -------
    float
        dB; infinite for equal images, NaN where the range is 0 (a constant truth) and the images differ.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    t, x = as_floats(truth, image)
    span = range_of(t) if data_range is None else float(data_range)
    error = float(np.mean((t - x) ** 2))
    if error == 0:
        return math.inf
    return 10 * math.log10(span**2 / error) if span > 0 else math.nan


def psnr_of_type(truth: NDArray, image: NDArray) -> float:
    """Return the PSNR with the range of the truth's pixel type: 255 for 8 bit, 65535 for 16 bit; NaN for floats.

    The convention of photography and of libraries that guess the range from the type. A 16-bit image that uses 4000
    grey values gets 24 dB more than by `psnr`: never compare one with the other.
    """
    span = range_of_type(truth.dtype)
    return math.nan if math.isnan(span) else psnr(truth, image, span)


def scale_invariant_psnr(truth: NDArray, image: NDArray) -> float:
    """Return the PSNR after the least-squares line (gain and offset) from `image` to `truth`; range of the truth.

    For images whose intensities have different units, such as a short and a long exposure (Weigert et al. 2018,
    supplement; doi:10.1038/s41592-018-0216-7). It depends on Pearson's r alone: MSE = var(truth) (1 - r²), r >= 0.
    """
    return psnr(truth, fitted(truth, image))


def range_of(image: NDArray) -> float:
    """Return maximum - minimum."""
    return float(image.max()) - float(image.min())


def range_of_type(kind: DTypeLike) -> float:
    """Return the largest - the smallest value of an integer type; NaN for floats, whose type has no useful range."""
    kind = np.dtype(kind)
    return float(np.iinfo(kind).max) - float(np.iinfo(kind).min) if kind.kind in "iu" else math.nan
