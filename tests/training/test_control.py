"""Who looks on at a training and who ends it: early end, cancelling, previews, a killed process."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import tiny
from helpers.synthetic import write_pairs
from helpers.trained import request
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.models import folder
from talanoa.segmentation.train import star_feed
from talanoa.segmentation.train.annotated import Annotated
from talanoa.tasks.recipes import train
from talanoa.training import loop, observers, table

KEYS: dict[str, Any] = {"epochs": 4, "steps": 3, "patch": 32}


class Person(tiny.RecordingHost):
    """Looks on, and presses a button (`stop` or `finish`) when a step's number is reached."""

    def __init__(self, button: str = "", step: int = 0, wanted: tuple[str, ...] = ("preview",)) -> None:
        super().__init__(wanted=wanted)
        self.button, self.step = button, step

    def progress(self, done: float, total: float, text: str) -> None:
        super().progress(done, total, text)
        if self.button and text.startswith("Training") and done == self.step:
            setattr(self, self.button, True)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [payload for each, payload in self.events if each == kind]


def losses(path: Path) -> list[list[float]]:
    return [[row[key] for key in ("epoch", "loss", "val_loss", "lr")] for row in table.read_losses(path)]


def test_an_early_end_keeps_the_best_complete_epoch(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    host = Person("finish", step=8)
    reply = train(request(images, masks, "early", **KEYS), host)
    assert sum(step.startswith("Training") for step in host.steps) == 8  # not one step after the wish
    assert host.steps[-1] == "Choosing thresholds"
    whole = train(request(images, masks, "not early", **KEYS), QuietHost())
    assert losses(reply.losses) == losses(whole.losses)[:2]
    assert reply.early is not None and (reply.early.epochs, reply.early.planned, reply.early.steps) == (2, 4, 0)
    best = min(table.read_losses(reply.losses), key=lambda row: row["val_loss"])
    assert reply.best_epoch == best["epoch"]
    record = folder.load("early").training
    assert record["stopped_early"]["epochs"] == 2 and record["epochs_run"] == 2
    report = (reply.model_folder / "report.md").read_text(encoding="utf-8")
    assert f"stopped early, after epoch 2 of 4 ({record['stopped_early']['when']})" in report
    assert not reply.model_folder.with_name("early.training").exists()


def test_before_any_epoch_is_complete_what_there_is_counts(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    keys = request(images, masks, "very early", **KEYS).model_dump()
    reply = tasks.run({"task": "train", **keys}, Person("finish", step=2))
    assert reply["status"] == "ok"
    assert "stopped early, after 2 steps: before the first of 4 epochs was complete" in reply["message"]
    assert [row[0] for row in losses(Path(reply["losses"]))] == [1]
    assert folder.load("very early").training["stopped_early"]["steps"] == 2


def test_a_wish_in_the_last_step_changes_nothing(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    reply = train(request(images, masks, "late", **KEYS), Person("finish", step=12))
    assert reply.early is None and len(losses(reply.losses)) == 4
    assert "stopped_early" not in folder.load("late").training


def test_a_cancelled_training_says_how_to_go_on(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    keys = {"task": "train", **request(images, masks, "cancelled", **KEYS).model_dump()}
    reply = tasks.run(keys, Person("stop", step=7))
    assert reply["status"] == "cancelled"
    assert "2 of 4 epochs are done and kept" in reply["message"] and "resume=true" in reply["message"]
    host = Person(wanted=("history",))
    gone_on = tasks.run({**keys, "resume": True}, host)
    assert gone_on["status"] == "ok" and len(losses(Path(gone_on["losses"]))) == 4
    (history,) = host.of("history")
    assert history["rows"] == [row[:3] for row in losses(Path(gone_on["losses"]))[:2]]
    assert [row["epoch"] for row in host.of("epoch")] == [3, 4]


def test_a_training_cancelled_in_its_first_epoch_leaves_nothing(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    keys = {"task": "train", **request(images, masks, "nothing", **KEYS).model_dump()}
    reply = tasks.run(keys, Person("stop", step=2))
    assert reply["status"] == "cancelled" and "nothing is kept" in reply["message"]
    assert not list(folder.user_models().glob("nothing*"))


def test_rows_tell_the_best_epoch_and_the_time_left(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    host = Person(wanted=())
    train(request(images, masks, "told", **KEYS), host)
    rows = host.of("epoch")
    assert [(row["epoch"], row["epochs"]) for row in rows] == [(k, 4) for k in (1, 2, 3, 4)]
    for number, row in enumerate(rows, start=1):
        best = min(rows[:number], key=lambda each: each["val_loss"])
        assert row["best_epoch"] == best["epoch"]
        seconds = np.median([each["seconds"] for each in rows[:number]])
        assert row["left"] == round((4 - number) * seconds)
    assert not host.of("preview")


def picture(text: str) -> Image.Image:
    """Return a picture that travelled as text."""
    return Image.open(io.BytesIO(base64.b64decode(text)))


def outlined(text: str) -> np.ndarray:
    """Return True where a picture of outlines is not transparent."""
    return np.asarray(picture(text).convert("RGBA"))[:, :, 3] > 0


def test_previews_show_the_prediction_and_do_not_touch_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "EVERY", 1e6)
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    host = Person()
    quiet = train(request(images, masks, "unseen", **KEYS), QuietHost())
    watched = train(request(images, masks, "seen", **KEYS), host)
    assert losses(quiet.losses) == losses(watched.losses)
    one, other = (folder.load(reply.name).network().state_dict() for reply in (quiet, watched))
    assert all(torch.equal(one[key], other[key]) for key in one)
    shown = host.of("preview")
    assert [each["epoch"] for each in shown] == [1, 4]  # one at once, one at the end, between them not before EVERY
    last = json.loads(json.dumps(shown[-1]))
    (name,) = folder.load("seen").training["validation_images"]
    assert last["name"] == name and last["truth_objects"] == 4
    assert picture(last["image"]).size == (64, 64)
    assert outlined(last["truth"]).any()
    assert outlined(last["found"]).any() == (last["objects"] > 0)


def test_a_preview_stays_small_whatever_it_shows() -> None:
    random = np.random.default_rng(0)
    noise = random.random((1, 900, 1200), np.float32)
    labels = random.integers(0, 2, (900, 1200)).astype(np.int32)
    part = star_feed.busiest_part(Annotated("noise", noise, labels))
    assert part.labels.shape == star_feed.SIDES[2]
    assert len(json.dumps(star_feed.preview(part, part.labels))) < 300_000


def test_the_part_shown_is_where_the_objects_are() -> None:
    labels = np.zeros((1000, 500), np.int32)
    labels[900:930, 20:40], labels[940:960, 60:90] = 1, 2
    image = np.arange(labels.size, dtype=np.float32).reshape(1, *labels.shape)
    part = star_feed.busiest_part(Annotated("corner", image, labels))
    assert part.labels.shape == (384, 384) and set(np.unique(part.labels)) == {0, 1, 2}
    assert np.array_equal(part.image[0], image[0, 616:, :384])
    seen = star_feed.preview(part, np.where(part.labels == 1, 7, 0))
    assert (seen["truth_objects"], seen["objects"]) == (2, 1)
    ring = outlined(seen["found"])
    assert ring[900 - 616, 20] and not ring[910 - 616, 30]


def test_of_a_stack_the_middle_slice_is_shown() -> None:
    labels = np.zeros((40, 200, 100), np.int32)
    labels[18:24, 150:170, 20:40], labels[5:7, 150:160, 60:70] = 1, 2
    image = np.repeat(np.linspace(0, 1, 40, dtype=np.float32), 200 * 100).reshape(1, *labels.shape)
    part = star_feed.busiest_part(Annotated("stack", image, labels))
    assert part.labels.shape == (32, 128, 100)
    seen = star_feed.preview(part, part.labels)
    assert picture(seen["image"]).size == (100, 128)
    first = int(np.flatnonzero(image[0, :, 0, 0] == part.image[0, 0, 0, 0])[0])
    assert seen["truth_objects"] == seen["objects"] == np.count_nonzero(np.unique(labels[first + 16]))


def wait_for(process: subprocess.Popen[str], ready: Callable[[str], bool]) -> list[str]:
    """Read what a process writes until a line is `ready`."""
    assert process.stderr is not None
    read = []
    for line in process.stderr:
        read.append(line)
        if ready(line):
            return read
    raise AssertionError(f"the training ended before: {''.join(read)}")


def environment() -> Mapping[str, str]:
    """Return the environment of a process with this package and these models."""
    python = Path(tasks.__file__).parent.parent.parent
    return {**os.environ, "PYTHONPATH": str(python), "TALANOA_HOME": str(folder.user_models().parent)}


def test_a_killed_training_loses_the_current_epoch_only(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path, 3, size=64, count=4)
    keys = {**KEYS, "epochs": 6}
    given = request(images, masks, "killed", **keys).model_dump(exclude_unset=True, exclude={"resume"})
    words = [f"--{key.replace('_', '-')}={value}" for key, value in given.items()]
    command = [sys.executable, "-m", "talanoa", "train", *words]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        wait_for(process, lambda line: line.startswith("epoch 2"))
    finally:
        process.kill()
        process.wait(60)
        process.stderr.close()  # type: ignore[union-attr]
    assert process.returncode != 0
    work = folder.user_models() / "killed.training"
    before = losses(work / loop.LOSSES)
    assert 2 <= len(before) < 6
    reply = train(request(images, masks, "killed", **keys, resume=True), QuietHost())
    whole = train(request(images, masks, "not killed", **keys), QuietHost())
    assert losses(reply.losses)[: len(before)] == before
    assert np.allclose(losses(reply.losses), losses(whole.losses), rtol=1e-4)
