"""Notes on an image (what its reader or ImageJ's conversion left out) reach the reply, the record and the summary."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.image.form import from_array

NOTE = "The image has a density calibration (photons); the raw pixel values were taken."
REQUESTS: tuple[dict[str, Any], ...] = (
    {"task": "segment", "model": tiny.MODEL},
    {"task": "restore", "model": "none"},
    {"task": "predict", "model": "none"},
    {"task": "train", "name": "none", "method": "care", "images": "no folder", "targets": "no folder"},
    {"task": "evaluate", "truth": "no folder", "images": "no folder", "prediction": "no folder"},
    {"task": "rois", "action": "from_labels"},
    {"task": "annotate", "action": "propose"},
)


def noted() -> Any:
    image = from_array(tiny.discs(100)[0], name="discs")
    image.attrs["notes"] = (NOTE,)
    return image


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each["task"])
def test_every_task_reports_the_notes_of_the_open_image(request_: dict[str, Any]) -> None:
    """Also where it fails afterwards: only the notes are looked at here."""
    assert NOTE in tasks.run(request_, QuietHost(), noted())["warnings"]


def test_the_record_and_a_kept_network_output_have_the_notes(tmp_path: Path) -> None:
    request = {"task": "segment", "model": tiny.MODEL}
    kept = tasks.run(request, QuietHost(), noted(), handle="")
    again = tasks.run({**request, "out": str(tmp_path / "out")}, QuietHost(), handle=kept["handle"])
    assert NOTE in kept["warnings"] and NOTE in again["warnings"]
    record = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert NOTE in record["warnings"]


def test_the_summary_of_a_folder_has_the_notes_of_each_image(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pixels = tiny.discs(100)[0]
    two_images(tmp_path / "in" / "two.tif", pixels)
    tifffile.imwrite(tmp_path / "in" / "one.tif", pixels)
    request = {"task": "segment", "model": tiny.MODEL, "image": str(tmp_path / "in"), "out": str(tmp_path / "out")}
    reply = tasks.run(request, QuietHost())
    message = dict(zip(reply["table"]["Image"], reply["table"]["Message"], strict=True))
    assert "the first was read" in message["two.tif"] and message["one.tif"] == ""
    assert "the first was read" in (tmp_path / "out" / "summary.csv").read_text(encoding="utf-8")
    assert any(text.startswith("two.tif: ") for text in reply["warnings"])


def two_images(path: Path, pixels: np.ndarray) -> None:
    """Write a file that holds two images."""
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, metadata=None)
        file.write(pixels[:50].astype(np.float32), metadata=None)


@pytest.mark.parametrize("task", ["train", "evaluate"])
def test_notes_on_files_of_a_folder_reach_the_reply(task: str, tmp_path: Path) -> None:
    keys = tiny.write_training_set(tmp_path, 4)
    for number in (1, 2):
        two_images(tmp_path / "images" / f"discs{number}.tif", tiny.discs(number)[0])
    if task == "train":
        request = {**keys, "name": "new", "dry_run": True, "device": "cpu", "patch": 64, "batch": 2, "steps": 1}
    else:
        found = shutil.copytree(keys["targets"], tmp_path / "found")
        request = {"images": keys["images"], "truth": keys["targets"], "prediction": str(found)}
        request["out"] = str(tmp_path / "out")
    reply = tasks.run({"task": task, **request}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    (note,) = [text for text in reply["warnings"] if "the first was read" in text]
    assert note.startswith("discs1.tif: ")
    if task == "evaluate":
        assert note in json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["warnings"]
