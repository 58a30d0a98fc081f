"""Whether an image shows anything of a stain: correlations mean nothing where it does not (Philbert 2020)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLUR, _DARK, _BRIGHT = 2.0, 5.0, 99.5  # pixels; percentiles between which an image has its contrast
_SHARE = 0.15  # of the contrast of the set, below which an image shows nothing
_USUAL = 90.0  # percentile of the images' contrasts that is the contrast of the set
# of white noise with standard deviation 1, median and blur leave one of 0.15; over 4096 x 4096 pixels that reaches 7
# deviations from percentile 5 to the maximum
_LEFT = 8 * 0.15
_SAMPLE = 16_384  # pixels by which noise is measured


class Contrast(NamedTuple):
    """How far an image rises above its dark, percentile 5, after a blur that leaves little of the noise.

    Attributes
    ----------
    peak : float
        At its brightest place, one nucleus in a large field say, beyond what its own noise reaches; 0: noise alone.
    broad : float
        At percentile 99.5, which a single bright speck does not change.
    """

    peak: float
    broad: float


def contrast(plane: NDArray) -> Contrast:
    """Return the contrast of an image (y, x); single hot pixels are left out."""
    from scipy.ndimage import median_filter

    plane = plane.astype(np.float32)
    smooth = blurred(median_filter(plane, 3, mode="nearest"), float(np.median(plane)))
    dark, bright = np.percentile(smooth, (_DARK, _BRIGHT))
    rise = float(smooth.max() - dark) - _LEFT * max(noise(plane), _rare_noise(plane))
    return Contrast(max(rise, 0.0), float(bright - dark))


def usual(contrasts: ArrayLike) -> float:
    """Return the contrast of a set of images of one stain, from those of its images, (images, 2)."""
    return float(np.percentile(np.asarray(contrasts)[:, 1], _USUAL))


def is_empty(contrasts: ArrayLike, of_set: float) -> NDArray[np.bool_]:
    """Tell which images show nothing, from their contrasts, (images, 2), and the usual one of the set.

    What rises above the dark by a small part of the set's contrast, or not above the image's own noise, is nothing:
    of a set without any stain all images are empty.
    """
    return np.asarray(contrasts)[:, 0] <= _SHARE * of_set


def blurred(plane: NDArray, outside: float) -> NDArray[np.float32]:
    """Return an image (y, x) of which little of the noise is left; outside of it is one value, without noise."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(plane.astype(np.float32), _BLUR, mode="constant", cval=outside), np.float32)


def noise(plane: NDArray) -> float:
    """Return the standard deviation of the noise of an image (y, x), from the differences of neighbouring pixels.

    Their median is hardly changed by what is in the image; 0 where most neighbours are equal, as in a mask.
    """
    steps = _steps(plane)
    return float(np.median(steps)) / (0.6745 * 2**0.5) if steps.size else 0.0


def _rare_noise(plane: NDArray) -> float:
    """Return the same where few pixels have noise: after clipping, in dark images of few grey values; edges count."""
    steps = _steps(plane)
    return float(np.sqrt(np.mean(np.minimum(steps, np.percentile(steps, 99.9)) ** 2) / 2)) if steps.size else 0.0


def _steps(plane: NDArray) -> NDArray[np.float32]:
    """Return the differences of neighbours along some of the rows."""
    rows = plane[:: max(1, plane.size // _SAMPLE)]
    return np.abs(np.diff(rows.astype(np.float32), axis=1))
