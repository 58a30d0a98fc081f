"""ImageJ's ResultsTable as pandas tables and back, whole columns at a time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.fiji.bridge import pixels

_WITH_UNIT = re.compile(r"^(?P<name>.+?) \[(?P<unit>[^\[\]]+)\]$")
_NO_VALUE = ("", "NaN", "null")


def to_results_table(table: pd.DataFrame, units_in_headings: bool = False) -> Any:
    """Copy a table into a new ResultsTable.

    Parameters
    ----------
    table : pandas.DataFrame
        Numbers (whole numbers, floats, truth values) become numbers, everything else text. The index is left out.
    units_in_headings : bool
        Write "Area [µm²]" instead of "Area", from `table.attrs["units"]`. Macros then have to ask for that name.

    Returns
    -------
    ij.measure.ResultsTable
        Not shown; `show("Results")` shows it.

    Raises
    ------
    BadInput
        Two columns have the same name.
    """
    import jpype

    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        raise BadInput(f"Found the columns {', '.join(names)}; expected each name once.")
    units = table.attrs.get("units", {}) if units_in_headings else {}
    rt = jpype.JClass("ij.measure.ResultsTable")(jpype.JClass("java.lang.Integer")(len(table)))
    rt.showRowNumbers(True)
    for position, name in enumerate(names):
        heading = f"{name} [{units[name]}]" if name in units else name
        _put_column(rt, heading, table.iloc[:, position])
    return rt


def from_results_table(rt: Any) -> pd.DataFrame:
    """Copy a ResultsTable into a table.

    Parameters
    ----------
    rt : ij.measure.ResultsTable
        ImageJ's own or anybody's.

    Returns
    -------
    pandas.DataFrame
        Columns of numbers are float64 (ImageJ knows no other), columns of text are strings. ImageJ's row labels are the
        column "Label", or "Name" where a column of numbers is called "Label". Headings such as "Area [µm²]" are split
        into name and `attrs["units"]`.
    """
    columns: dict[str, Any] = {}
    units: dict[str, str] = {}
    for index in range(rt.getLastColumn() + 1):
        if not rt.columnExists(index):
            continue
        heading = str(rt.getColumnHeading(index))
        parts = _WITH_UNIT.match(heading)
        name = parts["name"] if parts else heading
        if parts:
            units[name] = parts["unit"]
        columns[name] = _column(rt, index, heading)
    labels = _row_labels(rt)
    if labels is not None:
        columns = {"Name" if "Label" in columns else "Label": labels, **columns}
    table = pd.DataFrame(columns, index=pd.RangeIndex(rt.size()))
    if units:
        table.attrs["units"] = units
    return table


def _put_column(rt: Any, heading: str, column: pd.Series) -> None:
    """Write one column."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        rt.setValues(heading, pixels.to_java(values))
        return
    for row, value in enumerate(column):
        rt.setValue(heading, row, "" if pd.isna(value) else str(value))


def _column(rt: Any, index: int, heading: str) -> NDArray[Any] | list[str]:
    """Read one column: numbers, or text where ImageJ keeps text."""
    source = rt.getColumnAsDoubles(index)
    numbers = np.empty(len(source), np.float64)
    pixels.from_java(source, numbers)
    missing = np.isnan(numbers)
    if not missing.any():
        return numbers
    texts = [str(rt.getStringValue(index, row)) for row in np.flatnonzero(missing).tolist()]
    if all(text in _NO_VALUE for text in texts):
        return numbers
    return [str(rt.getStringValue(index, row)) for row in range(len(numbers))]


def _row_labels(rt: Any) -> list[str] | None:
    """Return ImageJ's row labels, None when there are none."""
    labels = [rt.getLabel(row) for row in range(rt.size())]
    if all(label is None for label in labels):
        return None
    return ["" if label is None else str(label) for label in labels]
