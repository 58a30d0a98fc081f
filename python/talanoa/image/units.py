"""Spellings and sizes of the units that microscopes and file formats use."""

from __future__ import annotations

METRES = {"pm": 1e-12, "Å": 1e-10, "nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 1e-1, "m": 1.0,
          "km": 1e3, "inch": 0.0254}  # fmt: skip
SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
           "milliseconds": 1e-3, "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
           "ns": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9, "min": 60.0, "minute": 60.0, "minutes": 60.0,
           "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0,
           "days": 86400.0}  # fmt: skip
_PREFIXES = ("pm pico", "nm nano", "µm micro", "mm milli", "cm centi", "dm deci", "m ", "km kilo")
_SPELLINGS = {
    unit: (unit.lower(), *(f"{prefix}met{end}" for end in ("er", "ers", "re", "res")))
    for unit, _, prefix in (each.partition(" ") for each in _PREFIXES)
}
_SPELLINGS |= {
    "µm": (
        *_SPELLINGS["µm"],
        "μm",
        "um",
        "micron",
        "microns",
        "\\u00b5m",
        "mikrometer",
        "micrómetro",
        "micrómetros",
        "мкм",
    ),
    "Å": ("å", "\u212b".lower(), "angstrom", "angstroms", "ångström", "\\u00c5", "\\u00e5", "\\u212b"),
    "inch": ("inch", "inches", "in"),
    "pixel": ("", "pixel", "pixels", "pixel(s)", "px", "none", "null", "arbitrary"),
}
_NORMAL = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}


def normal_unit(unit: str | None) -> str:
    """Return "µm" for every spelling of micrometre (and so on), "pixel" for none, else the text as given."""
    text = (unit or "").strip(" \t\r\n\0")
    return _NORMAL.get(text.lower(), text)


def to_metres(unit: str) -> float | None:
    """Return the metres in one `unit`, or None when it is no length ("pixel")."""
    return METRES.get(normal_unit(unit))


def seconds_in(unit: str | None) -> float | None:
    """Return the seconds in one `unit` of time, None for an unknown one; a missing one counts as seconds."""
    return SECONDS.get((unit or "").strip().lower() or "s")
