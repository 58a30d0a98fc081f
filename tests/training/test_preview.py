"""What is shown before a training starts, and how `quick` is fitted to the device."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers import tiny
from helpers.synthetic import write_pairs, write_stacks
from helpers.trained import request
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.models import folder as model_folder
from talanoa.segmentation.train import star_feed
from talanoa.tasks.recipes import prepare
from talanoa.training import estimate, loop, start

KEYS: dict[str, Any] = {"epochs": 4, "steps": 5, "patch": 32}


def dry_run(folder: Path, name: str, **keys: Any) -> dict[str, Any]:
    images, masks = write_pairs(folder, 4, size=64, count=4)
    given = request(images, masks, name, dry_run=True, **{**KEYS, **keys}).model_dump()
    return tasks.run({"task": "train", **given}, tiny.RecordingHost())


def test_the_parts_of_the_estimate_add_up(tmp_path: Path) -> None:
    reply = dry_run(tmp_path, "costly")
    assert reply["status"] == "ok", reply["message"]
    found = reply["estimate"]
    parts = found["parts"]
    assert min(parts["step"], parts["validation"], parts["end"]) > 0
    whole = parts["epochs"] * (parts["steps"] * parts["step"] + parts["validation"]) + parts["end"]
    assert found["seconds"] == pytest.approx(whole, rel=0.02, abs=0.1)
    assert (parts["epochs"], parts["steps"], found["at_most"]) == (4, 5, False)
    assert 50e6 < found["memory"] < 50e9 and found["free_memory"] > 0
    facts = found["facts"]
    assert (facts["images"], facts["objects"]) == (4, 16)
    assert (facts["training_images"], facts["validation_images"]) == (3, 1)
    assert 12 < facts["median_diameter"] < 22
    assert facts["objects_in_patch"] == pytest.approx(16 * 32**2 / (4 * 64**2), abs=0.06)
    assert "would take about" in reply["message"] and reply["warnings"]


def test_a_dry_run_shows_pictures_and_leaves_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "look.png"
    reply = dry_run(tmp_path / "set", "unborn", picture=str(picture))
    shown = reply["estimate"]["pictures"]
    assert set(shown) == {"pairs", "patches"}
    for text in shown.values():
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
        yellow = (np.abs(pixels.astype(int) - star_feed.OUTLINE).max(axis=-1) == 0).mean()
        assert 0.002 < yellow < 0.3
    assert Image.open(picture).height == sum(
        Image.open(io.BytesIO(base64.b64decode(text))).height for text in shown.values()
    )
    assert not list(model_folder.user_models().glob("unborn*"))
    again = dry_run(tmp_path / "again", "unborn", picture=str(picture))
    assert again["status"] == "error" and "look.png" in again["message"]


def test_a_picture_without_a_dry_run_is_refused(tmp_path: Path) -> None:
    reply = tasks.run({"task": "train", "images": "a", "name": "b", "picture": "c.png"}, QuietHost())
    assert "picture: found without dry_run" in reply["message"]


def test_a_dry_run_of_stacks(tmp_path: Path) -> None:
    images, masks = write_stacks(tmp_path, 2, shape=(16, 48, 48), count=3)
    keys = {"images": images, "targets": masks, "name": "deep", "device": "cpu", "dry_run": True, "n_rays": 16}
    small = {"depth": 1, "filters": 4, "patch": 32, "patch_z": 8, "batch": 1, "epochs": 2, "steps": 2}
    reply = tasks.run({"task": "train", **keys, **small}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    assert "8 x 32 x 32" in reply["message"] and reply["estimate"]["facts"]["objects"] == 6


def test_timing_changes_nothing_of_the_training(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    ready = prepare(request(images, masks, "timed", **KEYS), QuietHost())
    first = loop.start
    estimate.measure(ready, QuietHost())
    assert loop.start is first
    one = {key: value.clone() for key, value in start.start(ready, ready.device).net.state_dict().items()}
    estimate.measure(ready, QuietHost())
    other = start.start(ready, ready.device).net.state_dict()
    assert all((one[key] == other[key]).all() for key in one)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0.01, (12, 50, 4)),  # fast: all of it
        (1.2, (7, 50, 4)),  # 7 epochs of 60 s and the end within 480 s
        (4.0, (9, 50, 1)),  # the batch is halved twice, until a step takes a quarter
        (60.0, (1, 31, 1)),  # not even one epoch of single patches
    ],
)
def test_quick_is_made_to_fit_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, expected: tuple[int, int, int]
) -> None:
    def measured(ready: Any, host: Any) -> estimate.Pace:
        return estimate.Pace(step * ready.settings.batch / 4, 1.0, 10.0, 1, 3)

    monkeypatch.setattr(estimate, "measure", measured)
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    ready = prepare(request(images, masks, "quick", preset="quick", patch=32), QuietHost())
    assert (ready.settings.epochs, ready.settings.steps, ready.settings.batch) == expected
    assert measured(ready, None).seconds(ready.settings) <= estimate.LIMIT
    assert ready.request.epochs == expected[0]  # recorded, so that the command repeats this training
    fixed = prepare(request(images, masks, "quick", preset="quick", patch=32, epochs=5), QuietHost())
    assert (fixed.settings.epochs, fixed.settings.steps) == (5, 50)
