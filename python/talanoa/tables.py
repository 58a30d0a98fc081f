"""Labels -> measurements, with ImageJ's names and definitions."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import xarray as xr

from talanoa.files import write_aside


def measure(
    labels: xr.DataArray, image: xr.DataArray | None = None, extra: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Measure every object: one row per frame and label, units in `attrs["units"]`."""
    raise RuntimeError("being written")


def write_csv(path: str | os.PathLike[str], table: pd.DataFrame, overwrite: bool = False) -> Path:
    """Write a table with commas between columns and dots in numbers, whatever the locale."""
    with write_aside(path, overwrite) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")
    return Path(path)
