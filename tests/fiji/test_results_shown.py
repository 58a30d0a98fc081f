"""A second run on an image takes the place of the first; a table holds one kind of rows and one unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import tiny
from helpers.fiji.active import active
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.image.form import from_array

SEGMENT = "Segment Objects"
MODEL = f"model=[{tiny.MODEL}]"
OBJECTS = int(tiny.discs(100)[1].max())


@pytest.fixture(scope="module")
def commands(imagej: Runtime) -> list[str]:
    return menu.install(imagej)


@pytest.fixture
def table(commands: list[str]) -> Iterator[Any]:
    """Return ImageJ's Results, empty before and after."""
    import jpype

    results = jpype.JClass("ij.measure.ResultsTable").getResultsTable()
    results.reset()
    yield results
    results.reset()
    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)


def shown(title: str = "discs.tif", unit: str = "pixel", seed: int = 100, **about: Any) -> Any:
    """Make an image the active one."""
    import jpype

    imp = convert.to_imageplus(from_array(tiny.discs(seed)[0], unit=unit, **about), title)
    jpype.JClass("ij.WindowManager").setTempCurrentImage(imp)
    return imp


def column(table: Any, name: str) -> list[str]:
    return [str(table.getStringValue(name, row)) for row in range(table.size())]


def segment(ij: Any, imp: Any, keys: str = "") -> None:
    import jpype

    jpype.JClass("ij.WindowManager").setTempCurrentImage(imp)
    ij.run(SEGMENT, f"{MODEL} {keys}")


def own_roi(imp: Any) -> None:
    import jpype

    roi = jpype.JClass("ij.gui.Roi")(1, 2, 3, 4)
    roi.setName("mine")
    overlay = jpype.JClass("ij.gui.Overlay")()
    overlay.add(roi)
    imp.setOverlay(overlay)


def test_a_second_run_takes_the_place_of_the_first(ij: Any, table: Any) -> None:
    imp, other = shown(), shown("other.tif", seed=101)
    own_roi(imp)
    segment(ij, imp)
    segment(ij, other)
    first = set(column(table, "Run"))
    segment(ij, imp, "prob_thresh=0.6")
    objects = int(convert.to_dataarray(active()).values.max())
    names = [str(roi.getName()) for roi in imp.getOverlay().toArray()]
    assert names == ["mine", *(f"T0001_L{k:05d}" for k in range(1, objects + 1))]
    images = column(table, "Image")
    assert images == ["other.tif"] * (len(images) - objects) + ["discs.tif"] * objects
    assert len(first) == 2 and len(set(column(table, "Run")) - first) == 1
    labels = [float(table.getValue("Label", row)) for row in range(len(images) - objects, len(images))]
    assert labels == list(range(1, objects + 1))


def test_an_outline_that_was_corrected_stays(ij: Any, table: Any) -> None:
    imp = shown()
    segment(ij, imp)
    corrected = imp.getOverlay().get(2)
    place = corrected.getBounds()
    corrected.setLocation(float(place.x + 2), float(place.y))
    segment(ij, imp)
    overlay = imp.getOverlay()
    assert overlay.size() == OBJECTS + 1 and table.size() == OBJECTS
    assert overlay.contains(corrected)


def test_append_keeps_the_first_run(ij: Any, table: Any) -> None:
    imp = shown()
    segment(ij, imp)
    segment(ij, imp, "rois=append")
    assert imp.getOverlay().size() == table.size() == 2 * OBJECTS


def test_an_image_of_the_same_title_is_another_image(ij: Any, table: Any) -> None:
    segment(ij, shown())
    segment(ij, shown())
    assert table.size() == 2 * OBJECTS


def test_the_selection_stays(ij: Any, table: Any) -> None:
    imp = shown()
    imp.setRoi(0, 0, 90, 90)
    segment(ij, imp)
    assert str(imp.getRoi().getBounds().toString()).endswith("[x=0,y=0,width=90,height=90]")


def test_units_stand_in_the_table_and_are_not_mixed(ij: Any, table: Any, capfd: pytest.CaptureFixture[str]) -> None:
    segment(ij, shown(unit="um", pixel_size=(0.5, 0.5)))
    assert set(column(table, "Unit")) == {"µm"}
    areas = [float(table.getValue("Area", row)) for row in range(table.size())]
    segment(ij, shown("uncalibrated.tif"))
    assert set(column(table, "Unit")) == {"µm"} and table.size() == len(areas)
    assert "rows of objects were not added to the table Results" in capfd.readouterr().out


def test_rows_of_others_stay_as_they_are(ij: Any, table: Any) -> None:
    table.addRow()
    table.addLabel("theirs")
    table.addValue("Area", 3.0)
    segment(ij, shown())
    assert table.size() == 1 and "Name" not in [str(name) for name in table.getHeadings()]


def test_cells_that_a_row_lacks_are_nan_and_not_zero(ij: Any, table: Any) -> None:
    two = np.stack([tiny.discs(100)[0], tiny.discs(101)[0]])
    import jpype

    imp = convert.to_imageplus(from_array(two, "cyx"), "two channels")
    segment(ij, shown())
    segment(ij, imp, "channel=1")
    rows = range(table.size())
    mean, first = ([float(table.getValue(name, row)) for row in rows] for name in ("Mean", "Mean_C1"))
    assert np.isnan(first[:OBJECTS]).all() and np.isnan(mean[OBJECTS:]).all()
    assert np.isfinite(mean[:OBJECTS]).all() and np.isfinite(first[OBJECTS:]).all()
    jpype.JClass("ij.WindowManager").setTempCurrentImage(None)


def test_the_notes_of_the_conversion_are_in_the_log_and_the_record(
    ij: Any, table: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import jpype

    imp = shown()
    function = jpype.JClass("ij.measure.Calibration").STRAIGHT_LINE
    imp.getCalibration().setFunction(function, jpype.JArray(jpype.JDouble)([0.0, 2.0]), "photons")
    segment(ij, imp, f"out=[{(tmp_path / 'out').as_posix()}]")
    record = (tmp_path / "out" / "result.json").read_text(encoding="utf-8")
    note = "density calibration (photons)"
    assert note in capfd.readouterr().out and note in record
    assert set(column(table, "Unit")) == {"pixel, photons"}
    imp.setRoi(imp.getOverlay().get(0))
    assert float(table.getValue("Mean", 0)) == pytest.approx(float(imp.getStatistics().mean), rel=1e-12)
