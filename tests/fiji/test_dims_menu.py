"""The keys `dims` and `series` in macros: a file whose axes have no names, and one that holds several images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import tiny
from helpers.fiji.active import active, opened
from talanoa import image as images
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime

SEGMENT = "Segment Objects"
FRAMES = np.stack([tiny.discs(seed)[0] for seed in range(4)])


@pytest.fixture(scope="module")
def names(imagej: Runtime) -> list[str]:
    """Return the commands, installed."""
    return menu.install(imagej)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie whose file does not name its axes."""
    tifffile.imwrite(tmp_path / "movie.tif", FRAMES, photometric="minisblack")
    return tmp_path / "movie.tif"


def test_a_macro_names_the_axes_of_a_file(movie: Path, ij: Any, names: list[str]) -> None:
    ij.run(SEGMENT, f"model=[{tiny.MODEL}] image=[{movie}] dims=tyx rois=none device=cpu")
    expected = talanoa.segment(FRAMES, tiny.MODEL, dims="tyx", device="cpu")
    shown = convert.to_dataarray(active())
    assert shown.sizes["t"] == 4 and np.array_equal(shown.values, expected.labels.values)


def test_a_macro_names_the_image_of_a_file(tmp_path: Path, ij: Any, names: list[str]) -> None:
    with tifffile.TiffWriter(tmp_path / "several.tif") as out:
        for number in (1, 2):
            out.write(tiny.discs(number, 96 + 8 * number)[0], metadata=None)
    ij.run(SEGMENT, f"model=[{tiny.MODEL}] image=[{tmp_path / 'several.tif'}] series=2 rois=none device=cpu")
    assert active().getWidth() == 112


def test_an_open_image_is_corrected_in_imagej_as_the_message_says(movie: Path, ij: Any, names: list[str]) -> None:
    imp = opened(ij, movie)
    found = convert.to_dataarray(imp)
    reply = tasks.run({"task": "segment", "model": tiny.MODEL, "dims": "tyx"}, QuietHost(), found)
    assert reply["status"] == "error" and "Image > Properties" in reply["message"]
    imp.setDimensions(1, 1, 4)
    again = tasks.run({"task": "segment", "model": tiny.MODEL, "device": "cpu"}, QuietHost(), convert.to_dataarray(imp))
    assert again["status"] == "ok" and again["labels"].sizes["t"] == 4


def test_a_file_and_its_open_image_have_one_calibration(tmp_path: Path, ij: Any) -> None:
    text = "ImageJ=1.54p\nimages=4\nslices=4\nunit=\\u00B5m\nzunit=nm\nspacing=-500.0\nloop=false\n"
    written = {"description": text, "metadata": None, "resolution": (4, 4), "resolutionunit": "NONE"}
    tifffile.imwrite(tmp_path / "a.tif", FRAMES, photometric="minisblack", **written)
    of_file, of_window = images.read(tmp_path / "a.tif"), convert.to_dataarray(opened(ij, tmp_path / "a.tif"))
    for key in ("pixel_size", "unit", "frame_interval"):
        assert of_file.attrs[key] == of_window.attrs[key], key
    assert of_file.attrs["pixel_size"] == (0.5, 0.25, 0.25)
