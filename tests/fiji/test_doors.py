"""The doors inside ImageJ, without a window: the Java Function, macros and recorded lines give the labels of Python.

The command line is compared with Python in tests/api/test_doors.py, the menu in tests/gui.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import talanoa
from helpers import tiny
from talanoa import image as images
from talanoa.fiji import menu
from talanoa.fiji.bridge import convert
from talanoa.fiji.setup.runtime import Runtime
from talanoa.models import folder as model_folder

KEYS = [
    {"prob_thresh": 0.6, "nms_thresh": 0.3},
    {"scale": 1.5, "norm_low": 2.0, "norm_high": 99.0, "min_size": 120, "exclude_border": True, "background": "clip"},
    {"tiles": 4, "outline": "star"},
]


@pytest.fixture(scope="module")
def commands(imagej: Runtime) -> Iterator[list[str]]:
    """Our commands in this ImageJ, and the model `doors` to run them with."""
    folder = model_folder.user_models() / "doors"
    shutil.copytree(tiny.MODEL, folder)
    yield menu.install(imagej)
    shutil.rmtree(folder)


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """An image file of discs, calibrated."""
    path = tmp_path / "discs.tif"
    pixels = tiny.discs(3, size=160, count=20)[0]
    images.write(path, images.from_array(pixels, pixel_size=(1, 0.5, 0.5), unit="µm"))
    return path


def options(keys: dict[str, Any], **more: Any) -> str:
    """Write keys as a macro does; a switch that is on is a word alone."""
    given = {"model": "doors", "device": "cpu", **keys, **more}
    return " ".join(key if value is True else f"{key}={value}" for key, value in given.items())


@pytest.mark.parametrize("keys", KEYS)
def test_a_macro_gives_the_labels_of_python(keys: dict[str, Any], discs: Path, ij: Any, commands: list[str]) -> None:
    out = discs.parent / "macro"
    imp = ij.openImage(str(discs))
    ij.run(imp, "Segment Objects", options(keys, out=f"[{out}]"))
    found = talanoa.segment(discs, "doors", device="cpu", out=str(discs.parent / "python"), **keys)
    assert found.labels is not None and found.folder is not None and found.labels.max() > 5
    np.testing.assert_array_equal(images.read_labels(out / "labels.tif"), found.labels)
    for name in ("measurements.csv", "rois.zip"):
        assert (out / name).read_bytes() == (found.folder / name).read_bytes(), name
    assert talanoa.rerun(out, image=str(discs)).identical


def test_the_open_image_is_the_file_to_a_rerun(discs: Path, ij: Any, commands: list[str]) -> None:
    opened = convert.to_dataarray(ij.openImage(str(discs)))
    np.testing.assert_array_equal(opened, images.read(discs))
    assert opened.dtype == images.read(discs).dtype
