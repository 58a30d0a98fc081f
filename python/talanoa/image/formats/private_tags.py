"""Calibrations that programs of microscopes keep in tags or blocks of their own in TIFF files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import tifffile

from talanoa.image.spatial import Axis
from talanoa.image.units import to_metres

log = logging.getLogger(__name__)

# What metadata of another shape than expected make the functions below raise.
_FOREIGN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, ElementTree.ParseError)


class Said(NamedTuple):
    """What a file says of its pixels and frames; an empty `Axis`: nothing."""

    z: Axis = Axis()
    y: Axis = Axis()
    x: Axis = Axis()
    frames: Axis = Axis()

    def completed(self, other: Said) -> Said:
        """Return this with what is not known of z, of the plane or of the frames taken from another."""
        frames = self.frames if self.frames.usable else other.frames
        if self.x.calibrated or self.y.calibrated or not (other.x.calibrated or other.y.calibrated):
            z = other.z if other.z.calibrated and not self.z.calibrated else self.z
            return Said(z, self.y, self.x, frames)
        z = self.z if self.z.calibrated else other.z
        return Said(z, other.y, other.x, frames)


def read(tif: tifffile.TiffFile) -> tuple[Said, str]:
    """Return what the private metadata of a file say, and a note where they cannot be used."""
    for kind, reader in _READERS.items():
        if not getattr(tif, f"is_{kind}"):
            continue
        try:
            return reader(tif), ""
        except _FOREIGN:
            log.info("calibration of %s", tif.filename, exc_info=True)
            return Said(), f"the calibration in the metadata of {_NAMES[kind]} is damaged; it was left out"
    return Said(), ""


def _zeiss(tif: tifffile.TiffFile) -> Said:
    """Zeiss LSM: metres and seconds."""
    found: Mapping[str, Any] = tif.lsm_metadata or {}
    z, y, x = (_metres(found.get(f"VoxelSize{axis}")) for axis in "ZYX")
    return Said(z, y, x, Axis(found.get("TimeIntervall") or None, "s"))


def _metamorph(tif: tifffile.TiffFile) -> Said:
    """MetaMorph STK (UIC tags): a unit of its own; milliseconds."""
    found: Mapping[str, Any] = tif.stk_metadata or {}
    unit = str(found.get("CalibrationUnits") or "")
    steps = np.abs(np.asarray(found.get("ZDistance", ()), float))
    z = Axis(float(np.median(steps[steps > 0])), unit if to_metres(unit) else "µm") if (steps > 0).any() else Axis()
    times = np.diff(np.asarray(found.get("TimeCreated", ()), float))
    frames = Axis(float(np.median(times)), "ms") if times.size and np.median(times) > 0 and not z.usable else Axis()
    if not found.get("SpatialCalibration"):
        return Said(z, frames=frames)
    return Said(z, Axis(found["YCalibration"], unit), Axis(found["XCalibration"], unit), frames)


def _metaseries(tif: tifffile.TiffFile) -> Said:
    """MetaXpress and newer MetaMorph: XML in the description."""
    found = dict((tif.metaseries_metadata or {}).get("PlaneInfo", {}))
    if not found.get("spatial-calibration-state"):
        return Said()
    unit = str(found.get("spatial-calibration-units", ""))
    y, x = (Axis(found.get(f"spatial-calibration-{axis}"), unit) for axis in "yx")
    return Said(y=y, x=x)


def _fluoview(tif: tifffile.TiffFile) -> Said:
    """Olympus FluoView: name, size, origin, step and unit of each axis."""
    rows = (tif.fluoview_metadata or {})["Dimensions"]
    found = {str(row[0]).upper(): Axis(row[3], _ascii_unit(row[4])) for row in rows}
    z, y, x = (found.get(axis, Axis()) for axis in "ZYX")
    return Said(z, y, x, found.get("T", found.get("TIME", Axis())))


def _olympus(tif: tifffile.TiffFile) -> Said:
    """Olympus SIS: metres."""
    found: Mapping[str, Any] = tif.sis_metadata or {}
    return Said(y=_metres(found.get("pixelsizey")), x=_metres(found.get("pixelsizex")))


def _scanimage(tif: tifffile.TiffFile) -> Said:
    """ScanImage: corners of the field and distance of the slices in µm."""
    found: Mapping[str, Any] = (tif.scanimage_metadata or {}).get("FrameData") or _scanimage_text(tif)
    steps = (found.get(f"SI.hStackManager.{key}") for key in ("actualStackZStepSize", "stackZStepSize"))
    z = Axis(next((step for step in steps if step), found.get("state.acq.zStepSize")), "µm")
    corners = found.get("SI.hRoiManager.imagingFovUm")
    if corners is None:
        return Said(z)
    width, height = np.ptp(np.asarray(corners, float).reshape(-1, 2), axis=0)
    rows, columns = tif.pages.first.shape[:2]
    return Said(z, Axis(height / rows, "µm"), Axis(width / columns, "µm"))


def _scanimage_text(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return ScanImage's settings from the tags of the first page, where older versions keep them."""
    page = tif.pages.first
    found: dict[str, Any] = {}
    for text in (page.software, page.description):
        if "SI." in text or text.startswith("state."):
            found |= tifffile.matlabstr2py(text)
    return {key.removeprefix("scanimage."): value for key, value in found.items()}


def _micromanager(tif: tifffile.TiffFile) -> Said:
    """Micro-Manager's summary: µm and milliseconds; 0 stands for not known."""
    found: Mapping[str, Any] = (tif.micromanager_metadata or {}).get("Summary", {})
    side, step, interval = (found.get(key) or None for key in ("PixelSize_um", "z-step_um", "Interval_ms"))
    plane = Axis(side, "µm")
    return Said(Axis(step, "µm"), plane, plane, Axis(interval, "ms"))


def _metres(size: Any) -> Axis:
    """Return a size in metres, as numbers that can be read."""
    return Axis() if size is None else Axis(float(size) * 1e6, "µm")


def _ascii_unit(unit: Any) -> str:
    """Return a unit that was written in the code page of its time: its letter µ may have become anything."""
    text = str(unit).strip()
    return "µm" if len(text) == 2 and text.endswith("m") and not text.isascii() else text


_READERS: Mapping[str, Callable[[tifffile.TiffFile], Said]] = {
    "lsm": _zeiss,
    "stk": _metamorph,
    "metaseries": _metaseries,
    "fluoview": _fluoview,
    "sis": _olympus,
    "scanimage": _scanimage,
    "micromanager": _micromanager,
}
_NAMES = {
    "lsm": "Zeiss (LSM)",
    "stk": "MetaMorph (STK)",
    "metaseries": "MetaSeries",
    "fluoview": "FluoView",
    "sis": "Olympus SIS",
    "scanimage": "ScanImage",
    "micromanager": "Micro-Manager",
}
