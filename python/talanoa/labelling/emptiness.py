"""Whether an image shows anything of a stain: correlations mean nothing where it does not (Philbert 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BLUR, _DARK, _BRIGHT = 2.0, 5.0, 99.5  # pixels; percentiles between which an image has its contrast
_SHARE = 0.15  # of the contrast of the set, below which an image shows nothing
_USUAL = 90.0  # percentile of the images' contrasts that is the contrast of the set


def contrast(plane: NDArray) -> float:
    """Return the range of an image (y, x), percentiles 5 to 99.5, after a blur that leaves little of the noise."""
    from scipy.ndimage import gaussian_filter

    dark, bright = np.percentile(gaussian_filter(plane.astype(np.float32), _BLUR), (_DARK, _BRIGHT))
    return float(bright - dark)


def usual(contrasts: Sequence[float]) -> float:
    """Return the contrast of a set of images of one stain, from those of its images."""
    return float(np.percentile(contrasts, _USUAL))


def is_empty(contrasts: ArrayLike, of_set: float) -> NDArray[np.bool_]:
    """Tell which images show nothing: their contrast is a small part of that of the set."""
    return np.asarray(contrasts) <= _SHARE * of_set
