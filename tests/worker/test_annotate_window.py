"""The window of the annotation in an ImageJ whose Python is a process beside it: both may die, no outline does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tifffile

from helpers import tiny
from helpers.worker.fiji import FijiProcess
from talanoa import tasks
from talanoa.core.host import QuietHost
from talanoa.segmentation.dataset.folder import open_dataset

pytestmark = pytest.mark.gui

ANNOTATE, WINDOW, DISCS = "Annotate Images", "Annotate set", 8
IN_WINDOW = f"text_of(titled({WINDOW!r}))"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a dataset of two images."""
    (tmp_path / "raw").mkdir()
    for number in range(2):
        tifffile.imwrite(tmp_path / "raw" / f"discs{number}.tif", tiny.discs(number)[0])
    folder = tmp_path / "set"
    for action, keys in (("new", {}), ("pick", {"source": str(tmp_path / "raw")})):
        reply = tasks.run({"task": "annotate", "action": action, "dataset": str(folder), **keys}, QuietHost())
        assert reply["status"] == "ok", reply["message"]
    return folder


def begin(fiji: FijiProcess, dataset: Path) -> None:
    """Choose Annotate, name the dataset, and wait for the panel."""
    fiji.call("choose", ANNOTATE)
    fiji.wait(f"titled({ANNOTATE!r})", "the first window is open")
    fiji.run("from javax.swing import JRadioButton, JTextField")
    fiji.run(f"parts(titled({ANNOTATE!r}), (JRadioButton,))[0].setSelected(True)")
    fiji.run(f"parts(titled({ANNOTATE!r}), (JTextField,))[0].setText({dataset.as_posix()!r})")
    fiji.call("press", ANNOTATE, "Next")
    fiji.wait(f"titled({WINDOW!r})", "the panel is open")
    fiji.wait("images()", "an image is open")


def test_outlines_survive_the_end_of_imagej_and_of_the_worker(start: Any, dataset: Path) -> None:
    fiji = start("first")
    begin(fiji, dataset)
    fiji.wait(f"' proposed' in {IN_WINDOW}", "outlines are proposed")
    fiji.call("press", WINDOW, "Propose (P)")
    fiji.wait(f"len(roi_names()) == {DISCS}", "they are in the ROI Manager")
    fiji.wait(f"'autosaved' in {IN_WINDOW}", "they are autosaved")
    fiji.kill()
    again = start("second")
    begin(again, dataset)
    again.wait("titled('Annotate Images', 'YesNoCancelDialog')", "it is asked whether to restore")
    again.call("press", ANNOTATE, "Restore", "YesNoCancelDialog")
    again.wait(f"len(roi_names()) == {DISCS}", "they are back")
    again.worker().kill()
    again.call("press", WINDOW, "Save and next (S)")
    again.wait(f"'1 of 2 done' in {IN_WINDOW}", "they are saved, by a new worker")
    saved = open_dataset(dataset).annotated()
    assert [entry.objects for entry in saved] == [DISCS]
    again.wait("images() == ['discs1.tif']", "the next image is open")
    again.wait(f"' proposed' in {IN_WINDOW}", "its outlines are proposed, and no job runs any more")
