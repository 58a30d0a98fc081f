"""Fourier ring correlation (FRC): up to which detail do two images of one object agree?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 1 / 7  # van Heel & Schatz 2005, doi:10.1016/j.jsb.2005.05.009, for the whole of two half data sets
_SMOOTH = 3  # rings, for the crossing only


class Frc(NamedTuple):
    """A Fourier ring correlation curve.

    Attributes
    ----------
    frequency : ndarray of float64, (n,)
        Middle of each ring, cycles per unit of `pixel_size`.
    correlation : ndarray of float64, (n,)
        -1 to 1; NaN for rings without power.
    resolution : float
        1 / the frequency at which the curve (mean of 3 rings) first falls below 1/7, in the unit of `pixel_size`. NaN
        where it never does: the images agree down to `limit`. Infinite where they have nothing in common at all.
    limit : float
        The finest detail that could have been seen.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]
    resolution: float
    limit: float


def frc(one: NDArray, other: NDArray, pixel_size: float = 1.0) -> Frc:
    """Return the Fourier ring correlation of two images of the same object with independent noise.

    For each ring of spatial frequencies Re(sum F G*) / sqrt(sum |F|² sum |G|²), with the transforms F, G of the images
    after their mean is taken away and a Hann window. Saxton & Baumeister 1982,
    doi:10.1111/j.1365-2818.1982.tb00405.x; Nieuwenhuizen et al. 2013, doi:10.1038/nmeth.2448. The planes of a stack are
    pooled ring by ring.

    Parameters
    ----------
    one, other : ndarray, (y, x) or (z, y, x), equal
        At least 16 pixels along y and x.
    pixel_size : float
        Size of a pixel along y and x, in any unit.

    Raises
    ------
    ValueError
        The shapes differ, or the images are smaller than 16 pixels.
    """
    return _curve(_pooled(one, other, (0.0, 0.0)), pixel_size)


def frc_of_one(image: NDArray, pixel_size: float = 1.0) -> Frc:
    """Return the Fourier ring correlation of a single image, split like a checkerboard.

    Of each 2x2 block of pixels one diagonal gives two images, the other diagonal another two; both pairs are pooled
    (Koho et al. 2019, doi:10.1038/s41467-019-11024-z). The shift of half a pixel between the two is taken out by its
    phase, instead of their calibration curve. Detail finer than 4 pixels cannot be seen. The parts have a quarter of
    the pixels, so that the curve is that of two exposures with four times the variance of the noise: the resolution is
    on the cautious side of what `frc` gives for two exposures.

    NB: it holds for raw images only, whose noise is independent from pixel to pixel. What a filter or a network made
    has no such noise: neighbouring pixels always agree, and the curve says which frequencies are left, not whether they
    are right.

    Parameters
    ----------
    image : ndarray, (y, x) or (z, y, x)
        At least 32 pixels along y and x.
    pixel_size : float
        Size of a pixel along y and x, in any unit.

    Raises
    ------
    ValueError
        The image is smaller than 32 pixels.
    """
    rows, columns = (side - side % 2 for side in image.shape[-2:])
    even = image[..., :rows, :columns]
    part = {(y, x): even[..., y::2, x::2] for y in (0, 1) for x in (0, 1)}
    sums = _pooled(part[0, 0], part[1, 1], (0.5, 0.5)) + _pooled(part[0, 1], part[1, 0], (0.5, -0.5))
    return _curve(sums, 2 * pixel_size)


def _pooled(one: NDArray, other: NDArray, shift: tuple[float, float]) -> NDArray[np.float64]:
    """Return the sums of Re(F G*), |F|² and |G|² of each ring, (3, rings); `other` is sampled further on by `shift`."""
    if one.shape != other.shape or one.ndim < 2 or min(one.shape[-2:]) < 16:
        raise ValueError(
            f"found images of {one.shape} and {other.shape} pixels; expected equal ones of at least 16 x 16"
        )
    fy, fx = np.fft.fftfreq(one.shape[-2])[:, None], np.fft.rfftfreq(one.shape[-1])[None]
    f, g = _transform(one), _transform(other) * np.exp(-2j * np.pi * (fy * shift[0] + fx * shift[1]))
    rings = min(one.shape[-2:]) // 2
    ring = np.rint(np.hypot(fy, fx) * 2 * rings).astype(int)
    keep = (ring >= 1) & (ring <= rings)
    weight = np.full(ring.shape, 2.0)  # the real transform leaves out the other half of the plane
    weight[:, 0] = 1.0
    if one.shape[-1] % 2 == 0:
        weight[:, -1] = 1.0
    sums = []
    for values in ((f * g.conj()).real, np.abs(f) ** 2, np.abs(g) ** 2):
        whole = values.reshape(-1, *ring.shape).sum(axis=0) * weight
        sums.append(np.bincount(ring[keep], whole[keep], rings + 1)[1:])
    return np.array(sums)


def _transform(image: NDArray) -> NDArray[np.complex128]:
    values = image.astype(np.float64)
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in values.shape[-2:]))
    mean = (values * window).sum(axis=(-2, -1), keepdims=True) / window.sum()
    return np.fft.rfft2((values - mean) * window)


def _curve(sums: NDArray[np.float64], pixel_size: float) -> Frc:
    product, first, second = sums
    rings = len(product)
    power = np.sqrt(first * second)
    there = power > 1e-20 * max(float(power.max()), 1e-300)
    correlation = np.full(rings, math.nan)
    correlation[there] = product[there] / power[there]
    frequency = np.arange(1, rings + 1) / (2 * rings * pixel_size)
    return Frc(frequency, correlation, _crossing(frequency, correlation), 2 * pixel_size)


def _crossing(frequency: NDArray[np.float64], correlation: NDArray[np.float64]) -> float:
    """Return 1 / the frequency at which the smoothed curve first falls below the threshold, between two rings."""
    from scipy.ndimage import uniform_filter1d

    smooth = uniform_filter1d(np.nan_to_num(correlation), _SMOOTH, mode="nearest")
    below = np.flatnonzero(smooth < THRESHOLD)
    if not len(below):
        return math.nan
    at = int(below[0])
    if at == 0:
        return math.inf
    step = (smooth[at - 1] - THRESHOLD) / (smooth[at - 1] - smooth[at])
    return 1 / float(frequency[at - 1] + step * (frequency[at] - frequency[at - 1]))
