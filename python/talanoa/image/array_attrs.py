"""Attributes of arrays from elsewhere: what they say is read in many forms, and what cannot be used is reported."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from talanoa.image.grey_values import ATTRIBUTE, GreyValues
from talanoa.image.units import seconds_in

UNKNOWN_UNIT = "unknown"
_NUMBER_AND_UNIT = re.compile(r"([-+]?[\d.]+(?:e[-+]?\d+)?)\s*([a-zµμ]*)", re.IGNORECASE)
_SHOWN = 60  # letters of a value in a note
_LUT = (256, 3)

Reader = Callable[[Any, int], Any]


def understood(attrs: Mapping[Any, Any], channels: int) -> dict[Any, Any]:
    """Return attributes in which those of the image form have their types.

    Parameters
    ----------
    attrs : mapping
        Of a DataArray. Keys that the image form does not know stay as they are.
    channels : int
        Channels of the image.

    Returns
    -------
    dict
        A value that cannot be used is left out; ``notes`` then says so.
    """
    found = dict(attrs)
    notes = _notes(found.pop("notes", None))
    for key, (read, expected) in _READERS.items():
        if key not in found:
            continue
        try:
            found[key] = read(found[key], channels)
        except (TypeError, ValueError, OverflowError):
            notes.append(
                f"the attribute {key} of the array is not used: found {_shown(attrs[key])}, expected {expected}"
            )
            del found[key]
        else:
            if found[key] is None:
                del found[key]
    if "unit" in attrs and "unit" not in found and attrs["unit"] is not None and "pixel_size" in found:
        found["unit"] = UNKNOWN_UNIT
    return {**found, **({"notes": tuple(notes)} if notes else {})}


def _pixel_size(value: Any, channels: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = [value.get("z", 1.0), value.get("y", math.nan), value.get("x", math.nan)]
    return tuple(float(each) for each in _listed(value))  # impossible sizes are refused where the image is checked


def _unit(value: Any, channels: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    units = {each for each in (value.values() if isinstance(value, Mapping) else _listed(value)) if each}
    if len(units) != 1 or not isinstance(unit := units.pop(), str):
        raise ValueError
    return unit


def _frame_interval(value: Any, channels: int) -> float | None:
    if value is None:
        return None
    if isinstance(value, np.timedelta64):
        value = value / np.timedelta64(1, "s")
    if isinstance(value, str):
        match = _NUMBER_AND_UNIT.fullmatch(value.strip())
        seconds = seconds_in(match[2]) if match else None
        if match is None or seconds is None:
            raise ValueError
        value = float(match[1]) * seconds
    number = _number(value)
    if number < 0:
        raise ValueError
    return number


def _channel_names(value: Any, channels: int) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        names = [value] if channels == 1 else [part.strip() for part in value.split(",")]
        if len(names) != channels:
            raise ValueError
        return tuple(names)
    # another number of names is refused where the image is checked
    return tuple("" if each is None else str(each) for each in _listed(value)) or None


def _display(value: Any, channels: int) -> tuple[tuple[float, float], ...] | None:
    ranges = tuple((_number(low), _number(high)) for low, high in _listed(value))
    if ranges and len(ranges) != channels:
        raise ValueError
    return ranges or None


def _luts(value: Any, channels: int) -> tuple[Any, ...] | None:
    tables = tuple(np.asarray(each, np.uint8) for each in _listed(value))
    if tables and (len(tables) != channels or any(table.shape != _LUT for table in tables)):
        raise ValueError
    return tables or None


def _flag(value: Any, channels: int) -> bool | None:
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, int | np.integer) and value in (0, 1):
        return bool(value)
    raise ValueError


def _grey_values(value: Any, channels: int) -> GreyValues | None:
    if value is None or isinstance(value, GreyValues):
        return value
    raise ValueError


def _text(value: Any, channels: int) -> str | None:
    return None if value is None else str(value)


_READERS: dict[str, tuple[Reader, str]] = {
    "pixel_size": (_pixel_size, "two or three positive numbers: (y, x) or (z, y, x)"),
    "unit": (_unit, 'text such as "µm"; the pixel size is kept without a unit'),
    "frame_interval": (_frame_interval, 'seconds, 0 or more, or text such as "2 min"'),
    "channel_names": (_channel_names, "one name for each channel"),
    "display": (_display, "two numbers (low, high) for each channel"),
    "luts": (_luts, "a table of 256 x 3 numbers for each channel"),
    "rgb": (_flag, "True or False"),
    "depth_unknown": (_flag, "True or False"),
    "name": (_text, "text"),
    ATTRIBUTE: (_grey_values, "a calibration of talanoa.image.grey_values"),
}


def _number(value: Any) -> float:
    """Return a finite float; a bool is not a number here."""
    number = float(value)
    if isinstance(value, bool | np.bool_) or not math.isfinite(number):
        raise ValueError
    return number


def _listed(value: Any) -> Sequence[Any]:
    """Return the items of a list, tuple or array with one axis or more."""
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return list(value)
    raise TypeError


def _notes(value: Any) -> list[str]:
    """Return the notes that an array brings."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
