"""Processes that end before their time: the worker, ImageJ, and both ends of a training."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import psutil
import pytest

from helpers import tiny
from helpers.worker.fiji import until
from helpers.worker.looks import SEGMENT, begin, labels_of, quick, working

pytestmark = pytest.mark.gui


def gone(processes: list[psutil.Process], fiji: Any) -> None:
    """Wait until processes have ended."""
    until(lambda: not any(one.is_running() for one in processes), f"{processes} have ended", 30, fiji.log)


def test_a_worker_killed_in_mid_job_is_told_and_replaced(fiji: Any, kit: Path, expected: Any) -> None:
    begin(fiji, kit)
    worker = fiji.worker()
    worker.kill()
    text = fiji.refused(SEGMENT)
    assert "worker" in text and "log" in text
    seen = fiji.call("seen")
    assert (seen["images"], seen["rois"], seen["rows"]) == (["large.tif"], 0, 0)
    fiji.wait(f"titled({SEGMENT!r}) is None", "the progress window is closed")
    fiji.call("close")
    quick(fiji, kit, expected)
    assert fiji.worker() != worker


def test_a_worker_killed_between_jobs_is_replaced_without_a_word(fiji: Any, kit: Path, expected: Any) -> None:
    quick(fiji, kit, expected)
    fiji.worker().kill()
    quick(fiji, kit, expected)
    assert fiji.call("seen")["message"] is None


def test_a_macro_ends_when_its_worker_is_killed(fiji: Any, kit: Path) -> None:
    fiji.call("show", (kit / "large.tif").as_posix())
    running = fiji.send(call="macro", args=[f'run("{SEGMENT}", "model=tiny"); print("after");'])
    working(fiji)
    fiji.worker().kill()
    running.result(60)
    log = fiji.call("log")
    assert "worker" in log and "after" not in log.splitlines()


def test_training_goes_on_from_the_menu_after_its_worker_was_killed(start: Any, kit: Path, tmp_path: Path) -> None:
    fiji = start()
    keys = tiny.write_training_set(tmp_path / "set")
    given = (
        f"images=[{keys['images']}] targets=[{keys['targets']}] name=mine epochs=4 steps=8 patch=64 batch=2 "
        "n_rays=16 grid=2 depth=2 filters=8 device=cpu validation=0.2"
    )
    running = fiji.send(call="macro", args=[f'run("Train StarDist", "{given}");'])
    until(lambda: epochs(fiji) >= 2, "two epochs are done", 120, fiji.describe)
    fiji.worker().kill()
    running.result(60)
    assert "Go on with an interrupted training" in fiji.call("log")
    before = epochs(fiji)
    assert before >= 2
    fiji.call("macro", f'run("Train StarDist", "{given} resume=true");')
    assert (fiji.home / "models" / "mine" / "model.json").is_file(), fiji.describe()
    with (fiji.home / "models" / "mine" / "loss.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    fiji.call("show", (kit / "discs.tif").as_posix())
    fiji.call("macro", f'run("{SEGMENT}", "model=mine device=cpu rois=none");')
    labels_of(fiji)


def epochs(fiji: Any) -> int:
    """Return how many epochs the training has written down."""
    files = list((fiji.home / "models").rglob("loss.csv"))
    kept = [file for file in files if "tiny" not in file.parts]
    return max((len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in kept), default=0)


def test_a_killed_imagej_takes_its_worker_along(start: Any, kit: Path) -> None:
    fiji = start()
    begin(fiji, kit)
    left = fiji.children()
    assert left
    fiji.kill()
    gone(left, fiji)


def test_imagej_killed_while_pixels_travel(start: Any, kit: Path, expected: Any) -> None:
    fiji = start()
    quick(fiji, kit, expected)
    fiji.call("show", (kit / "large.tif").as_posix())
    fiji.send(call="macro", args=[f'run("{SEGMENT}", "model=tiny rois=none");'])
    left = fiji.children()
    fiji.kill()
    gone(left, fiji)


def test_quitting_ends_the_worker(start: Any, kit: Path, expected: Any) -> None:
    fiji = start()
    quick(fiji, kit, expected)
    left = fiji.children()
    fiji.send(code="IJ.getInstance().quit()")
    until(lambda: fiji.process.poll() is not None, "ImageJ has ended", 30, fiji.log)
    gone(left, fiji)


def test_two_at_once_have_a_worker_each(start: Any, kit: Path, expected: Any) -> None:
    one, two = start("one"), start("two")
    for fiji in (one, two):
        fiji.call("show", (kit / "large.tif").as_posix())
    running = [fiji.send(call="macro", args=[f'run("{SEGMENT}", "model=tiny rois=none");']) for fiji in (one, two)]
    for job in running:
        job.result(120)
    found = [labels_of(fiji, "large.tif labels") for fiji in (one, two)]
    assert (found[0] == found[1]).all() and found[0].max() > 1000
    assert one.worker() != two.worker()
    one.kill()
    two.call("close")
    quick(two, kit, expected)
