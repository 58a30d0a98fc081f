"""Files between ImageJ and Python: what one writes, the other opens with the same values, axes and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from talanoa import image
from talanoa.fiji.bridge.convert import to_dataarray
from talanoa.image.lut import glasbey

CALIBRATED = {"pixel_size": (2.0, 0.25, 0.25), "unit": "um"}
CASES = {
    "hyperstack": ((2, 3, 4, 8, 9), "uint16", {**CALIBRATED, "frame_interval": 3.5, "channel_names": ("A", "B", "C")}),
    "bytes": ((1, 1, 1, 8, 9), "uint8", {"pixel_size": (1.0, 0.5, 0.25), "unit": "nm"}),
    "signed": ((1, 1, 3, 8, 9), "int16", CALIBRATED),
    "float movie": ((5, 1, 1, 8, 9), "float32", {**CALIBRATED, "frame_interval": 0.25}),
    "two channels": ((1, 2, 1, 8, 9), "uint8", {}),
    "colour": ((1, 3, 1, 8, 9), "uint8", {"rgb": True, "pixel_size": (1.0, 0.25, 0.25), "unit": "um"}),
    "colour stack": ((1, 3, 5, 8, 9), "uint8", {"rgb": True}),
}


def make(case: str) -> xr.DataArray:
    """Return a seeded image."""
    shape, dtype, attrs = CASES[case]
    values = np.random.default_rng(42).uniform(-100 if dtype == "int16" else 0, 250, shape).astype(dtype)
    return image.from_array(values, "tczyx", **attrs)


def assert_same(found: xr.DataArray, expected: xr.DataArray) -> None:
    """Compare values, dtype and calibration."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert found.attrs["pixel_size"] == pytest.approx(expected.attrs["pixel_size"], rel=1e-6)
    for key in ("unit", "frame_interval", "rgb", "channel_names"):
        assert found.attrs[key] == expected.attrs[key], key


@pytest.mark.parametrize("case", CASES)
def test_imagej_opens_our_tiff_and_we_open_its_copy(ij: Any, tmp_path: Path, case: str) -> None:
    expected = make(case)
    ours = image.write(tmp_path / "ours.tif", expected)
    imp = ij.openImage(str(ours))
    assert_same(to_dataarray(imp), expected)
    theirs = tmp_path / "theirs.tif"
    assert ij.saveAsTiff(imp, str(theirs))
    assert_same(image.read(theirs), expected)


@pytest.mark.parametrize(("largest", "depth"), [(300, 16), (70_000, 32)])
@pytest.mark.parametrize("frames", [1, 3])
def test_imagej_shows_our_labels_in_label_colours(
    ij: Any, tmp_path: Path, largest: int, depth: int, frames: int
) -> None:
    values = np.zeros((frames, 8, 9), np.int32)
    values[:, 2, 3] = largest
    imp = ij.openImage(str(image.write_labels(tmp_path / "labels.tif", image.from_array(values, "tyx"))))
    assert imp.getBitDepth() == depth
    assert (imp.getDisplayRangeMin(), imp.getDisplayRangeMax()) == (0, largest)
    found = to_dataarray(imp)
    np.testing.assert_array_equal(np.asarray(found)[:, 0, 0], values)
    np.testing.assert_array_equal(found.attrs["luts"][0], glasbey())


def test_an_inverting_table_does_not_invert_values(ij: Any, tmp_path: Path) -> None:
    expected = make("bytes")
    imp = ij.openImage(str(image.write(tmp_path / "plain.tif", expected)))
    imp.getProcessor().invertLut()
    ij.saveAsTiff(imp, str(tmp_path / "inverted.tif"))
    np.testing.assert_array_equal(np.asarray(image.read(tmp_path / "inverted.tif")), np.asarray(expected))
