"""ImageJ's calibration of grey values (its density calibration): which value stands for each pixel value.

ImageJ measures 8-bit and 16-bit images in such a unit (photons, optical density) through a table of 32-bit floats. The
image form keeps the table, and measurements of intensities look values up in it as ImageJ does. Networks get the pixel
values themselves. ImageJ has no such table for 32-bit and RGB images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ATTRIBUTE = "grey_values"
_SIZES = {np.dtype(np.uint8): 256, np.dtype(np.uint16): 65536}
_UNCALIBRATED_OD = 21  # ij.measure.Calibration
_LOG10_E = 0.434294481  # ImageJ's own digits
_MOST_COEFFICIENTS = 5  # that ImageJ reads from a file

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GreyValues:
    """A calibration of grey values.

    Parameters
    ----------
    table : ndarray of float32, (256,) or (65536,)
        The value of each pixel value, of 8-bit and of 16-bit images.
    unit : str
        Such as "photons"; ImageJ's default is "Gray Value".
    """

    table: NDArray[np.float32]
    unit: str

    def fits(self, dtype: np.dtype[Any]) -> bool:
        """Return True where pixels of a type can be looked up in the table."""
        return _SIZES.get(dtype) == len(self.table)


def calibrated(values: NDArray[Any], attrs: Mapping[str, Any]) -> NDArray[Any]:
    """Return pixel values in the unit of their image's calibration; as they are where it has none.

    Parameters
    ----------
    values : ndarray
        Of the type of the image.
    attrs : mapping
        The attributes of the image form.
    """
    found = attrs.get(ATTRIBUTE)
    return values if found is None or not found.fits(values.dtype) else found.table[values]


def unit_of(attrs: Mapping[str, Any]) -> str:
    """Return the unit of intensities that are measured in an image, empty where they are its pixel values."""
    found = attrs.get(ATTRIBUTE)
    return "" if found is None else found.unit


def facts(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of the calibration of an image: nothing where it has none."""
    found = attrs.get(ATTRIBUTE)
    if found is None:
        return {}
    sha256 = hashlib.sha256(np.ascontiguousarray(found.table, "<f4").data).hexdigest()
    return {ATTRIBUTE: {"unit": found.unit, "sha256": sha256}}


def note(unit: str, measured: bool) -> str:
    """Return what a user should know of an image with a calibration; `measured`: its table is known."""
    if measured:
        return (
            f"the image has a density calibration ({unit}): tables give intensities in this unit, as Analyze > Measure "
            "does; networks get the raw pixel values"
        )
    return f"the image has a density calibration ({unit}) that is not known here; the raw pixel values were taken"


def from_description(found: Mapping[str, Any], dtype: np.dtype[Any], inverted: bool) -> tuple[GreyValues | None, str]:
    """Return the calibration that the description of an ImageJ file holds, and its unit (empty: it has none).

    Parameters
    ----------
    found : mapping
        The lines of the description: ``cf`` (number of the function), ``c0`` to ``c4``, ``vunit``, ``zeroclip``.
    dtype : dtype
        Of the pixels.
    inverted : bool
        Its colour table is an inverting one.

    Returns
    -------
    GreyValues or None
        None without a calibration, or with one that cannot be computed.
    str
        The unit; ImageJ ignores functions in files without one.
    """
    number, coefficients = found.get("cf", 0), _coefficients(found)
    known = isinstance(number, int) and ((number in _FUNCTIONS and coefficients) or number == _UNCALIBRATED_OD)
    if dtype.kind not in "iu" or dtype.itemsize > 2 or "vunit" not in found or not known:
        return None, ""
    unit, size = str(found["vunit"]), _SIZES.get(dtype, 0)
    if number == _UNCALIBRATED_OD:
        return (GreyValues(_optical_density(inverted), unit) if size == 256 else None), unit
    function, needed = _FUNCTIONS[number]
    if not size or len(coefficients) < needed:
        return None, unit
    with np.errstate(all="ignore"):
        values = np.asarray(function(coefficients, np.arange(size, dtype=float)))
        if size == 256 and str(found.get("zeroclip", "")).lower() == "true":
            values = np.where(values < 0, 0.0, values)
        return GreyValues(values.astype(np.float32), unit), unit


def _coefficients(found: Mapping[str, Any]) -> list[float]:
    """Return c0, c1, … up to the first that is missing; none where there are fewer than two, as in ImageJ."""
    numbers: list[float] = []
    for place in range(_MOST_COEFFICIENTS):
        number = found.get(f"c{place}")
        if isinstance(number, bool) or not isinstance(number, int | float):
            break
        numbers.append(float(number))
    return numbers if len(numbers) > 1 else []


def _optical_density(inverted: bool) -> NDArray[np.float32]:
    """Return ImageJ's "Uncalibrated OD" of 8-bit images."""
    light = np.arange(256, dtype=float)
    light = 255.0 - np.where(light == 255, 254.5, light) if inverted else np.where(light == 0, 0.5, light)
    return (_LOG10_E * np.log(255.0 / light)).astype(np.float32)


def _polynomial(p: Sequence[float], x: Numbers) -> Numbers:
    """Return p0 + p1 x + p2 x² + …, summed in ImageJ's order."""
    value = np.full_like(x, p[-1])
    for coefficient in reversed(p[:-1]):
        value = coefficient + x * value
    return value


def _of_degree(degree: int) -> tuple[Callable[[Sequence[float], Numbers], Numbers], int]:
    """Return a polynomial, and how many coefficients it takes."""
    return (lambda p, x: _polynomial(p[: degree + 1], x)), degree + 1


def _logarithm(p: Sequence[float], x: Numbers) -> Numbers:
    return np.where(x == 0, -1000 * p[0], p[0] * np.log(p[1] * x))


def _rodbard(p: Sequence[float], x: Numbers) -> Numbers:
    return p[3] + (p[0] - p[3]) / (1 + np.power(x / np.float64(p[2]), p[1]))


def _gamma_variate(p: Sequence[float], x: Numbers) -> Numbers:
    if min(p[1:4]) <= 0:
        return np.where(p[0] >= x, 0.0, np.nan)
    beyond = x - p[0]
    return np.where(beyond <= 0, 0.0, p[1] * np.power(beyond, p[2]) * np.exp(-beyond / p[3]))


def _logarithm_shifted(p: Sequence[float], x: Numbers) -> Numbers:
    return np.where(x - p[2] <= 0, np.nan, p[0] + p[1] * np.log(x - p[2]))


def _rodbard_inverse(p: Sequence[float], x: Numbers) -> Numbers:
    outside = (p[3] - x <= 0) | (x < p[0])
    return np.where(outside, 0.0, np.power((x - p[0]) / (p[3] - x), 1 / np.float64(p[1])) * p[2])


def _gaussian(p: Sequence[float], x: Numbers) -> Numbers:
    return p[0] + (p[1] - p[0]) * np.exp(-(x - p[2]) * (x - p[2]) / (2 * np.float64(p[3]) * p[3]))


# The functions of ij.measure.Calibration by their numbers, and how many coefficients each takes.
_FUNCTIONS: dict[int, tuple[Callable[[Sequence[float], Numbers], Numbers], int]] = {
    0: _of_degree(1),
    1: _of_degree(2),
    2: _of_degree(3),
    3: _of_degree(4),
    4: (lambda p, x: p[0] * np.exp(p[1] * x), 2),
    5: (lambda p, x: p[0] * np.power(x, p[1]), 2),
    6: (_logarithm, 2),
    7: (_rodbard, 4),
    8: (_gamma_variate, 4),
    9: (_logarithm_shifted, 3),
    10: (_rodbard_inverse, 4),
    11: (lambda p, x: p[0] * np.exp(-p[1] * x) + p[2], 3),
    12: (_gaussian, 4),
    13: (lambda p, x: p[0] * (1 - np.exp(-p[1] * x)) + p[2], 3),
}
