"""Tables cross between ImageJ and pandas with every value, text and unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from talanoa.core.errors import BadInput
from talanoa.fiji.bridge.convert_table import from_results_table, to_results_table

pytestmark = pytest.mark.usefixtures("imagej")


def table() -> pd.DataFrame:
    made = pd.DataFrame(
        {
            "Label": [1, 2, 300],
            "Name": ["T0001_L00001", "", "12"],
            "Area": [1.5, np.nan, 1 / 3],
            "X": [np.inf, -1e-12, 1e300],
            "Touches": [True, False, True],
        }
    )
    made.attrs["units"] = {"Area": "µm²", "X": "µm"}
    return made


def new_results() -> Any:
    import jpype

    return jpype.JClass("ij.measure.ResultsTable")()


@pytest.mark.parametrize("units", [False, True])
def test_there_and_back(units: bool) -> None:
    expected = table()
    found = from_results_table(to_results_table(expected, units_in_headings=units))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)
    assert found.attrs.get("units", {}) == (expected.attrs["units"] if units else {})


def test_imagej_shows_the_values_under_the_headings_of_the_table() -> None:
    rt = to_results_table(table())
    assert rt.size() == 3
    assert [str(heading) for heading in rt.getHeadings()] == list(table().columns)
    assert rt.getValue("Area", 2) == 1 / 3
    assert str(rt.getStringValue("Name", 0)) == "T0001_L00001"


def test_units_may_stand_in_the_headings() -> None:
    rt = to_results_table(table(), units_in_headings=True)
    assert "Area [µm²]" in [str(heading) for heading in rt.getHeadings()]


def test_the_table_of_imagejs_own_measurements() -> None:
    rt = new_results()
    for row, (mean, text) in enumerate([(2.5, "cell"), (np.nan, "debris")]):
        rt.incrementCounter()
        rt.addLabel(f"image:{row}")
        rt.addValue("Mean", mean)
        rt.addValue("Kind", text)
    found = from_results_table(rt)
    expected = pd.DataFrame({"Label": ["image:0", "image:1"], "Mean": [2.5, np.nan], "Kind": ["cell", "debris"]})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_row_labels_beside_a_column_called_label() -> None:
    rt = to_results_table(pd.DataFrame({"Label": [7, 8]}))
    rt.setLabel("nucleus", 0)
    found = from_results_table(rt)
    assert found["Label"].tolist() == [7, 8] and found["Name"].tolist() == ["nucleus", ""]


def test_deleted_columns_are_left_out() -> None:
    rt = to_results_table(table())
    rt.deleteColumn("Area")
    assert "Area" not in from_results_table(rt).columns


def test_an_empty_table() -> None:
    assert to_results_table(table().iloc[:0]).size() == 0
    assert len(from_results_table(new_results())) == 0


def test_missing_numbers_and_texts_of_pandas() -> None:
    made = pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "text": pd.array(["a", None], dtype="string")})
    found = from_results_table(to_results_table(made))
    np.testing.assert_array_equal(found["n"], [1, np.nan])
    assert found["text"].tolist() == ["a", ""]


def test_doubled_names_are_refused() -> None:
    with pytest.raises(BadInput, match="each name once"):
        to_results_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_csv_that_imagej_saved(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rt = to_results_table(table())
    rt.setPrecision(9)
    assert rt.save(str(path))
    found = pd.read_csv(path)
    np.testing.assert_allclose(found["Area"], table()["Area"], atol=1e-9)
