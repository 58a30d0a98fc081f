"""Labels -> measurements, with ImageJ's names and definitions, and CSV that every program reads alike."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from talanoa.core import csv_text
from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.image import grey_values
from talanoa.image.labels import as_labels
from talanoa.measure import shapes, shapes3d
from talanoa.rois.roi_set import make_names

_LENGTHS = ("X", "Y", "Z", "BX", "BY", "BZ", "Width", "Height", "Depth", "Perim.", "Major", "Minor")
_INTENSITY = re.compile(r"(Mean|StdDev|Min|Max)(_C\d+)?$")
UNIT = "Unit"
_NO_NUMBER = ("NaN", "nan", "NA", "N/A", "null", "None")
Columns = dict[str, NDArray[Any]]


def measure(labels: xr.DataArray, image: xr.DataArray | None = None, extra: pd.DataFrame | None = None) -> pd.DataFrame:
    """Measure every object of a label image: one row per frame and label.

    Parameters
    ----------
    labels : xarray.DataArray
        Label image (t, 1, z, y, x); its pixel size and unit are those of the table.
    image : xarray.DataArray, optional
        Equal in t, z, y, x; gives Mean, StdDev (n - 1), Min, Max and IntDen (area times mean), of each channel with the
        suffix _C1, _C2, … when there are several; in the unit of its `attrs["grey_values"]`, where it has them.
    extra : pandas.DataFrame, optional
        More columns by Label and Frame (such as Probability); columns that are measured here are not taken from it.

    Returns
    -------
    pandas.DataFrame
        Label (number in the label image), Name (of the ROI), Frame (from 1), then

        2D: Area, X, Y (mean pixel centre), BX, BY, Width, Height, Perim. (traced outline, see
        `shapes.perimeters`), Major, Minor, Angle (ellipse of equal area), Circ. (4 pi area / perimeter², at most 1),
        AR (Major / Minor), Round (4 area / pi Major²), Solidity (area / area of the convex hull).

        Stacks: Volume, Surface (see `shapes3d.surfaces`), X, Y, Z, BX, BY, BZ, Width, Height, Depth.

        `attrs["units"]` maps columns to units, `attrs["unit"]` is that of lengths, `attrs["value_unit"]` that of
        intensities where the image has a calibration of grey values. With pixels that are not square,
        Major, Minor and Angle are those of the physical shape (ImageJ leaves them 0).

    Raises
    ------
    BadInput
        The sizes differ, or `extra` lacks its keys.
    """
    labels = as_labels(labels, mask="keep", ours=True)
    if image is not None and any(image.sizes[dim] != labels.sizes[dim] for dim in "tzyx"):
        raise BadInput(
            f"Found an image of {_sizes(image)} and labels of {_sizes(labels)}; expected the same t, z, y and x. "
            "Measure the image that the labels were made from."
        )
    frames = [_frame(labels, image, t) for t in range(labels.sizes["t"])]
    table = pd.concat([pd.DataFrame(frame) for frame in frames], ignore_index=True)
    table = table if extra is None else _with_extra(table, extra)
    table.attrs["unit"] = str(labels.attrs["unit"])
    values = grey_values.unit_of(image.attrs) if image is not None else ""
    table.attrs["units"] = units_of(table, table.attrs["unit"], values)
    if values:
        table.attrs["value_unit"] = values
    return table


def write_csv(path: str | os.PathLike[str], table: pd.DataFrame, overwrite: bool = False) -> Path:
    """Write a table with commas between columns and dots in numbers, whatever the locale.

    Text that a spreadsheet would take for a formula, or that has line breaks, is marked, see `talanoa.core.csv_text`. A
    table of objects gets the column Unit: that of lengths, as in ImageJ's table of results (areas are in its square).

    Parameters
    ----------
    path : path
        Appears whole or not at all.
    table : pandas.DataFrame
        Its index is not written.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Path
        The file written.
    """
    with write_aside(path, overwrite) as aside:
        csv_text.table_written(_with_unit(table)).to_csv(aside, index=False, lineterminator="\n", encoding="utf-8")
    return Path(path)


def read_csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table written by `write_csv`, or by a spreadsheet that uses semicolons and decimal commas.

    Returns
    -------
    pandas.DataFrame
        Text stays text, also where it is "NA" or "nan". The column Unit of `write_csv` becomes ``attrs["unit"]``.

    Raises
    ------
    BadInput
        There is no such file, or it is no table.
    """
    path = Path(path).expanduser()
    try:
        with path.open(encoding="utf-8-sig") as stream:
            heading = stream.readline()
        separator, decimal = (";", ",") if heading.count(";") > heading.count(",") else (",", ".")
        table = pd.read_csv(
            path, sep=separator, decimal=decimal, encoding="utf-8-sig", keep_default_na=False, na_values=[""]
        )
        return _without_unit(csv_text.table_given(_with_numbers(table)))
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise BadInput(f"{path} cannot be read as a table ({error}); expected CSV. Save it as CSV (UTF-8).") from error


def _with_unit(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of objects with the column Unit."""
    unit = shown_unit(table)
    if unit is None or UNIT in table.columns:
        return table
    return table.assign(**{UNIT: unit})


def _without_unit(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose last column is one Unit with that in its attributes."""
    if len(table) == 0 or table.columns[-1] != UNIT or table[UNIT].nunique(dropna=False) != 1:
        return table
    unit, _, values = str(table[UNIT].iloc[0]).partition(", ")
    table = table.drop(columns=UNIT)
    table.attrs["unit"] = unit
    table.attrs["units"] = units_of(table, unit, values)
    if values:
        table.attrs["value_unit"] = values
    return table


def _with_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which columns of numbers and words for none (NaN, NA) are numbers; others stay text."""
    for place, kind in enumerate(table.dtypes):
        if kind.kind == "O":
            column = table.iloc[:, place]
            words = column.isna() | column.isin(_NO_NUMBER)
            numbers = pd.to_numeric(column.mask(words), errors="coerce")
            if not words.all() and numbers[~words].notna().all():
                table.isetitem(place, numbers.to_numpy())
    return table


def _frame(labels: xr.DataArray, image: xr.DataArray | None, t: int) -> Columns:
    """Measure the objects of one frame."""
    values = np.asarray(labels)[t, 0]  # (z, y, x)
    position, index, ids = shapes.number_pixels(values)
    count = np.bincount(index, minlength=len(ids)).astype(float)
    frame = np.full(len(ids), t + 1)
    columns: Columns = {"Label": ids, "Name": np.array(make_names(ids, frame), object), "Frame": frame}
    size_z, size_y, size_x = labels.attrs["pixel_size"]
    flat = len(values) == 1
    size = count * size_x * size_y * (1.0 if flat else size_z)
    columns["Area" if flat else "Volume"] = size
    if not flat:
        columns["Surface"] = shapes3d.surfaces(values, ids, (size_z, size_y, size_x))
    if image is not None:
        pixels = (grey_values.calibrated(channel.ravel()[position], image.attrs) for channel in np.asarray(image)[t])
        columns |= _all_intensities(pixels, image.sizes["c"], index, count, size)
    runs = shapes.runs(position, index, values.shape)
    columns |= _places(runs, count, (size_z, size_y, size_x), flat)
    if flat:
        columns |= _outline_shapes(values[0], ids, runs, count, (size_y, size_x))
    return columns


def _all_intensities(
    channels: Iterable[NDArray[Any]], several: int, index: NDArray[np.intp], count: NDArray[Any], size: NDArray[Any]
) -> Columns:
    """Return the intensity columns of each of several channels, of which the pixels of all objects are given."""
    columns: Columns = {}
    for number, channel in enumerate(channels, 1):
        suffix = f"_C{number}" if several > 1 else ""
        for name, column in _intensities(channel.astype(float), index, count):
            columns[name + suffix] = column
        columns["IntDen" + suffix] = size * columns["Mean" + suffix]
    return columns


def _intensities(
    values: NDArray[np.float64], index: NDArray[np.intp], count: NDArray[Any]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield Mean, StdDev, Min and Max of the grey values of each object."""
    n = len(count)
    mean = np.bincount(index, values, n) / count
    yield "Mean", mean
    squares = np.bincount(index, (values - mean[index]) ** 2, n)
    yield "StdDev", np.sqrt(squares / np.maximum(count - 1, 1))
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, index, values)
    np.maximum.at(high, index, values)
    yield "Min", low
    yield "Max", high


def _places(runs: shapes.Runs, count: NDArray[Any], size: tuple[float, float, float], flat: bool) -> Columns:
    """Return centroids and bounding boxes in units."""
    z, y, x = shapes.centroids(runs, count)
    box = shapes.boxes(runs, len(count))
    size_z, size_y, size_x = size
    columns: Columns = {"X": x * size_x, "Y": y * size_y}
    if not flat:
        columns["Z"] = z * size_z
    columns |= {"BX": box.x0 * size_x, "BY": box.y0 * size_y}
    if not flat:
        columns["BZ"] = box.z0 * size_z
    columns |= {"Width": (box.x1 - box.x0) * size_x, "Height": (box.y1 - box.y0) * size_y}
    if not flat:
        columns["Depth"] = (box.z1 - box.z0) * size_z
    return columns


def _outline_shapes(
    plane: NDArray[np.int32],
    ids: NDArray[np.int32],
    runs: shapes.Runs,
    count: NDArray[Any],
    size: tuple[float, float],
) -> Columns:
    """Return what the outline and the fitted ellipse of each object say."""
    size_y, size_x = size
    area = count * size_x * size_y
    perimeter = shapes.perimeters(plane, ids, size_y, size_x)
    major, minor, angle = shapes.ellipses(runs, count, size_y, size_x)
    return {
        "Perim.": perimeter,
        "Major": major,
        "Minor": minor,
        "Angle": angle,
        "Circ.": np.minimum(4 * np.pi * area / perimeter**2, 1.0),
        "AR": major / minor,
        "Round": 4 * area / (np.pi * major**2),
        "Solidity": count / shapes.convex_areas(runs, len(ids)),
    }


def _with_extra(table: pd.DataFrame, extra: pd.DataFrame) -> pd.DataFrame:
    """Join the columns of `extra` that the table does not have."""
    keys = [key for key in ("Label", "Frame") if key in extra.columns]
    if "Label" not in keys or ("Frame" not in keys and table["Frame"].nunique() > 1):
        raise BadInput(f"Found the columns {list(extra.columns)}; expected Label and Frame to join them by.")
    new = [column for column in extra.columns if column not in table.columns]
    return table.merge(extra[keys + new], on=keys, how="left", validate="m:1")


def units_of(table: pd.DataFrame, unit: str, values: str = "") -> Mapping[str, str]:
    """Return the unit of each column that has one; `values`: that of intensities."""
    units = {name: unit for name in _LENGTHS if name in table.columns}
    units |= {str(name): values for name in table.columns if values and _INTENSITY.match(str(name))}
    units |= {
        name: unit + power
        for name, power in (("Area", "²"), ("Surface", "²"), ("Volume", "³"))
        if name in table.columns
    }
    return {**units, **({"Angle": "°"} if "Angle" in table.columns else {})}


def shown_unit(table: pd.DataFrame) -> str | None:
    """Return what ImageJ's table of results shows as the unit of rows: of lengths, then of calibrated intensities."""
    unit, values = table.attrs.get("unit"), table.attrs.get("value_unit")
    return ", ".join(filter(None, (unit, values))) or None


def _sizes(image: xr.DataArray) -> str:
    """Return the sizes of an image in words."""
    return " x ".join(f"{dim} {image.sizes[dim]}" for dim in "tzyx")
