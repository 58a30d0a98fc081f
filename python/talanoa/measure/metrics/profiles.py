"""Intensities along a line, to see what a restoration does to an edge, a gap or a fibre."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]


class Profile(NamedTuple):
    """Intensities along a line.

    Attributes
    ----------
    distance : ndarray of float64, (n,)
        From the start, in pixels.
    intensity : ndarray of float64, (n,)
    """

    distance: NDArray[np.float64]
    intensity: NDArray[np.float64]


def line_profile(image: NDArray, start: Point, end: Point, width: int = 1) -> Profile:
    """Return the intensities from `start` to `end`, one for each pixel of the way, both ends included.

    Between pixels the value is interpolated linearly; beyond the border it is that of the nearest pixel. Across the
    line the mean of `width` pixels is taken.

    Parameters
    ----------
    image : ndarray, (y, x)
    start, end : (y, x) in pixels
    width : int
        Pixels across the line.
    """
    from skimage.measure import profile_line

    values = profile_line(image.astype(np.float64), start, end, linewidth=width, mode="nearest", order=1)
    return Profile(np.arange(len(values), dtype=np.float64), values)


def telling_line(truth: NDArray, length: int = 96) -> tuple[Point, Point]:
    """Return start and end of a horizontal line where the image changes most: there a profile has something to show.

    Parameters
    ----------
    truth : ndarray, (y, x)
        Of the images to be compared, the one with the least noise.
    length : int
        Pixels; the whole width where the image is narrower.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter1d

    smooth = gaussian_filter(truth.astype(np.float64), 1.0, mode="nearest")
    length = min(length, truth.shape[1])
    mean = uniform_filter1d(smooth, length, axis=1, mode="nearest")
    change = uniform_filter1d((smooth - mean) ** 2, length, axis=1, mode="nearest")
    first, last = length // 2, truth.shape[1] - (length - length // 2)
    y, x = np.unravel_index(int(change[:, first : last + 1].argmax()), (truth.shape[0], last + 1 - first))
    return (float(y), float(x)), (float(y), float(x + length - 1))
