"""What an ImagePlus is besides its pixels, as plain values: the one meaning of it for every way images travel.

Inside the JVM's process `convert` collects these facts through JPype; beside it, ImageJ's Jython side does
(`talanoa_fiji/images.py`) and they travel with the pixels. Here they become the image form, and the image form becomes
them.

Arriving (from ImageJ): ``title``, ``kind`` (ij.ImagePlus.getType()), ``bits``, ``width``, ``height``, ``channels``,
``slices``, ``frames``, ``pixel_width``, ``pixel_height``, ``pixel_depth``, ``unit``, ``y_unit``, ``z_unit``,
``origin`` (x, y in pixels), ``frame_interval``, ``time_unit``, ``signed16``, ``density`` (unit of a density
calibration, or None), ``ranges`` (low, high of each channel, none for RGB), ``slice_labels``, ``source`` (path or
None), ``selection`` (None, or ``area``, ``type``, ``x``, ``y``, ``width``, ``height``).

Leaving (to ImageJ): ``title``, ``type`` (uint8, uint16, float32, int32 for RGB), ``width``, ``height``, ``channels``,
``slices``, ``frames``, ``signed16``, the five of the calibration (``unit``; frame interval in seconds), ``ranges`` and
``slice_labels`` (or None), ``composite`` (ij.CompositeImage mode, or None).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.fiji.bridge import calibration
from talanoa.image.form import check
from talanoa.image.formats.metadata import SIGNED_OFFSET
from talanoa.image.formats.tiff import exact

GRAY8, GRAY16, GRAY32, COLOR_256, COLOR_RGB = range(5)  # ij.ImagePlus.getType()
DTYPES = {GRAY8: np.uint8, COLOR_256: np.uint8, GRAY16: np.uint16, GRAY32: np.float32, COLOR_RGB: np.int32}
_COMPOSITE, _GRAYSCALE = 1, 3  # ij.CompositeImage modes
_MOST_CHANNELS_IN_COLOR = 7
_IMAGEJ_TYPES = (np.uint16, np.int16, np.float32)  # tried in this order for values of any other type


def to_form(
    facts: Mapping[str, Any],
    values: NDArray[Any],
    tables: NDArray[np.uint8],
    grey: NDArray[np.float32] | None = None,
) -> xr.DataArray:
    """Return the image form of pixels that came from ImageJ.

    Parameters
    ----------
    facts : mapping
        See the module.
    values : ndarray, (t, c, z, y, x)
        uint8, uint16, float32, or packed colours as int32 with c = 1. Taken over, and changed for signed 16 bit.
    tables : ndarray of uint8, (channels, 3, 256)
        Colour tables; empty for RGB.
    grey : ndarray of float32, (256,) or (65536,), optional
        The table of a density calibration.

    Returns
    -------
    xarray.DataArray
        uint8, uint16, float32, or int16 for ImageJ's signed 16 bit; RGB is c = 3 with `attrs["rgb"]`.
    """
    if facts["kind"] == COLOR_RGB:
        values = np.concatenate([(values >> shift).astype(np.uint8) for shift in (16, 8, 0)], axis=1)
    elif facts["signed16"]:
        values ^= np.uint16(SIGNED_OFFSET)
        values = values.view(np.int16)
    return check(xr.DataArray(values, dims=("t", "c", "z", "y", "x"), attrs=_attributes(facts, tables, grey)))


def selection_mask(facts: Mapping[str, Any], mask: NDArray[np.uint8] | None) -> NDArray[np.bool_] | None:
    """Return the area that is selected in an image.

    Parameters
    ----------
    facts : mapping
        See the module.
    mask : ndarray of uint8, (height, width) of the selection, optional
        What of its bounding box is inside; everything when left out.

    Returns
    -------
    bool array (y, x) or None
        True inside, of the size of the whole image; None when nothing is selected.

    Raises
    ------
    BadInput
        The selection is a line, points or an angle, or lies outside the image.
    """
    chosen = facts.get("selection")
    if chosen is None:
        return None
    if not chosen["area"]:
        raise BadInput(
            f"The selection is a {chosen['type'].lower()}; expected an area (rectangle, oval, polygon, freehand, or "
            "several of them). Draw one, or remove the selection (Edit > Selection > Select None)."
        )
    rows, columns = clipped(facts)
    inside = np.zeros((facts["height"], facts["width"]), bool)
    if mask is None:  # a rectangle
        inside[rows, columns] = True
        return inside
    top, left = rows.start - chosen["y"], columns.start - chosen["x"]
    height, width = rows.stop - rows.start, columns.stop - columns.start
    inside[rows, columns] = mask[top : top + height, left : left + width] != 0
    return inside


def clipped(facts: Mapping[str, Any]) -> tuple[slice, slice]:
    """Return the bounding box (rows, columns) of the selection inside the image; `BadInput` when it lies outside."""
    chosen, width, height = facts["selection"], facts["width"], facts["height"]
    top, left = max(0, chosen["y"]), max(0, chosen["x"])
    bottom, right = min(height, chosen["y"] + chosen["height"]), min(width, chosen["x"] + chosen["width"])
    if bottom <= top or right <= left:
        raise BadInput(
            f"The selection (x {chosen['x']}, y {chosen['y']}, {chosen['width']} x {chosen['height']}) lies outside "
            f"the image; expected some of it within {width} x {height} pixels."
        )
    return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class Leaving:
    """An image on its way to ImageJ.

    Parameters
    ----------
    facts : dict
        See the module.
    values : ndarray, (t, c, z, y, x)
        Of a type that ImageJ has, or int16 (its signed 16 bit).
    tables : ndarray of uint8, (channels, 3, 256)
        Colour tables; none: ImageJ's own.
    """

    facts: dict[str, Any]
    values: NDArray[Any]
    tables: NDArray[np.uint8]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the planes."""
        return np.dtype(self.facts["type"])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of planes, height, width."""
        found = self.facts
        return found["frames"] * found["slices"] * found["channels"], found["height"], found["width"]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield planes in ImageJ's order (channels fastest, then slices, then frames) as ImageJ's types."""
        frames, channels, slices = self.values.shape[:3]
        if self.facts["type"] == "int32":
            for frame, section in np.ndindex(frames, slices):
                red, green, blue = self.values[frame, :, section].astype(np.uint32)
                yield (np.uint32(0xFF000000) | red << 16 | green << 8 | blue).view(np.int32)
            return
        for frame, section, channel in np.ndindex(frames, slices, channels):
            plane = self.values[frame, channel, section]
            yield plane.view(np.uint16) ^ np.uint16(SIGNED_OFFSET) if plane.dtype == np.int16 else plane


def from_form(image: xr.DataArray, title: str | None = None) -> Leaving:
    """Prepare an image for ImageJ.

    Parameters
    ----------
    image : xarray.DataArray
        The image form. uint8, uint16 and float32 keep their values, int16 becomes ImageJ's signed 16 bit, other whole
        numbers become 16 bit or, above 65,535, 32-bit float; float64 is rounded to 32 bit, ImageJ's only float.
    title : str, optional
        Default: the image's name.

    Raises
    ------
    BadInput
        The values do not fit ImageJ's types.
    """
    image = check(image)
    values, attrs = _imagej_values(image.values), image.attrs
    frames, channels, slices, height, width = values.shape
    signed, rgb = values.dtype == np.int16, bool(attrs["rgb"])
    if rgb:
        channels = 1
    depth, pixel_height, pixel_width = (float(size) for size in attrs["pixel_size"])
    mode = _COMPOSITE if channels <= _MOST_CHANNELS_IN_COLOR else _GRAYSCALE
    found = {
        "title": title or attrs["name"] or "Untitled",
        "type": "int32" if rgb else "uint16" if signed else values.dtype.name,
        "signed16": bool(signed),
        "width": width,
        "height": height,
        "channels": channels,
        "slices": slices,
        "frames": frames,
        "pixel_width": pixel_width,
        "pixel_height": pixel_height,
        "pixel_depth": depth,
        "unit": attrs["unit"],
        "frame_interval": float(attrs["frame_interval"]),
        "ranges": None if rgb else _ranges(attrs.get("display"), bool(signed)),
        "slice_labels": _slice_labels(image, channels),
        "composite": mode if channels > 1 else None,
    }
    luts = () if rgb else attrs.get("luts", ())
    tables = np.stack([np.asarray(table, np.uint8).T for table in luts]) if len(luts) else _NO_TABLES
    return Leaving(found, values, np.ascontiguousarray(tables))


_NO_TABLES = np.zeros((0, 3, 256), np.uint8)


def _attributes(
    facts: Mapping[str, Any], tables: NDArray[np.uint8], grey: NDArray[np.float32] | None
) -> dict[str, Any]:
    """Return the attributes of the image form, in the words of ImageJ's image."""
    attrs = {**calibration.spatial(facts), **calibration.display(facts, tables)}
    attrs["name"] = facts["title"]
    attrs["rgb"] = facts["kind"] == COLOR_RGB
    attrs["channel_names"] = _channel_names(facts["slice_labels"], facts["channels"])
    density = calibration.density(facts, grey)
    notes = (*density.pop("notes"), *attrs.pop("notes"))
    attrs.update(density)
    if notes:
        attrs["notes"] = notes
    if facts.get("source"):
        attrs["source"] = facts["source"]
    return attrs


def _channel_names(labels: list[str | None], channels: int) -> tuple[str, ...]:
    """Return the slice labels when they repeat with the channels, else nothing."""
    if channels < 2:
        return ()
    texts = [label or "" for label in labels]
    first = tuple(itertools.islice(texts, channels))
    if len(set(first)) < channels or any("\n" in name for name in first):
        return ()
    repeats = all(label == first[index % channels] for index, label in enumerate(texts))
    return first if repeats else ()


def _slice_labels(image: xr.DataArray, channels: int) -> list[str] | None:
    """Return the channels' names for the slice labels, where ImageJ shows them."""
    names = image.attrs["channel_names"]
    return list(names) if channels > 1 and any(names) else None


def _ranges(display: Any, signed: bool) -> list[list[float]] | None:
    """Return display ranges as ImageJ counts."""
    if display is None:
        return None
    shift = SIGNED_OFFSET if signed else 0
    return [[float(low) + shift, float(high) + shift] for low, high in display]


def _imagej_values(values: NDArray[Any]) -> NDArray[Any]:
    """Return values of a type that ImageJ has (int16 counts: it has a calibration for it)."""
    if values.dtype == np.float64:
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        if np.isinf(single).sum() > np.isinf(values).sum():
            largest = np.abs(values[np.isfinite(values)]).max()
            raise BadInput(f"Found values up to {largest:g}; expected less than 3.4e38, ImageJ's limit. Rescale them.")
        values = single
    elif values.dtype != np.uint8:
        values = exact(values, _IMAGEJ_TYPES, "ImageJ")
    return values
