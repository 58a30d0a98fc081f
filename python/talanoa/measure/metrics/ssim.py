"""Structural similarity (SSIM): are brightness, contrast and structure alike around each pixel?"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.fit import as_floats
from talanoa.measure.metrics.psnr import range_of

SIGMA = 1.5  # of the Gaussian window, pixels
RADIUS = 5  # of the window, which is 11 pixels wide
K1, K2 = 0.01, 0.03


def ssim(truth: NDArray, image: NDArray, data_range: float | None = None) -> float:
    """Return the mean of the SSIM map, without the border of 5 pixels whose windows stick out of the image.

    An axis of less than 11 pixels, such as the z of a thin stack, keeps its border. Equal to scikit-image's
    ``structural_similarity(..., gaussian_weights=True, sigma=1.5, use_sample_covariance=False)``.

    Parameters
    ----------
    truth, image : ndarray, (y, x) or (z, y, x), equal
    data_range : float, optional
        Omitted: maximum - minimum of the truth.

    Returns
    -------
    float
        1 for equal images; NaN where the range is 0 (a constant truth) and the images differ.
    """
    values = ssim_map(truth, image, data_range)
    inner = tuple(slice(RADIUS, -RADIUS) if side > 2 * RADIUS else slice(None) for side in values.shape)
    return float(values[inner].mean())


def ssim_map(truth: NDArray, image: NDArray, data_range: float | None = None) -> NDArray[np.float64]:
    """Return the SSIM of each pixel.

    (2 m_t m_i + C1)(2 s_ti + C2) / ((m_t² + m_i² + C1)(s_t² + s_i² + C2)), with the means m, variances s² and the
    covariance s_ti under a Gaussian window (sigma 1.5, 11 pixels along each axis, also along z),
    C1 = (0.01 range)², C2 = (0.03 range)². Wang et al. 2004, doi:10.1109/TIP.2003.819861.

    Parameters
    ----------
    truth, image : ndarray, (y, x) or (z, y, x), equal
    data_range : float, optional
        Omitted: maximum - minimum of the truth.

    Returns
    -------
    ndarray of float64, same shape
        Between -1 and 1. Beyond the border the window sees the mirrored image.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    t, x = as_floats(truth, image)
    span = range_of(t) if data_range is None else float(data_range)
    if span <= 0:
        return np.full(t.shape, 1.0 if np.array_equal(t, x) else math.nan)
    zero = t.mean()  # variances of large numbers lose their digits
    mean_t, mean_x = _blur(t), _blur(x)
    var_t = _blur((t - zero) ** 2) - (mean_t - zero) ** 2
    var_x = _blur((x - zero) ** 2) - (mean_x - zero) ** 2
    both = _blur((t - zero) * (x - zero)) - (mean_t - zero) * (mean_x - zero)
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    over = (2 * mean_t * mean_x + c1) * (2 * both + c2)
    return over / ((mean_t**2 + mean_x**2 + c1) * (var_t + var_x + c2))


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, SIGMA, mode="reflect", radius=RADIUS)
