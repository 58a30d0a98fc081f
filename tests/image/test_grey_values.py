"""A calibration of grey values in a file (ImageJ's density calibration): what is measured in it, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from talanoa import image, tasks
from talanoa.core.host import QuietHost
from talanoa.measure import tables

LINE: dict[str, Any] = {"cf": 0, "c0": 10.0, "c1": 2.0, "vunit": "photons"}
TABLES_IN_PHOTONS = "density calibration (photons): tables give intensities in this unit"


def written(folder: Path, pixels: np.ndarray | None = None, **lines: Any) -> Path:
    """Write the discs as an ImageJ file whose description has some lines."""
    folder.mkdir(exist_ok=True)
    pixels = tiny.discs(100)[0] if pixels is None else pixels
    tifffile.imwrite(folder / "discs.tif", pixels, imagej=True, metadata=lines)
    return folder / "discs.tif"


def segment(path: Path, **keys: Any) -> dict[str, Any]:
    reply = tasks.run({"task": "segment", "model": tiny.MODEL, "image": str(path), **keys}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    return reply


def assert_in_photons(found: Any, raw: Any) -> None:
    """The rows are those of the raw image, but for their intensities."""
    for name in ("Mean", "Min", "Max"):
        np.testing.assert_allclose(found[name], 10 + 2 * raw[name])
    np.testing.assert_allclose(found["StdDev"], 2 * raw["StdDev"])
    np.testing.assert_allclose(found["IntDen"], found["Area"] * found["Mean"])
    same = [name for name in raw.columns if name not in ("Mean", "StdDev", "Min", "Max", "IntDen")]
    assert found[same].equals(raw[same]) and list(found.columns) == list(raw.columns)


def test_the_table_is_in_the_calibrated_unit_and_the_network_gets_the_pixels(tmp_path: Path) -> None:
    raw, found = segment(written(tmp_path / "raw")), segment(written(tmp_path / "calibrated", **LINE))
    np.testing.assert_array_equal(found["labels"].values, raw["labels"].values)
    assert len(raw["table"]) and found["record"]["image"]["sha256"] == raw["record"]["image"]["sha256"]
    assert_in_photons(found["table"], raw["table"])
    assert "grey_values" not in found["labels"].attrs
    assert any(TABLES_IN_PHOTONS in text for text in found["record"]["warnings"])
    assert found["record"]["image"]["grey_values"]["unit"] == "photons"
    assert "grey_values" not in raw["record"]["image"]


def test_blocks_measure_and_filter_in_the_same_unit(tmp_path: Path) -> None:
    raw = segment(written(tmp_path / "raw"), block=64, out=str(tmp_path / "raw out"))
    path = written(tmp_path / "calibrated", **LINE)
    found = segment(path, block=64, out=str(tmp_path / "out"))
    assert_in_photons(found["table"], raw["table"])
    record = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert record["units"]["Mean"] == "photons" and record["image"]["grey_values"]["unit"] == "photons"
    limit = float(found["table"]["Mean"].max())  # above every raw mean
    for keys in ({}, {"block": 64, "out": str(tmp_path / "filtered")}):
        assert len(segment(path, min_intensity=limit - 1e-3, **keys)["table"]) == 1


def test_a_rerun_gives_the_same_table_or_says_that_the_calibration_differs(tmp_path: Path) -> None:
    path, out = written(tmp_path / "calibrated", **LINE), tmp_path / "out"
    first = segment(path, out=str(out))
    again = tasks.run({"task": "rerun", "result": str(out)}, QuietHost())
    assert again["identical"] and again["table"].equals(first["table"])
    assert not any("calibration" in line for line in again["differences"])
    written(tmp_path / "calibrated")
    other = tasks.run({"task": "rerun", "result": str(out)}, QuietHost())
    assert other["identical"]
    (line,) = [line for line in other["differences"] if "calibration" in line]
    assert "(photons, now none)" in line


@pytest.mark.parametrize(
    ("dtype", "lines"),
    [
        (np.uint16, {**LINE, "cf": 21}),  # ImageJ has optical densities of 8 bit alone
        (np.uint8, {**LINE, "cf": 3}),  # and this function needs five coefficients
    ],
)
def test_a_calibration_that_cannot_be_computed_is_said(dtype: type, lines: dict[str, Any], tmp_path: Path) -> None:
    found = image.read(written(tmp_path, np.ones((9, 9), dtype), **lines))
    (note,) = found.attrs["notes"]
    assert "density calibration (photons)" in note and note.endswith("the raw pixel values were taken")
    assert "grey_values" not in found.attrs


@pytest.mark.parametrize(
    ("dtype", "lines"),
    [
        (np.float32, LINE),
        (np.uint8, {"cf": 0, "c0": 10.0, "c1": 2.0}),  # ImageJ needs the unit
        (np.uint8, {**LINE, "cf": 22}),  # a table, which the file does not hold: ImageJ takes the pixel values
        (np.uint16, {**LINE, "c0": -32768.0, "c1": 1.0}),
    ],
)
def test_where_imagej_measures_the_pixel_values_so_does_talanoa(
    dtype: type, lines: dict[str, Any], tmp_path: Path
) -> None:
    found = image.read(written(tmp_path, np.ones((9, 9), dtype), **lines))
    assert "notes" not in found.attrs and "grey_values" not in found.attrs


def test_an_image_of_another_type_loses_the_calibration(tmp_path: Path) -> None:
    found = image.read(written(tmp_path, **LINE))
    assert "grey_values" in image.check(found).attrs and "grey_values" in found.isel(t=[0]).attrs
    other = found.astype(np.float32, keep_attrs=True)
    assert "grey_values" not in image.check(other).attrs
    labels = found.copy(data=(found.values > 0).astype(np.int32))
    np.testing.assert_allclose(tables.measure(labels, other)["Max"], other.values.max())
