"""How far is one image shifted against another one of the same field? Phase correlation, with a confidence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SURE = 0.5  # confidence from which a shift is worth believing
_FINE, _COARSE = 1.0, 8.0  # sigmas in pixels: finer is noise, coarser is shading
_PARTS = 10  # of a pixel
_AWAY = 8  # pixels around the peak that belong to it


class Shift(NamedTuple):
    """By how much the second image must be moved to lie on the first.

    Attributes
    ----------
    dz, dy, dx : float
        Pixels, in steps of a tenth; dz is 0 for planes.
    confidence : float
        0 to 1: how much the best shift stands out from the second best one. Different fields stay below 0.5; fields
        with a regular pattern, which fit at many shifts, too.
    """

    dz: float
    dy: float
    dx: float
    confidence: float

    @property
    def sure(self) -> bool:
        """True where the shift can be believed."""
        return self.confidence >= SURE

    @property
    def length(self) -> float:
        """Pixels within the plane."""
        return float(np.hypot(self.dy, self.dx))


def shift(low: NDArray, high: NDArray) -> Shift:
    """Return by how much `high` must be moved to lie on `low` (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156).

    Noise and shading are filtered away first (difference of Gaussians, sigma 1 and 8 pixels) and the border fades out,
    so that brightness, contrast and exposure of the two may differ. Shifts of up to half a side are found.

    Parameters
    ----------
    low, high : ndarray, (y, x) or (z, y, x), equal
        One channel of the same field.

    Returns
    -------
    Shift
        Confidence 0 where an image is constant or holds values that are no numbers.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    from skimage.registration import phase_cross_correlation

    if low.shape != high.shape or low.ndim not in (2, 3):
        raise ValueError(f"found images of shape {low.shape} and {high.shape}; expected two equal planes or stacks")
    one, other = _structure(low), _structure(high)
    if not one.any() or not other.any():
        return Shift(0.0, 0.0, 0.0, 0.0)
    found, _, _ = phase_cross_correlation(one, other, upsample_factor=_PARTS, normalization=None)
    dz, dy, dx = (round(float(step), 1) + 0.0 for step in ((0.0, *found) if len(found) == 2 else found))
    return Shift(dz, dy, dx, _confidence(one, other))


def overlapping(low: NDArray, high: NDArray, found: Shift) -> tuple[NDArray, NDArray]:
    """Return the parts of both images that show the same after a shift by whole pixels: nothing is interpolated.

    Parameters
    ----------
    low, high : ndarray, (…, [z], y, x), equal
        Leading axes, such as channels, are left as they are.
    found : Shift
        Of one plane or stack of them.
    """
    steps = [round(step) for step in found[:3]][-min(low.ndim, 3) :]
    if low.ndim == 3 and found.dz == 0:
        steps[0] = 0
    here: list[Any] = [...]
    there: list[Any] = [...]
    for step, side in zip(steps, low.shape[-len(steps) :], strict=True):
        here.append(slice(max(step, 0), side + min(step, 0)))
        there.append(slice(max(-step, 0), side + min(-step, 0)))
    return low[tuple(here)], high[tuple(there)]


def _structure(image: NDArray) -> NDArray[np.float32]:
    """Return what is neither noise nor shading, fading out towards the border along y and x."""
    from scipy.ndimage import gaussian_filter
    from scipy.signal.windows import tukey

    values = image.astype(np.float32)
    if not np.isfinite(values).all():
        return np.zeros_like(values)
    planes = (0.0,) * (values.ndim - 2)
    fine = gaussian_filter(values, (*planes, _FINE, _FINE), mode="nearest")
    detail = fine - gaussian_filter(values, (*planes, _COARSE, _COARSE), mode="nearest")
    if float(np.abs(detail).max()) <= 1e-5 * float(np.abs(values).max()):
        return np.zeros_like(values)
    window = np.outer(*(tukey(side, 0.25) for side in values.shape[-2:])).astype(np.float32)
    return detail * window


def _confidence(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return 1 - second highest peak of the cross-correlation by the highest, at least 0."""
    from scipy import fft

    surface = fft.irfftn(fft.rfftn(one) * np.conj(fft.rfftn(other)), one.shape)
    peak = np.unravel_index(int(surface.argmax()), surface.shape)
    highest = float(surface[peak])
    if highest <= 0:
        return 0.0
    around = [np.arange(-_AWAY, _AWAY + 1) + at for at in peak[-2:]]
    rows, columns = (places % side for places, side in zip(around, surface.shape[-2:], strict=True))
    surface[..., rows[:, None], columns[None]] = -np.inf
    second = float(surface.max())
    return float(np.clip(1 - max(second, 0.0) / highest, 0, 1)) if np.isfinite(second) else 0.0
