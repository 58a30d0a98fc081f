"""Pixel size, frame interval and channel names in the coordinates of a DataArray (pyimagej, bioio, xarray-ome, ...)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from talanoa.image import spatial
from talanoa.image.spatial import Axis
from talanoa.image.units import to_metres

UNKNOWN = "unknown"  # unit of sizes that come without one: they are kept, and are not taken for µm
_BIOIO = ("unprocessed", "processed")  # its attributes; it gives lengths in µm
_EVEN = 1e-3  # differences of steps, relative to the step, that rounding may make


def read(array: xr.DataArray, letters: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of the image form that the coordinates of an array say.

    Parameters
    ----------
    array : DataArray
        With coordinates for all, some or none of its dims. A unit is looked for in the ``unit`` or ``units`` of a
        coordinate's attributes, then of the array's.
    letters : mapping
        Dims to t, c, z, y, x.

    Returns
    -------
    dict
        ``pixel_size`` and ``unit``, ``frame_interval``, ``channel_names``, ``notes``, each where something is said.
        Sizes without a unit get the unit "unknown".
    """
    dims = {letters[str(dim)]: str(dim) for dim in array.dims if str(dim) in letters}
    notes: list[str] = []
    found: dict[str, Any] = {}
    said = {axis: _axis(array, dims[axis], notes) if axis in dims else Axis() for axis in "tzyx"}
    if any(said[axis].size is not None and not _counts(said[axis]) for axis in "zyx"):
        z, y, x = (_with_unit(said[axis], array, notes) for axis in "zyx")
        resolved = spatial.resolve(z, y, x, array.sizes.get(dims.get("z", ""), 1))
        found |= {"pixel_size": resolved.pixel_size, "unit": resolved.unit, **resolved.attrs}
        notes += resolved.notes
    if not _counts(said["t"]):
        found["frame_interval"] = spatial.seconds(said["t"].size, said["t"].unit, notes)
    if "c" in dims and dims["c"] in array.coords and array.coords[dims["c"]].dtype.kind in "UO":
        found["channel_names"] = tuple(str(name) for name in array.coords[dims["c"]].values)
    return {**found, "notes": tuple(dict.fromkeys(notes))} if notes else found


def _axis(array: xr.DataArray, dim: str, notes: list[str]) -> Axis:
    """Return the step of a coordinate with its unit."""
    if dim not in array.coords or array.coords[dim].ndim != 1 or array.sizes[dim] < 2:
        return Axis()
    coordinate = array.coords[dim]
    values = np.asarray(coordinate.values)
    unit = _unit(coordinate.attrs, dim)
    if values.dtype.kind == "M":
        values = values - values[0]
    if values.dtype.kind == "m":
        values, unit = values / np.timedelta64(1, "s"), "s"
    if values.dtype.kind not in "iuf":
        return Axis()
    steps = np.diff(values.astype(np.float64))
    step = float(steps.mean())
    if not np.isfinite(step) or (np.abs(steps - step) > _EVEN * abs(step)).any():
        notes.append(f"the coordinates along {dim} are not evenly spaced; the size of a pixel along it is not known")
        return Axis()
    return Axis(float(f"{abs(step):.9g}"), unit)  # what subtracting left behind the ninth digit is not kept


def _unit(attrs: Mapping[Any, Any], dim: str) -> str:
    """Return the unit that attributes name for a dim, or an empty text."""
    for key in ("unit", "units"):
        unit = attrs.get(key)
        unit = unit.get(dim, unit.get(dim.lower())) if isinstance(unit, Mapping) else unit
        if isinstance(unit, str):
            return unit
    return ""


def _counts(axis: Axis) -> bool:
    """Tell a coordinate that only counts (0, 1, 2 ... without a unit) from one that measures."""
    return axis.size in (None, 1.0) and not axis.unit


def _with_unit(axis: Axis, array: xr.DataArray, notes: list[str]) -> Axis:
    """Return an axis with the unit of the array where it has none of its own."""
    if axis.unit or axis.size is None:
        return axis
    unit = next((unit for dim in map(str, array.dims) if (unit := _unit(array.attrs, dim)) and to_metres(unit)), "")
    unit = unit or ("µm" if any(key in array.attrs for key in _BIOIO) else UNKNOWN)
    if unit == UNKNOWN:
        notes.append(
            "the coordinates of the array have no unit; the pixel size is kept without one. Name it in the array, for "
            'example array.attrs["unit"] = "µm"'
        )
    return axis._replace(unit=unit)
