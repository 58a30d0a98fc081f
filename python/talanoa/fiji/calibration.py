"""ImageJ's calibration, display ranges and colour tables as attributes of the image form, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.image_metadata import SIGNED_OFFSET
from talanoa.units import SECONDS, normal_unit

_PRIMARIES = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0))  # ij.CompositeImage's order


def spatial(imp: Any) -> dict[str, Any]:
    """Return `pixel_size`, `unit` and `frame_interval` of an ImagePlus, and `notes` on what could not be kept."""
    cal = imp.getCalibration()
    notes: list[str] = []
    size = tuple(
        _positive(float(value), axis, notes)
        for value, axis in ((cal.pixelDepth, "z"), (cal.pixelHeight, "y"), (cal.pixelWidth, "x"))
    )
    unit = normal_unit(str(cal.getUnit()))
    for axis, other in (("y", cal.getYUnit()), ("z", cal.getZUnit())):
        if normal_unit(str(other)) != unit:
            notes.append(f"The unit along {axis} is {other}; {unit} was taken for all axes.")
    return {"pixel_size": size, "unit": unit, "frame_interval": _seconds(cal, notes), "notes": tuple(notes)}


def density_note(imp: Any) -> tuple[str, ...]:
    """Return a note when a density calibration was not applied to the values."""
    cal = imp.getCalibration()
    if not cal.calibrated() or cal.isSigned16Bit():
        return ()
    return (f"The image has a density calibration ({cal.getValueUnit()}); the raw pixel values were taken.",)


def put_spatial(image: xr.DataArray, imp: Any) -> None:
    """Write pixel size, unit and frame interval of the image form into an ImagePlus."""
    cal = imp.getCalibration()
    cal.pixelDepth, cal.pixelHeight, cal.pixelWidth = (float(value) for value in image.attrs["pixel_size"])
    cal.setUnit(image.attrs["unit"])
    cal.frameInterval = float(image.attrs["frame_interval"])
    cal.setTimeUnit("sec")


def channel_luts(imp: Any) -> list[Any]:
    """Return the `ij.process.LUT` of each channel; empty for an RGB image."""
    luts = imp.getLuts()
    return list(luts) if luts is not None and imp.getBitDepth() != 24 else []


def display(imp: Any) -> dict[str, Any]:
    """Return `display` and `luts` of an ImagePlus, as far as they say more than ImageJ's defaults.

    Returns
    -------
    dict
        `display`: one (low, high) per channel, left out for one channel of 8 bit shown from 0 to 255. `luts`: uint8
        (256, 3) per channel, left out when they are what ImageJ gives a new image: grey for one channel, red, green,
        blue, grey, cyan, magenta, yellow for several. Neither ever changes a value.
    """
    luts = channel_luts(imp)
    if not luts:
        return {}
    found: dict[str, Any] = {}
    ranges: tuple[tuple[float, float], ...]
    if len(luts) == 1:
        ranges = ((float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())),)
    else:
        ranges = tuple((float(lut.min), float(lut.max)) for lut in luts)
    shift = SIGNED_OFFSET if imp.getCalibration().isSigned16Bit() else 0
    if len(luts) > 1 or imp.getBitDepth() != 8 or ranges[0] != (0.0, 255.0):
        found["display"] = tuple((low - shift, high - shift) for low, high in ranges)
    tables = tuple(_table(lut) for lut in luts)
    if not all(np.array_equal(table, usual) for table, usual in zip(tables, _usual_tables(len(luts)), strict=True)):
        found["luts"] = tables
    return found


def put_display(image: xr.DataArray, imp: Any) -> None:
    """Write display ranges and colour tables of the image form into an ImagePlus."""
    tables, ranges = image.attrs.get("luts"), image.attrs.get("display")
    if image.attrs["rgb"]:
        return
    if ranges is not None:
        shift = SIGNED_OFFSET if imp.getCalibration().isSigned16Bit() else 0
        ranges = tuple((float(low) + shift, float(high) + shift) for low, high in ranges)
    if image.sizes["c"] > 1:
        _put_channels(imp, tables, ranges)
        return
    if tables is not None:
        imp.setLut(java_lut(tables[0]))
    if ranges is not None:
        imp.setDisplayRange(*ranges[0])


def java_lut(table: NDArray[np.uint8]) -> Any:
    """Return an `ij.process.LUT` from a table of red, green and blue, uint8 (256, 3)."""
    import jpype

    red, green, blue = (jpype.JArray(jpype.JByte)(table[:, band].view(np.int8).tolist()) for band in range(3))
    return jpype.JClass("ij.process.LUT")(red, green, blue)


def grey() -> NDArray[np.uint8]:
    """Return the plain grey table, uint8 (256, 3)."""
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def is_inverting(table: NDArray[np.uint8]) -> bool:
    """Return True for ImageJ's inverting LUT: white is 0, black the highest value."""
    return bool(np.array_equal(table, grey()[::-1]))


def _put_channels(imp: Any, tables: Any, ranges: Any) -> None:
    """Give each channel of a composite its table and range; ImageJ's own colours where there are none."""
    import jpype

    luts = list(imp.getLuts())
    if tables is not None:
        luts = [java_lut(table) for table in tables]
    for lut, limits in zip(luts, ranges or (), strict=False):
        lut.min, lut.max = limits
    if tables is not None or ranges is not None:
        imp.setLuts(jpype.JArray(jpype.JClass("ij.process.LUT"))(luts))


def _usual_tables(channels: int) -> list[NDArray[np.uint8]]:
    """Return the tables that ImageJ gives a new image of so many channels."""
    if channels == 1:
        return [grey()]
    colours = [grey() * np.array(bands, np.uint8) for bands in _PRIMARIES]
    return (colours + [grey()] * channels)[:channels]


def _table(lut: Any) -> NDArray[np.uint8]:
    """Return uint8 (256, 3) of an `ij.process.LUT`."""
    import jpype

    size = int(lut.getMapSize())
    table = np.zeros((256, 3), np.uint8)
    for band, fill in enumerate((lut.getReds, lut.getGreens, lut.getBlues)):
        column = jpype.JArray(jpype.JByte)(size)
        fill(column)
        table[:size, band] = np.asarray(column).view(np.uint8)
    return table


def _positive(value: float, axis: str, notes: list[str]) -> float:
    """Replace a pixel size that is no size."""
    if math.isfinite(value) and value > 0:
        return value
    notes.append(f"The pixel size along {axis} is {value:g}; 1 was taken.")
    return 1.0


def _seconds(cal: Any, notes: list[str]) -> float:
    """Return the frame interval in seconds."""
    interval, unit = float(cal.frameInterval), str(cal.getTimeUnit() or "s").strip().lower()
    if interval <= 0 or not math.isfinite(interval):
        return 0.0
    if unit not in SECONDS:
        notes.append(f"The frame interval is {interval:g} {unit}, a unit that is not known; it was left out.")
        return 0.0
    return interval * SECONDS[unit]
