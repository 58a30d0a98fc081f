"""Pixel sizes along z, y and x in one unit, from what a file, ImageJ or an array says of each axis.

All doors use it, so that the same image has the same calibration at each of them. What is not known stays not known:
where a number has to stand for it, a note says which.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from talanoa.image.units import normal_unit, seconds_in, to_metres

PIXEL = "pixel"
_WHOLE = ("inch", "cm")  # a pixel of exactly one is what programs make of a file whose resolution is not set


class Axis(NamedTuple):
    """What is said of an axis: the size of a pixel (None: nothing) and its unit (empty: none)."""

    size: Any = None
    unit: str = ""

    @property
    def usable(self) -> float | None:
        """The size as a positive number (as in ImageJ, a negative one counts as its absolute value), or None."""
        try:
            number = abs(float(self.size))
        except (TypeError, ValueError, OverflowError):
            return None
        return number if math.isfinite(number) and number > 0 else None

    @property
    def text(self) -> str:
        """The size for a message."""
        try:
            return f"{float(self.size):g}"
        except (TypeError, ValueError, OverflowError):
            return str(self.size)

    @property
    def calibrated(self) -> bool:
        """Whether the size can be used and has a unit."""
        return self.usable is not None and normal_unit(self.unit) != PIXEL


class Spatial(NamedTuple):
    """A calibration: (z, y, x) in `unit`, and notes on what was assumed."""

    pixel_size: tuple[float, float, float]
    unit: str
    notes: tuple[str, ...]
    depth_unknown: bool  # of an image of several slices with calibrated planes: 1 stands for their distance

    @property
    def attrs(self) -> dict[str, bool]:
        """What an image keeps of this besides size and unit."""
        return {"depth_unknown": True} if self.depth_unknown else {}


def resolve(z: Axis, y: Axis, x: Axis, slices: int = 1) -> Spatial:
    """Return the pixel size in the unit of x.

    Parameters
    ----------
    z, y, x : Axis
        What is said of each.
    slices : int
        Of the image. Of a single one the size along z is not missed.

    Returns
    -------
    Spatial
        Pixels are taken as square where one side alone is known. Where neither is known, the unit is "pixel". 1 stands
        for a distance of slices that is not known, as in ImageJ.
    """
    notes: list[str] = []
    size_y, size_x, unit = _plane(y, x, notes)
    size_z = _slices(z, unit, slices, notes)
    unknown = size_z is None and slices > 1 and unit != PIXEL
    return Spatial((size_z or 1.0, size_y, size_x), unit, tuple(notes), unknown)


def seconds(interval: Any, unit: str | None, notes: list[str]) -> float:
    """Return a frame interval in seconds, 0 when it is not known; a note where it is in an unknown unit."""
    size = Axis(interval).usable
    if size is None:
        return 0.0
    one = seconds_in(unit)
    if one is None:
        notes.append(f"the frame interval is {size:g} {unit}, a unit that is not known; it was left out")
        return 0.0
    return size * one


def _plane(y: Axis, x: Axis, notes: list[str]) -> tuple[float, float, str]:
    """Return the size along y and x, and its unit."""
    size_y, size_x = y.usable, x.usable
    unit = normal_unit(x.unit if size_x else y.unit)
    if size_y == size_x == 1.0 and unit in _WHOLE:
        notes.append(f"a pixel size of 1 {unit} says that the resolution is not set; the pixel size is not known")
        return 1.0, 1.0, PIXEL
    for axis, said, size in (("y", y, size_y), ("x", x, size_x)):
        if said.size is not None and size is None:
            notes.append(f"the pixel size along {axis} is {said.text}, which is not a size")
    if not size_x and not size_y:
        if normal_unit(x.unit) != PIXEL:
            notes.append(f"the unit is {normal_unit(x.unit)}, but the size of a pixel is not known")
        return 1.0, 1.0, PIXEL
    if not size_x or not size_y:
        known, missing = ("y", "x") if size_y else ("x", "y")
        notes.append(f"the pixel size along {missing} is not known; that along {known} was taken")
        side = size_x or size_y or 1.0
        return side, side, unit
    if unit != PIXEL and to_metres(unit) is None:
        notes.append(f"the unit {unit} is not a length that is known here; sizes and areas are given in it as they are")
    taken = "that along x was taken"
    return _converted(size_y, y.unit, unit, "the pixel size along y", taken, notes) or size_x, size_x, unit


def _slices(z: Axis, unit: str, slices: int, notes: list[str]) -> float | None:
    """Return the distance of the slices in a unit, None where it is not known."""
    what, quiet = "the distance of the slices", slices < 2
    size = z.usable
    if size is not None:
        said: list[str] = []
        taken = "it was left out" if unit == PIXEL else f"1 {unit} was taken"
        found = _converted(size, z.unit, unit, what, taken, said)
        notes += [] if quiet else said
        return found
    if not quiet and unit != PIXEL:
        state = "not known" if z.size is None else f"{z.text}, which is not a size"
        notes.append(f"{what} is {state}; 1 {unit} was taken")
    return None


def _converted(size: float, own: str, unit: str, what: str, taken: str, notes: list[str]) -> float | None:
    """Return a size in another unit; None, with a note, where it cannot be converted."""
    own = normal_unit(own) if own else unit
    if own == unit:
        return size
    from_unit, into_unit = to_metres(own), to_metres(unit)
    if from_unit and into_unit:
        return size * (from_unit / into_unit)
    notes.append(f"{what} is {size:g} {own}, which cannot be converted into {unit}; {taken}")
    return None
