"""The windows of a training and of the Doctor in an ImageJ whose Python is a process beside it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from helpers import tiny
from helpers.worker.fiji import FijiProcess, until

pytestmark = pytest.mark.gui

TRAIN, WINDOW = "Train Model", "Training of mine"
SETTINGS = {
    "Name of the new model": "mine",
    "Epochs (empty: as the length says)": "20000",
    "Steps of an epoch": "2",
    "Start from model (empty: from scratch)": "tiny",
    "Patch side (pixels)": "64",
    "Patches in a step": "2",
    "Device": "cpu",
    "More settings of the method (a second dialog)": True,
}
OF_STARDIST = {"Rays": "16", "Grid (1, 2, 4)": "2"}
SECOND = f"{TRAIN}: stardist"
MASKS = "Folder of label images, or of clean images"
SHOWS_EPOCHS = f"titled({WINDOW!r}) is not None and 'epochs done' in text_of(titled({WINDOW!r}))"


def train(fiji: FijiProcess, **fields: Any) -> None:
    """Choose Train Model, fill the dialog, and wait until the window shows an epoch."""
    fiji.call("choose", TRAIN)
    fiji.wait(f"titled({TRAIN!r}, 'GenericDialog')", "the dialog is open")
    fiji.call("fill", TRAIN, fields)
    fiji.call("press", TRAIN, "OK", "GenericDialog")
    fiji.wait(f"titled({SECOND!r}, 'GenericDialog')", "the settings of the method are asked for")
    fiji.call("fill", SECOND, OF_STARDIST)
    fiji.call("press", SECOND, "OK", "GenericDialog")
    if MASKS in fields:  # a training that is resumed needs no look at the data
        fiji.wait("titled('Before the training') is not None", "examples and cost are shown")
        fiji.call("press", "Before the training", "Start the training")
    fiji.wait(SHOWS_EPOCHS, "the training's window shows an epoch")


def epochs(folder: Path) -> list[int]:
    """Return the epochs in a table of losses."""
    with (folder / "loss.csv").open(encoding="utf-8") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def test_a_training_in_the_worker_is_cancelled_resumed_and_ended_early(start: Any, tmp_path: Path) -> None:
    fiji = start()
    keys = tiny.write_training_set(tmp_path / "set")
    data = {"Dataset, or folder of images": keys["images"], MASKS: keys["targets"]}
    train(fiji, **SETTINGS, **data)
    fiji.wait(f"'Found after epoch' in text_of(titled({WINDOW!r}))", "a preview has come through the channel")
    fiji.call("press", WINDOW, "Cancel")
    said = fiji.message("how to go on")
    kept = epochs(fiji.home / "models" / "mine.training")
    assert f"{len(kept)} of 20000 epochs are done and kept" in said
    fiji.wait(f"titled({WINDOW!r}) is None", "the window is closed")
    train(fiji, **{"Go on with an interrupted training of this name": True})
    begun = fiji.home / "models" / "mine.training"
    until(lambda: len(epochs(begun)) > len(kept), "another epoch is done", describe=fiji.describe)
    fiji.call("press", WINDOW, "Stop now and keep the best")
    assert "stopped early" in fiji.message("the end")
    done = epochs(fiji.home / "models" / "mine")
    assert done == list(range(1, len(done) + 1)) and len(done) > len(kept)


def test_the_doctor_tells_of_the_worker(fiji: FijiProcess) -> None:
    fiji.call("choose", "Talanoa Doctor")
    fiji.wait("titled('Talanoa Doctor')", "the Doctor's window is open")
    fiji.run("from javax.swing import JTextArea")
    report = str(fiji.value("parts(titled('Talanoa Doctor'), (JTextArea,))[0].getText()"))
    assert f"Worker: process {fiji.worker().pid}," in report
    java = [line for line in report.splitlines() if line[6:].startswith("Java ")]
    assert len(java) == 1 and fiji.value("System.getProperty('java.version')") in java[0]
    fiji.call("press", "Talanoa Doctor", "Close")
    fiji.wait("titled('Talanoa Doctor') is None", "the window is closed")
