"""The doors without a JVM: Python and the command line give the same labels, and fail with the same words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import talanoa
from helpers import tiny
from talanoa import cli
from talanoa import image as images
from talanoa.cli import codes

KEYS = [
    {},
    {"prob_thresh": 0.6, "nms_thresh": 0.3, "tiles": 4},
    {"scale": 1.5, "norm_low": 2, "norm_high": 99, "min_size": 120, "exclude_border": True, "background": "clip"},
]


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """An image file of discs."""
    path = tmp_path / "discs.tif"
    images.write(path, images.from_array(tiny.discs(3, size=160, count=20)[0], pixel_size=(1, 0.5, 0.5), unit="µm"))
    return path


@pytest.mark.parametrize("keys", KEYS)
def test_python_and_the_command_line_agree_bit_for_bit(keys: dict[str, object], discs: Path) -> None:
    out = discs.parent / "cli"
    words = [f"--{key.replace('_', '-')}={value}" for key, value in keys.items()]
    common = [str(discs), "--model", tiny.MODEL, "--device", "cpu", "--out", str(out)]
    assert cli.main(["segment", *common, *words]) == codes.OK
    found = talanoa.segment(talanoa.read(discs), tiny.MODEL, device="cpu", out=str(discs.parent / "python"), **keys)
    assert found.labels is not None and found.folder is not None and found.labels.max() > 5
    np.testing.assert_array_equal(images.read_labels(out / "labels.tif"), found.labels)
    for name in ("labels.tif", "measurements.csv", "rois.zip", "overlay.png"):
        assert (out / name).read_bytes() == (found.folder / name).read_bytes(), name
    first, second = (json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in (out, found.folder))
    assert first["labels_sha256"] == second["labels_sha256"] and first["image"] == second["image"]
    assert first["used"] == second["used"]


def test_arrays_paths_and_images_are_the_same_to_python(discs: Path) -> None:
    by_path = talanoa.segment(discs, tiny.MODEL)
    by_image = talanoa.segment(talanoa.read(discs), model=tiny.MODEL)
    by_array = talanoa.segment(tifffile.imread(discs), Path(tiny.MODEL))
    for found in (by_image, by_array):
        np.testing.assert_array_equal(by_path.labels, found.labels)
    assert by_path.table["Area"].equals(by_image.table["Area"])
    assert by_array.table.attrs["units"] != by_path.table.attrs["units"]


def test_a_python_call_raises_what_the_command_line_says(discs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(talanoa.BadInput) as raised:
        talanoa.segment(discs, tiny.MODEL, prob_tresh=0.5)
    assert cli.main(["segment", str(discs), "--model", tiny.MODEL, "--prob_tresh", "0.5"]) == codes.BAD
    assert capsys.readouterr().err.strip() == str(raised.value)


def test_what_python_cannot_take() -> None:
    with pytest.raises(talanoa.TalanoaError):
        talanoa.segment(np.zeros((2, 3, 4), np.uint8), tiny.MODEL)
    with pytest.raises(talanoa.TalanoaError, match="images is missing"):
        talanoa.train(targets="masks", name="cells")
    with pytest.raises(AttributeError, match="no attribute 'segmnt'"):
        _ = talanoa.segmnt  # type: ignore[attr-defined]


def test_rerun_from_python(discs: Path) -> None:
    found = talanoa.segment(discs, tiny.MODEL, out=str(discs.parent / "out"))
    assert found.folder is not None
    again = talanoa.rerun(found.folder)
    assert again.identical and again.differences == []
    np.testing.assert_array_equal(again.result.labels, found.labels)
