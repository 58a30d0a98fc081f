"""Rerun: the record of a result is enough to make the same labels again, and what differs is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import tiny
from talanoa import image as images
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.core.record import read_record


def perform(**request: Any) -> tasks.Reply:
    """Run a task that has to succeed."""
    reply = tasks.run(request, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    return reply


def segment(folder: Path, **keys: Any) -> Path:
    """Segment two frames of discs from a file into folder/out and return it."""
    movie = np.stack([tiny.discs(seed, size=128)[0] for seed in (1, 2)])
    images.write(folder / "movie.tif", images.from_array(movie, "tyx", pixel_size=(1, 0.5, 0.5), unit="µm"))
    request = {"task": "segment", "image": str(folder / "movie.tif"), "model": tiny.MODEL, "device": "cpu"}
    return Path(perform(**{**request, "out": str(folder / "out"), **keys})["folder"])


def edit(out: Path, change: dict[str, Any]) -> None:
    """Change entries of a record."""
    record = json.loads((out / "result.json").read_text(encoding="utf-8"))
    (out / "result.json").write_text(json.dumps({**record, **change}), encoding="utf-8")


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"tiles": 4, "prob_thresh": 0.3, "frames": "2", "scale": 1.5, "norm_low": 2},
        {"background": "clip", "exclude_border": True, "min_size": 130, "outline": "star", "norm_high": 99},
    ],
)
def test_the_same_labels_again(keys: dict[str, Any], tmp_path: Path) -> None:
    out = segment(tmp_path, **keys)
    again = perform(task="rerun", result=str(out / "result.json"), out=str(tmp_path / "again"))
    assert again["identical"] and again["differences"] == []
    assert "identical bit for bit" in again["message"]
    first, second = (images.read_labels(folder / "labels.tif") for folder in (out, tmp_path / "again"))
    np.testing.assert_array_equal(first, second)
    assert (out / "rois.zip").read_bytes() == (tmp_path / "again" / "rois.zip").read_bytes()
    assert (out / "measurements.csv").read_bytes() == (tmp_path / "again" / "measurements.csv").read_bytes()


def test_what_was_filled_in_is_pinned_against_later_defaults(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny.MODEL, model)
    out = segment(tmp_path, model=str(model))
    record = json.loads((model / "model.json").read_text(encoding="utf-8"))
    changed = {**record, "thresholds": {"prob": 0.99, "nms": 0.1}}
    (model / "model.json").write_text(json.dumps(changed), encoding="utf-8")
    again = perform(task="rerun", result=str(out))
    assert again["identical"]
    (line,) = again["differences"]
    assert line.startswith("model: ") and "contents differ" in line


@pytest.mark.parametrize("backend, software", [("torch", "torch"), ("auto", "onnxruntime")])
def test_what_ran_the_network_is_pinned(tmp_path: Path, backend: str, software: str) -> None:
    out = segment(tmp_path, backend=backend)
    again = perform(task="rerun", result=str(out), out=str(tmp_path / "again"))
    record = json.loads((tmp_path / "again" / "result.json").read_text(encoding="utf-8"))
    assert again["identical"] and record["used"]["backend"].startswith(software)
    assert record["request"]["backend"] == ("onnx" if software == "onnxruntime" else "torch")


def test_a_selection_is_part_of_the_record(tmp_path: Path) -> None:
    pixels = images.from_array(tiny.discs(1)[0])
    images.write(tmp_path / "discs.tif", pixels)
    opened = images.read(tmp_path / "discs.tif")
    selection = np.zeros((96, 96), bool)
    selection[:, :50] = True
    request = {"task": "segment", "model": tiny.MODEL, "device": "cpu", "out": str(tmp_path / "out")}
    part = tasks.run(request, QuietHost(), opened, selection=selection)
    assert 0 < len(part["table"]) < 8
    assert perform(task="rerun", result=str(tmp_path / "out"))["identical"]


def test_another_image_is_said(tmp_path: Path) -> None:
    out = segment(tmp_path)
    (tmp_path / "movie.tif").unlink()
    missing = tasks.run({"task": "rerun", "result": str(out)}, QuietHost())
    assert missing["status"] == "error" and "set image=" in missing["message"]
    images.write(tmp_path / "other.tif", images.from_array(tiny.discs(5)[0]))
    again = perform(task="rerun", result=str(out), image=str(tmp_path / "other.tif"))
    assert not again["identical"] and "The labels differ" in again["message"]
    labels, image = again["differences"]
    assert (
        labels.startswith("labels: ")
        and image == "image: recorded uint16 t2 c1 z1 y128 x128, found uint16 t1 c1 z1 y96 x96"
    )


def test_a_moved_image_with_the_same_pixels_is_the_same(tmp_path: Path) -> None:
    out = segment(tmp_path)
    moved = (tmp_path / "movie.tif").rename(tmp_path / "moved.tif")
    again = perform(task="rerun", result=str(out), image=str(moved))
    assert again["identical"] and again["differences"] == []


def test_changed_pixels_and_versions_are_said(tmp_path: Path) -> None:
    out = segment(tmp_path)
    movie = images.read(tmp_path / "movie.tif")
    movie.values[0, 0, 0, 20:70, 20:70] = 5000
    images.write(tmp_path / "movie.tif", movie, overwrite=True)
    edit(out, {"versions": {**read_record(out)["versions"], "torch": "0.0.1"}})
    again = perform(task="rerun", result=str(out))
    assert "image: the pixels are not those of the record" in again["differences"]
    assert any(line.startswith("torch: recorded 0.0.1, now ") for line in again["differences"])
    assert "pixels differ" in again["differences"][0]


def test_a_lost_model_is_taken_from_the_copy_in_the_result(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny.MODEL, model)
    out = segment(tmp_path, model=str(model), copy_model=True)
    shutil.rmtree(model)
    again = perform(task="rerun", result=str(out))
    assert again["identical"] and again["differences"] == []
    shutil.rmtree(out / "model")
    lost = tasks.run({"task": "rerun", "result": str(out)}, QuietHost())
    assert lost["status"] == "error" and "recorded model model is not to be had" in lost["message"]


def test_a_device_that_is_not_here_is_said(tmp_path: Path) -> None:
    import torch

    out = segment(tmp_path)
    gone = "mps" if not torch.backends.mps.is_available() else "cuda"
    edit(out, {"used": {**read_record(out)["used"], "device": gone}})
    again = perform(task="rerun", result=str(out))
    assert f"device: recorded {gone}, which this machine does not have; run on cpu" in again["differences"]


def test_records_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    for path in (tmp_path, tmp_path / "result.json", tmp_path / "nowhere"):
        assert tasks.run({"task": "rerun", "result": str(path)}, QuietHost())["status"] == "error"
    out = segment(tmp_path)
    edit(out, {"task": "train"})
    other = tasks.run({"task": "rerun", "result": str(out)}, QuietHost())
    assert "records the task 'train'; expected a record of segment" in other["message"]
