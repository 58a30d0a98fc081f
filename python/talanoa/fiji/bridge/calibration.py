"""ImageJ's calibration, display ranges and colour tables as attributes of the image form, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.fiji.bridge import pixels
from talanoa.image import grey_values
from talanoa.image.formats.metadata import SIGNED_OFFSET
from talanoa.image.spatial import Axis, resolve, seconds

_PRIMARIES = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0))  # ij.CompositeImage's order


def spatial(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return `pixel_size`, `unit` and `frame_interval` from the facts of an image, and `notes` on what was assumed."""
    z = Axis(facts["pixel_depth"], facts["z_unit"])
    y = Axis(facts["pixel_height"], facts["y_unit"])
    found = resolve(z, y, Axis(facts["pixel_width"], facts["unit"]), int(facts["slices"]))
    notes = list(found.notes)
    if any(facts["origin"]):
        place = ", ".join(f"{float(side):g}" for side in facts["origin"])
        notes.append(
            f"the image has its origin at pixel ({place}): Analyze > Measure counts X and Y from there, tables of "
            "Talanoa from the upper left corner"
        )
    interval = seconds(facts["frame_interval"], facts["time_unit"], notes)
    return {
        "pixel_size": found.pixel_size,
        "unit": found.unit,
        "frame_interval": interval,
        "notes": tuple(notes),
        **found.attrs,
    }


def density(facts: Mapping[str, Any], table: NDArray[np.float32] | None) -> dict[str, Any]:
    """Return `grey_values` and `notes` of an image with a density calibration; `table`: its values, where known."""
    if facts.get("density") is None:
        return {"notes": ()}
    attrs: dict[str, Any] = {"notes": (grey_values.note(facts["density"], table is not None),)}
    if table is not None:  # a copy: what came may lie in memory that is given back
        attrs[grey_values.ATTRIBUTE] = grey_values.GreyValues(np.array(table, np.float32), facts["density"])
    return attrs


def put_spatial(facts: Mapping[str, Any], imp: Any) -> None:
    """Write pixel size, unit and frame interval into an ImagePlus."""
    cal = imp.getCalibration()
    cal.pixelDepth, cal.pixelHeight, cal.pixelWidth = (facts[f"pixel_{side}"] for side in ("depth", "height", "width"))
    cal.setUnit(facts["unit"])
    cal.frameInterval = facts["frame_interval"]
    cal.setTimeUnit("sec")


def display(facts: Mapping[str, Any], tables: NDArray[np.uint8]) -> dict[str, Any]:
    """Return `display` and `luts` from the facts of an image, as far as they say more than ImageJ's defaults.

    Parameters
    ----------
    facts : mapping
        `ranges` (low, high of each channel, none for RGB), `bits`, `signed16`.
    tables : ndarray of uint8, (channels, 3, 256)
        Reds, greens and blues of each channel.

    Returns
    -------
    dict
        `display`: one (low, high) per channel, left out for one channel of 8 bit shown from 0 to 255. `luts`: uint8
        (256, 3) per channel, left out when they are what ImageJ gives a new image: grey for one channel, red, green,
        blue, grey, cyan, magenta, yellow for several. Neither ever changes a value.
    """
    ranges = [(float(low), float(high)) for low, high in facts["ranges"]]
    if not ranges:
        return {}
    found: dict[str, Any] = {}
    shift = SIGNED_OFFSET if facts["signed16"] else 0
    if len(ranges) > 1 or facts["bits"] != 8 or ranges[0] != (0.0, 255.0):
        found["display"] = tuple((low - shift, high - shift) for low, high in ranges)
    luts = tuple(np.ascontiguousarray(table.T) for table in tables)
    if not all(np.array_equal(table, usual) for table, usual in zip(luts, _usual_tables(len(luts)), strict=True)):
        found["luts"] = luts
    return found


def put_display(facts: Mapping[str, Any], tables: NDArray[np.uint8], imp: Any) -> None:
    """Write display ranges and colour tables into an ImagePlus."""
    if facts["channels"] > 1:
        _put_channels(imp, tables, facts["ranges"])
        return
    if len(tables):
        imp.setLut(java_lut(tables[0]))
    if facts["ranges"] is not None:
        imp.setDisplayRange(*facts["ranges"][0])


def java_lut(table: NDArray[np.uint8]) -> Any:
    """Return an `ij.process.LUT` from reds, greens and blues, uint8 (3, 256)."""
    import jpype

    return jpype.JClass("ij.process.LUT")(*(pixels.to_java(band) for band in table))


def lut_tables(luts: Iterable[Any]) -> NDArray[np.uint8]:
    """Return uint8 (n, 3, 256) of `ij.process.LUT`s."""
    import jpype

    tables = []
    for lut in luts:
        size = int(lut.getMapSize())
        table = np.zeros((3, 256), np.uint8)
        for band, fill in enumerate((lut.getReds, lut.getGreens, lut.getBlues)):
            column = jpype.JArray(jpype.JByte)(size)
            fill(column)
            table[band, :size] = np.asarray(column).view(np.uint8)
        tables.append(table)
    return np.stack(tables) if tables else np.zeros((0, 3, 256), np.uint8)


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
    if len(tables):
        luts = [java_lut(table) for table in tables]
    for lut, limits in zip(luts, ranges or (), strict=False):
        lut.min, lut.max = limits
    if len(tables) or ranges is not None:
        imp.setLuts(jpype.JArray(jpype.JClass("ij.process.LUT"))(luts))


def _usual_tables(channels: int) -> list[NDArray[np.uint8]]:
    """Return the tables that ImageJ gives a new image of so many channels."""
    if channels == 1:
        return [grey()]
    colours = [grey() * np.array(bands, np.uint8) for bands in _PRIMARIES]
    return (colours + [grey()] * channels)[:channels]
