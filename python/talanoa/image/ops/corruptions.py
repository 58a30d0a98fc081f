"""The microscope's faults with severities: wrong focus, exposure, background light. For augmentation and for tests.

Severities go from -5 to 5, 0 being the image as it is; a defocus has none below 0. Values are those of Pankova 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

DEFOCUS = {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5, 4: 2.0, 5: 3.0}  # radius of the disk, pixels
GAIN = {-5: 3.5, -4: 3.0, -3: 2.5, -2: 2.0, -1: 1.5, 0: 1.0, 1: 0.9, 2: 0.8, 3: 0.7, 4: 0.5, 5: 0.3}
BIAS = {
    -5: -150.0,
    -4: -135.0,
    -3: -120.0,
    -2: -90.0,
    -1: -50.0,
    0: 0.0,
    1: 50.0,
    2: 90.0,
    3: 120.0,
    4: 135.0,
    5: 150.0,
}
_SCALE = 255.0  # on which the biases are given
_FINE = 9  # parts of a pixel along each axis by which a disk is drawn; odd, so that it stays in the middle
SEVERITIES: Mapping[str, Mapping[int, float]] = {"defocus": DEFOCUS, "gain": GAIN, "bias": BIAS}


def corrupt(
    image: NDArray, kind: str, severity: int, black: float = 0.0, white: float | None = None
) -> NDArray[np.float32]:
    """Return an image as a microscope with a fault would have shown it.

    Parameters
    ----------
    image : ndarray, (..., y, x)
        Intensities.
    kind : str
        "defocus", "gain" or "bias".
    severity : int
        From -5 (0 for a defocus) to 5; 0 returns the values as they are.
    black, white : float
        The ends of the camera's range, at which the result is clipped; `white` None: the largest value of an integer
        type, 1 for floating point.

    Returns
    -------
    ndarray of float32
        Same shape; between black and white unless the severity is 0.

    Raises
    ------
    BadInput
        Unknown kind or severity.
    """
    value = value_of(kind, severity)
    values = np.asarray(image, np.float32)
    if severity == 0:
        return values.copy()
    top = _white(image) if white is None else white
    changed = _CHANGES[kind](values, value, black, top)
    return np.clip(changed, black, top).astype(np.float32)


def value_of(kind: str, severity: int) -> float:
    """Return radius, factor or bias of a severity."""
    if kind not in SEVERITIES:
        raise BadInput(f"Unknown corruption {kind!r}; expected one of {', '.join(SEVERITIES)}.")
    known = SEVERITIES[kind]
    if severity not in known:
        raise BadInput(f"{kind} has no severity {severity}; expected {min(known)} to {max(known)}.")
    return known[severity]


def disk(radius: float) -> NDArray[np.float32]:
    """Return the image of an evenly lit pixel out of focus: a disk, sum 1, drawn in parts of pixels."""
    from scipy.ndimage import uniform_filter

    side = 2 * int(np.ceil(radius + 0.5)) + 1
    places = (np.arange(side * _FINE) + 0.5) / _FINE - side / 2
    inside = (places[:, None] ** 2 + places[None, :] ** 2 <= radius**2).astype(np.float64)
    spread = uniform_filter(inside, _FINE, mode="constant")
    made = spread.reshape(side, _FINE, side, _FINE).mean(axis=(1, 3))
    return (made / made.sum()).astype(np.float32)


def _defocus(values: NDArray[np.float32], radius: float, black: float, white: float) -> NDArray[np.float32]:
    """Blur planes by a disk; what lies beyond the borders is mirrored."""
    from scipy.ndimage import convolve

    kernel = disk(radius).reshape((1,) * (values.ndim - 2) + disk(radius).shape)
    made: NDArray[np.float32] = convolve(values, kernel, mode="reflect")
    return made


def _gain(values: NDArray[np.float32], factor: float, black: float, white: float) -> NDArray[np.float32]:
    """Change the exposure."""
    return np.asarray((values - black) * factor + black, np.float32)


def _bias(values: NDArray[np.float32], bias: float, black: float, white: float) -> NDArray[np.float32]:
    """Add light from elsewhere, given on a scale of 255."""
    return np.asarray(values + bias / _SCALE * (white - black), np.float32)


def _white(image: NDArray) -> float:
    """Return the end of the range of an image's type."""
    return float(np.iinfo(image.dtype).max) if np.issubdtype(image.dtype, np.integer) else 1.0


_CHANGES: Mapping[str, Callable[[NDArray[np.float32], float, float, float], NDArray[np.float32]]] = {
    "defocus": _defocus,
    "gain": _gain,
    "bias": _bias,
}
