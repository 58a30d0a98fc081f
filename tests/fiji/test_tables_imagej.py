"""Our measurements against those that ImageJ's own Analyze > Measure takes on the same ROIs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray

from talanoa import image, rois
from talanoa.fiji.bridge.convert import to_dataarray, to_imageplus
from talanoa.fiji.setup.runtime import Runtime
from talanoa.measure import tables

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


def measured_by_imagej(java: SimpleNamespace, labels: xr.DataArray, imp: Any) -> pd.DataFrame:
    """Put every ROI on the image, measure, and return ImageJ's table."""
    wanted = ("AREA", "MEAN", "STD_DEV", "MIN_MAX", "CENTROID", "PERIMETER", "RECT", "ELLIPSE", "SHAPE_DESCRIPTORS")
    flags = sum(getattr(java.Measurements, name) for name in (*wanted, "INTEGRATED_DENSITY"))
    table = java.ResultsTable()
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
    ours, theirs = tables.measure(labels, grey), measured_by_imagej(java, labels, to_imageplus(grey))
    for column in COLUMNS:
        tolerance = {"rtol": LOOSE.get(column, 1e-9), "atol": 1e-9}
        np.testing.assert_allclose(ours[column], theirs[column], err_msg=column, **tolerance)


FUNCTIONS = {  # of ij.measure.Calibration, with the coefficients of a function that rises
    "STRAIGHT_LINE": [10.0, 2.0],
    "POLY2": [1.0, 0.1, 0.003],
    "POLY3": [1.0, 0.1, 0.003, 2e-5],
    "POLY4": [1.0, 0.1, 0.003, 2e-5, 1e-8],
    "EXPONENTIAL": [2.0, 1e-4],
    "POWER": [0.3, 1.2],
    "LOG": [2.0, 1.5],
    "RODBARD": [0.1, 1.1, 300.0, 40.0],
    "GAMMA_VARIATE": [3.0, 2.0, 1.5, 9000.0],
    "LOG2": [1.0, 2.0, -1.0],
    "RODBARD2": [-5.0, 1.2, 20.0, 70000.0],
    "EXP_WITH_OFFSET": [-3.0, 0.001, 5.0],
    "GAUSSIAN": [1.0, 50.0, 60000.0, 40000.0],
    "EXP_RECOVERY": [7.0, 0.002, 0.5],
}
INTENSITIES = ("Mean", "StdDev", "Min", "Max", "IntDen")


def calibrated_imp(name: str, dtype: type, seed: int = 7) -> Any:
    """Return an open image with a density calibration."""
    import jpype

    highest = np.iinfo(dtype).max
    values = np.random.default_rng(seed).integers(0, highest // 2, (60, 60)).astype(dtype)
    imp = to_imageplus(image.from_array(values, pixel_size=(0.25, 0.25), unit="um"))
    calibration = jpype.JClass("ij.measure.Calibration")
    imp.getCalibration().setFunction(
        getattr(calibration, name), jpype.JArray(jpype.JDouble)(FUNCTIONS[name]), "photons"
    )
    return imp


def saved(imp: Any, path: Path) -> xr.DataArray:
    """Return an open image as ImageJ's own TIFF is read."""
    import jpype

    assert jpype.JClass("ij.io.FileSaver")(imp).saveAsTiff(str(path))
    return image.read(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["STRAIGHT_LINE", "POLY3"])
def test_intensities_are_in_the_unit_of_the_density_calibration(
    java: SimpleNamespace, name: str, dtype: type, tmp_path: Path
) -> None:
    imp, labels = calibrated_imp(name, dtype), image.from_array(speckles(np.random.default_rng(3)))
    labels.attrs |= {"pixel_size": (1.0, 0.25, 0.25), "unit": "µm"}
    opened, file = to_dataarray(imp), saved(imp, tmp_path / "calibrated.tif")
    ours, theirs = tables.measure(labels, opened), measured_by_imagej(java, labels, imp)
    raw = tables.measure(labels, image.from_array(opened.values, "tczyx"))
    pd.testing.assert_frame_equal(tables.measure(labels, file), ours)
    for column in INTENSITIES:
        np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-9, err_msg=column)
        assert not np.allclose(ours[column], raw[column])
    assert ours.attrs["units"]["Mean"] == "photons" and "Mean" not in raw.attrs["units"]
    assert tables.shown_unit(ours) == "µm, photons"
    for read in (opened, file):
        (note,) = read.attrs["notes"]
        assert "(photons): tables give intensities in this unit" in note


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions_in_files_have_imagejs_values(name: str, dtype: type, tmp_path: Path, imagej: Runtime) -> None:
    imp = calibrated_imp(name, dtype)
    found, theirs = saved(imp, tmp_path / "calibrated.tif"), np.array(imp.getCalibration().getCTable())
    assert len(np.unique(theirs)) > 100
    np.testing.assert_allclose(found.attrs["grey_values"].table, theirs, rtol=1e-6, atol=1e-30)
    np.testing.assert_array_equal(to_dataarray(imp).attrs["grey_values"].table, theirs)


@pytest.mark.parametrize("inverted", [False, True])
def test_optical_densities_and_values_below_0_are_imagejs(inverted: bool, tmp_path: Path, imagej: Runtime) -> None:
    import jpype

    imp, calibration = calibrated_imp("POLY2", np.uint8), jpype.JClass("ij.measure.Calibration")
    line = jpype.JArray(jpype.JDouble)([-40.0, 1.0])
    imp.getCalibration().setFunction(calibration.STRAIGHT_LINE, line, "counts", True)
    clipped = saved(imp, tmp_path / "clipped.tif").attrs["grey_values"]
    np.testing.assert_array_equal(clipped.table, np.array(imp.getCalibration().getCTable()))
    assert clipped.table[0] == 0.0 and clipped.unit == "counts"
    if inverted:
        imp.setLut(imp.getProcessor().getLut().createInvertedLut())
    dense = calibration(imp)
    dense.setFunction(calibration.UNCALIBRATED_OD, None, "Uncalibrated OD")
    imp.setCalibration(dense)
    found = saved(imp, tmp_path / "dense.tif").attrs["grey_values"]
    opened = jpype.JClass("ij.IJ").openImage(str(tmp_path / "dense.tif"))
    np.testing.assert_allclose(found.table, np.array(opened.getCalibration().getCTable()), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(found.table, np.array(imp.getCalibration().getCTable()), rtol=1e-6, atol=1e-30)


def test_a_table_of_ones_own_is_taken_and_32_bit_and_signed_images_have_none(imagej: Runtime) -> None:
    import jpype

    imp = calibrated_imp("POLY2", np.uint8)
    own = np.random.default_rng(1).random(256).astype(np.float32)
    imp.getCalibration().setCTable(jpype.JArray(jpype.JFloat)(own), "own")
    assert to_dataarray(imp).attrs["grey_values"].unit == "own"
    np.testing.assert_array_equal(to_dataarray(imp).attrs["grey_values"].table, own)
    for dtype in (np.float32, np.int16):
        plain = to_imageplus(image.from_array(np.ones((5, 5), dtype)))
        if dtype is np.float32:
            plain.getCalibration().setFunction(0, jpype.JArray(jpype.JDouble)([0.0, 2.0]), "photons")
        assert not {"grey_values", "notes"} & set(to_dataarray(plain).attrs)
