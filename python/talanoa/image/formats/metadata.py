"""Calibration, channel names and display settings in the metadata of TIFF files, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
import xarray as xr

from talanoa.core.errors import BadInput
from talanoa.image import grey_values, spatial
from talanoa.image.formats import private_tags
from talanoa.image.formats.private_tags import Said
from talanoa.image.spatial import Axis

SIGNED_OFFSET = 32768
_TO_OME = {"inch": "in"}
_OME_UNITS = {"pm", "Å", "nm", "µm", "mm", "cm", "dm", "m", "km", "in", "pt", "pixel"}
_COLOR_MAP = 320  # TIFF tag
_MAX_COMPOSITE = 7  # ImageJ shows at most seven channels at once


def from_tiff(tif: tifffile.TiffFile, shape: Sequence[int], axes: str, number: int = 0) -> dict[str, Any]:
    """Collect attributes: `form` holds the keywords of `image.from_array`, the rest are optional attributes.

    `shape` and `axes` are those of the image, `number` which image of the file it is, from 0.
    """
    attrs: dict[str, Any] = {}
    if tif.is_ome and tif.ome_metadata:
        said, attrs = _from_ome(tif.ome_metadata, number)
    elif tif.is_imagej and tif.imagej_metadata:
        said, attrs = _from_imagej(tif, tif.imagej_metadata, shape, axes)
    else:
        said = Said()
    private, damaged = private_tags.read(tif)
    said = said.completed(private)
    if not said.x.usable and not said.y.usable and not tif.is_ome:
        y, x = _resolution(tif.pages.first)
        said = said._replace(y=y, x=x)
    slices = shape[axes.index("Z")] if "Z" in axes else 1
    found = spatial.resolve(said.z, said.y, said.x, slices)
    notes = [*attrs.pop("notes", ()), *filter(None, (damaged,)), *found.notes]
    interval = spatial.seconds(said.frames.size, said.frames.unit, notes)
    form = {"pixel_size": found.pixel_size, "unit": found.unit, "frame_interval": interval, **attrs.pop("form", {})}
    return {**attrs, **found.attrs, "form": form, "notes": tuple(notes)}


def is_signed(tif: tifffile.TiffFile) -> bool:
    """Return True when an ImageJ file holds signed 16-bit numbers, which ImageJ stores 32,768 higher."""
    found = (tif.imagej_metadata or {}) if tif.is_imagej else {}
    return (found.get("cf"), found.get("c0"), found.get("c1")) == (0, -SIGNED_OFFSET, 1)


def for_imagej(image: xr.DataArray, signed: bool = False) -> dict[str, Any]:
    """Return the metadata of an ImageJ hyperstack for `tifffile.imwrite`; `signed`: the pixels are written as int16."""
    attrs, channels = image.attrs, image.sizes["c"]
    found: dict[str, Any] = {"unit": _escaped(attrs["unit"]), "spacing": attrs["pixel_size"][0], "loop": False}
    if attrs["frame_interval"]:
        found["finterval"] = attrs["frame_interval"]
    if attrs["rgb"]:
        return found
    found["mode"] = "composite" if 1 < channels <= _MAX_COMPOSITE else "grayscale"
    display = attrs.get("display", ())
    if len(display) == channels:
        shift = SIGNED_OFFSET if signed else 0
        display = tuple((low + shift, high + shift) for low, high in display)
        found["min"], found["max"] = display[0]
        found["Ranges"] = tuple(float(limit) for pair in display for limit in pair)
    luts = attrs.get("luts", ())
    if len(luts) == channels > 1:
        found["LUTs"] = [np.ascontiguousarray(lut.T, np.uint8) for lut in luts]  # (3, 256)
    if any(attrs["channel_names"]):
        planes = image.sizes["t"] * image.sizes["z"]
        found["Labels"] = list(attrs["channel_names"]) * planes
    return found


def colour_map(image: xr.DataArray) -> list[tuple[int, str, int, list[int], bool]]:
    """Return the TIFF tag in which ImageJ keeps the colour table of one grey channel, if there is one."""
    luts = image.attrs.get("luts", ())
    if image.sizes["c"] > 1 or len(luts) != 1:
        return []
    table = np.asarray(luts[0], np.uint16).T.ravel() * 256  # all reds, all greens, all blues
    return [(_COLOR_MAP, "H", table.size, table.tolist(), True)]


def for_ome(image: xr.DataArray) -> dict[str, Any]:
    """Return the metadata of an OME-TIFF for `tifffile.imwrite`."""
    attrs = image.attrs
    unit = _TO_OME.get(attrs["unit"], attrs["unit"])
    if unit not in _OME_UNITS:
        raise BadInput(f"Found the unit '{unit}'; expected one of OME's: {', '.join(sorted(_OME_UNITS))}. Set another.")
    found: dict[str, Any] = {"Name": attrs["name"]} if attrs["name"] else {}
    for axis, size in zip("ZYX", attrs["pixel_size"], strict=True):
        found[f"PhysicalSize{axis}"] = size
        found[f"PhysicalSize{axis}Unit"] = unit
    if attrs["frame_interval"]:
        found |= {"TimeIncrement": attrs["frame_interval"], "TimeIncrementUnit": "s"}
    if any(attrs["channel_names"]) and not attrs["rgb"]:
        found["Channel"] = {"Name": list(attrs["channel_names"])}
    return found


def _from_imagej(
    tif: tifffile.TiffFile, found: Mapping[str, Any], shape: Sequence[int], axes: str
) -> tuple[Said, dict[str, Any]]:
    """Read ImageJ's description and its private tag."""
    page = tif.pages.first
    sizes = dict(zip(axes, shape, strict=True))
    rgb = sizes.get("S", 1) > 1 and page.dtype == np.uint8
    channels = sizes.get("C", 1 if rgb else sizes.get("S", 1))
    unit, unit_y, unit_z = (_unescaped(str(found.get(key, ""))) for key in ("unit", "yunit", "zunit"))
    y, x = _resolution(page, unit)
    said = Said(
        Axis(found.get("spacing"), unit_z or x.unit),
        y._replace(unit=unit_y or x.unit),
        x,
        Axis(found.get("finterval"), str(found.get("tunit", "s"))),
    )
    attrs: dict[str, Any] = {
        "form": {"channel_names": () if rgb else _channel_names(found.get("Labels"), channels, shape, axes)}
    }
    if not rgb:
        attrs |= _display(found, page, channels)
        attrs |= _grey_values(found, page, is_signed(tif))
    return said, attrs


def _grey_values(found: Mapping[str, Any], page: tifffile.TiffPage, signed: bool) -> dict[str, Any]:
    """Return the calibration of grey values and the note on it, as far as the file has one."""
    if signed or page.dtype is None:  # ImageJ's way to store negative numbers, which the reader has undone
        return {}
    calibration, unit = grey_values.from_description(found, page.dtype.newbyteorder("="), _is_inverting(page))
    if not unit:
        return {}
    unit = _unescaped(unit)
    attrs: dict[str, Any] = {"notes": (grey_values.note(unit, calibration is not None),)}
    if calibration is not None:
        attrs[grey_values.ATTRIBUTE] = replace(calibration, unit=unit)
    return attrs


def _is_inverting(page: tifffile.TiffPage) -> bool:
    """Return True where ImageJ shows the highest value darkest."""
    if page.colormap is not None and page.colormap.ndim == 2:
        return not (np.diff(page.colormap.astype(int).sum(axis=0)) > 0).any()
    return page.photometric == tifffile.PHOTOMETRIC.MINISWHITE


def _display(found: Mapping[str, Any], page: tifffile.TiffPage, channels: int) -> dict[str, Any]:
    """Return display ranges and colour tables when the file has one per channel."""
    attrs: dict[str, Any] = {}
    ranges = found.get("Ranges") or ()
    if channels == 1 and isinstance(found.get("min"), float | int) and isinstance(found.get("max"), float | int):
        ranges = (found["min"], found["max"])
    if isinstance(ranges, tuple) and len(ranges) == 2 * channels:
        shift = SIGNED_OFFSET if is_signed(page.parent) or page.dtype == np.int16 else 0
        limits = [float(limit) - shift for limit in ranges]
        attrs["display"] = tuple(zip(limits[::2], limits[1::2], strict=True))
    luts = found.get("LUTs", ())
    if isinstance(luts, np.ndarray):  # one table comes bare
        luts = (luts,)
    if len(luts) == channels:
        attrs["luts"] = tuple(np.asarray(lut, np.uint8).T.copy() for lut in luts)
    elif channels == 1 and page.colormap is not None and page.colormap.shape == (3, 256):
        attrs["luts"] = ((page.colormap.T >> 8).astype(np.uint8),)
    return attrs


def _channel_names(labels: Any, channels: int, shape: Sequence[int], axes: str) -> tuple[str, ...]:
    """Return the slice labels when they repeat with the channels, else nothing."""
    if channels < 2 or not isinstance(labels, list | tuple) or "C" not in axes:
        return ()
    first = tuple(str(label) for label in labels[:channels])
    repeats = len(labels) // channels
    same = len(labels) == repeats * channels and all(str(name) == first[i % channels] for i, name in enumerate(labels))
    return first if same and len(set(first)) == channels else ()


def _resolution(page: tifffile.TiffPage, unit: str = "") -> tuple[Axis, Axis]:
    """Return pixel height and width by ImageJ's own reading of the resolution tags.

    72 pixels per inch is what programs write that know nothing, so it counts as not calibrated.
    """
    size_x, size_y = _per_pixel(page, "XResolution"), _per_pixel(page, "YResolution")
    if not unit:
        tag = page.tags.get("ResolutionUnit")
        unit = {2: "inch", 3: "cm"}.get(int(tag.value) if tag is not None else 1, "")
        if unit == "inch" and size_x is not None and np.isclose(size_x, 1 / 72):
            return Axis(1.0), Axis(1.0)
    return Axis(size_y, unit), Axis(size_x, unit)


def _per_pixel(page: tifffile.TiffPage, name: str) -> float | None:
    """Return the size of a pixel from a resolution tag, None where there is none, or one of 0."""
    tag = page.tags.get(name)
    value = tag.value if tag is not None else (0, 1)
    numerator, denominator = value if isinstance(value, tuple) and len(value) == 2 else (value, 1)
    pixels = _number(numerator, 0.0)
    return _number(denominator, 0.0) / pixels if pixels else None


def _from_ome(text: str, number: int) -> tuple[Said, dict[str, Any]]:
    """Read an image of an OME-XML block."""
    try:
        images = ElementTree.fromstring(text).findall(".//{*}Image/{*}Pixels")
    except ElementTree.ParseError:
        images = []
    if not images and "BinaryOnly" in text:  # they stand in another file, which the reader names
        return Said(), {}
    if number >= len(images):
        return Said(), {"notes": ("the OME metadata are damaged; the pixel size is not known",)}
    pixels = images[number]
    get = pixels.attrib.get
    z, y, x = (Axis(get(f"PhysicalSize{axis}"), get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX")
    names = tuple(channel.get("Name", "") for channel in pixels.findall("{*}Channel"))
    samples = {channel.get("SamplesPerPixel", "1") for channel in pixels.findall("{*}Channel")}
    usable = any(names) and samples == {"1"} and str(len(names)) == get("SizeC")
    said = Said(z, y, x, Axis(get("TimeIncrement"), get("TimeIncrementUnit", "s")))
    if x.size is None and y.size is None:
        said = said._replace(y=Axis(), x=Axis())
    return said, {"form": {"channel_names": names if usable else ()}}


def _number(value: Any, default: float) -> float:
    """Return a finite float, or the default."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if np.isfinite(number) else default


def _escaped(unit: str) -> str:
    """Write letters outside ASCII as ImageJ does (backslash, u, four digits)."""
    return "".join(letter if letter.isascii() else f"\\u{ord(letter):04X}" for letter in unit)


def _unescaped(unit: str) -> str:
    """Undo `_escaped`."""
    parts = unit.split("\\u")
    return parts[0] + "".join(chr(int(part[:4], 16)) + part[4:] for part in parts[1:] if _is_hex(part[:4]))


def _is_hex(text: str) -> bool:
    return len(text) == 4 and all(letter in "0123456789abcdefABCDEF" for letter in text)
