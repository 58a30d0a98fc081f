"""Our measurements against those that ImageJ's own Analyze > Measure takes on the same ROIs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray

from talanoa import image, rois, tables
from talanoa.fiji.convert import to_imageplus
from talanoa.fiji.runtime import Runtime

COLUMNS = (
    *("Area", "Mean", "StdDev", "Min", "Max", "IntDen", "X", "Y", "BX", "BY", "Width", "Height", "Perim.", "Circ."),
    *("Major", "Minor", "Angle", "AR", "Round", "Solidity"),
)
LOOSE = {"Major": 1e-3, "Minor": 1e-3, "Angle": 0.1, "AR": 1e-3, "Round": 1e-3}  # ImageJ's fit ends earlier


@pytest.fixture(scope="module")
def java(imagej: Runtime) -> SimpleNamespace:
    """The classes that the tests need."""
    import jpype

    names = ("ij.plugin.filter.Analyzer", "ij.measure.ResultsTable", "ij.measure.Measurements", "ij.io.RoiDecoder")
    return SimpleNamespace(**{name.split(".")[-1]: jpype.JClass(name) for name in names})


def measured_by_imagej(java: SimpleNamespace, labels: xr.DataArray, grey: xr.DataArray) -> pd.DataFrame:
    """Put every ROI on the image, measure, and return ImageJ's table."""
    wanted = ("AREA", "MEAN", "STD_DEV", "MIN_MAX", "CENTROID", "PERIMETER", "RECT", "ELLIPSE", "SHAPE_DESCRIPTORS")
    flags = sum(getattr(java.Measurements, name) for name in (*wanted, "INTEGRATED_DENSITY"))
    imp, table = to_imageplus(grey), java.ResultsTable()
    analyzer = java.Analyzer(imp, flags, table)
    outlines = rois.from_labels(labels)
    data, start = rois.encode(outlines)
    for index, name in enumerate(outlines.names):
        imp.setRoi(java.RoiDecoder.openFromByteArray(data[start[index] : start[index + 1]].tobytes()))
        assert imp.getRoi() is not None, name
        analyzer.measure()
    rows = range(table.size())
    return pd.DataFrame({column: [float(table.getValue(column, row)) for row in rows] for column in COLUMNS})


def blobs(rng: np.random.Generator) -> NDArray[np.int32]:
    """Return ellipses that cover each other: convex and concave objects."""
    rows, columns = np.mgrid[:128, :128]
    labels = np.zeros((128, 128), np.int32)
    for number in range(1, 41):
        (y, x), (a, b), turn = rng.integers(0, 128, 2), rng.uniform(1, 14, 2), rng.uniform(0, np.pi)
        u = (rows - y) * np.cos(turn) + (columns - x) * np.sin(turn)
        v = (columns - x) * np.cos(turn) - (rows - y) * np.sin(turn)
        labels[(u / a) ** 2 + (v / b) ** 2 < 1] = number
    return labels


def speckles(rng: np.random.Generator) -> NDArray[np.int32]:
    """Return objects of many parts with many holes."""
    blocks = np.arange(1, 37).reshape(6, 6).repeat(10, 0).repeat(10, 1)
    return np.where(rng.random(blocks.shape) < 0.5, blocks, 0).astype(np.int32)


def plain_shapes(_: np.random.Generator) -> NDArray[np.int32]:
    """Return one pixel, lines, a rectangle, a staircase and a ring."""
    labels = np.zeros((40, 60), np.int32)
    labels[1, 1] = 1
    labels[4, 2:20] = 2
    labels[8:30, 3] = 3
    labels[8:14, 10:30] = 4
    labels[20:32, 10:22] = 5 * np.tri(12, dtype=np.int32)
    rows, columns = np.mgrid[:40, :60]
    distance = np.hypot(rows - 25, columns - 44)
    labels[(distance < 12) & (distance > 6)] = 6
    return labels


@pytest.mark.parametrize("make", [blobs, speckles, plain_shapes])
def test_every_column_is_imagejs(java: SimpleNamespace, make: object) -> None:
    rng = np.random.default_rng(42)
    values = make(rng)  # type: ignore[operator]
    labels = image.from_array(values, pixel_size=(0.25, 0.25), unit="um")
    grey = image.from_array(rng.integers(0, 4000, values.shape).astype(np.uint16), pixel_size=(0.25, 0.25), unit="um")
    ours, theirs = tables.measure(labels, grey), measured_by_imagej(java, labels, grey)
    for column in COLUMNS:
        tolerance = {"rtol": LOOSE.get(column, 1e-9), "atol": 1e-9}
        np.testing.assert_allclose(ours[column], theirs[column], err_msg=column, **tolerance)
