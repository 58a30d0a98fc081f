"""Values, ROIs and tables as Java has them: maps, lists, and a few primitive arrays instead of thousands of objects."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.fiji.bridge import pixels

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.rois.roi_set import RoiSet


def roi_arrays(rois: RoiSet) -> dict[str, NDArray[Any]]:
    """Return ROIs as a few arrays for `talanoa_fiji.rois.unpack`.

    Returns
    -------
    dict
        x, y (int32 when all outlines are traced, else float32), path_start, roi_start, position (int32); group (int32)
        where a ROI has one.
    """
    kind = np.int32 if rois.traced else np.float32
    arrays = {
        "x": rois.xy[:, 0].astype(kind),
        "y": rois.xy[:, 1].astype(kind),
        "path_start": rois.path_start.astype(np.int32),
        "roi_start": rois.roi_start.astype(np.int32),
        "position": rois.position.astype(np.int32).ravel(),
    }
    if rois.group.any():
        arrays["group"] = rois.group.astype(np.int32)
    return {key: np.ascontiguousarray(values) for key, values in arrays.items()}


def table_columns(table: pd.DataFrame) -> list[NDArray[np.float64] | list[str]]:
    """Return the columns of a table as ImageJ has them: numbers or text."""
    columns: list[NDArray[np.float64] | list[str]] = []
    for name in table.columns:
        values = table[name]
        if values.dtype.kind in "biuf":
            columns.append(np.ascontiguousarray(values.to_numpy(np.float64)))
        else:
            columns.append([str(value) for value in values])
    return columns


def pack_rois(rois: RoiSet) -> Any:
    """Pack ROIs for `talanoa_fiji.rois.unpack`.

    Returns
    -------
    java.util.Map
        What `roi_arrays` makes as Java arrays, names (String[]), traced (Boolean).
    """
    import jpype

    java = jpype.JClass("java.util.HashMap")()
    for key, values in roi_arrays(rois).items():
        java.put(key, pixels.to_java(values))
    java.put("names", jpype.JArray(jpype.JString)(list(rois.names)))
    java.put("traced", jpype.JBoolean(rois.traced))
    return java


def unpack_rois(packed: Any) -> tuple[list[bytes], list[str]]:
    """Return what `talanoa_fiji.rois.pack` packed: each ROI in ImageJ's own file format, and the names."""
    data = bytes(packed.get("bytes"))
    start = [int(value) for value in packed.get("start")]
    pieces = [data[first:last] for first, last in itertools.pairwise(start)]
    return pieces, [str(name) for name in packed.get("names")]


def pack_table(table: pd.DataFrame) -> Any:
    """Pack a table for ImageJ's Results.

    Returns
    -------
    java.util.Map
        headings (String[]), columns (list of double[] or String[]), unit (see `tables.shown_unit`).
    """
    import jpype

    from talanoa.measure.tables import shown_unit

    text = jpype.JArray(jpype.JString)
    java, columns = jpype.JClass("java.util.HashMap")(), jpype.JClass("java.util.ArrayList")()
    for values in table_columns(table):
        columns.add(text(values) if isinstance(values, list) else pixels.to_java(values))
    java.put("headings", text([str(name) for name in table.columns]))
    java.put("columns", columns)
    java.put("unit", shown_unit(table))
    return java


def plain(value: Any) -> Any:
    """Return a Java or numpy value as a plain Python one: text, number, bool, None, list, dict."""
    import jpype

    if value is None or (isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins"):
        return value
    if isinstance(value, (jpype.JClass("java.lang.Boolean"), np.bool_)):
        return bool(value)
    if isinstance(value, (jpype.JClass("java.lang.Double"), jpype.JClass("java.lang.Float"), np.floating)):
        return float(value)
    if isinstance(value, (jpype.JClass("java.lang.Number"), np.integer)):
        return int(value)
    if isinstance(value, (Mapping, jpype.JClass("java.util.Map"))):
        return {str(key): plain(value[key]) for key in value}
    if isinstance(value, (list, tuple, jpype.JClass("java.util.List"))):
        return [plain(one) for one in value]
    return str(value)


def to_java(value: Any) -> Any:
    """Return a plain Python value as Java has it: maps are java.util.HashMap, lists java.util.ArrayList."""
    import jpype

    if isinstance(value, Mapping):
        java = jpype.JClass("java.util.HashMap")()
        for key, one in value.items():
            java.put(str(key), to_java(one))
        return java
    if isinstance(value, (list, tuple)):
        java = jpype.JClass("java.util.ArrayList")()
        for one in value:
            java.add(to_java(one))
        return java
    if isinstance(value, bool):
        return jpype.JClass("java.lang.Boolean")(value)
    if isinstance(value, int):
        return jpype.JClass("java.lang.Integer" if abs(value) < 2**31 else "java.lang.Long")(value)
    if isinstance(value, float):
        return jpype.JClass("java.lang.Double")(value)
    return value
