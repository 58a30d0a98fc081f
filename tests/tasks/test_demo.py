"""The demo as a new user runs it: a process of its own, the shipped model, and nothing but its output to go by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from talanoa import image
from talanoa.cli import demo
from talanoa.core import record
from talanoa.measure import tables
from talanoa.measure.metrics.matching import match_images
from talanoa.rois import files
from talanoa.tasks.sample import shipped


def test_a_free_folder_is_taken_and_none_reused(tmp_path: Path) -> None:
    taken = [demo.free_folder(tmp_path)]
    taken[0].mkdir()
    taken.append(demo.free_folder(tmp_path))
    taken[1].mkdir()
    taken.append(demo.free_folder(tmp_path))
    assert [folder.name for folder in taken] == ["talanoa_demo", "talanoa_demo-2", "talanoa_demo-3"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demo where there is no display and return what it said and its folder."""
    work = tmp_path_factory.mktemp("demo")
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-m", "talanoa", "demo", *(() if sys.platform == "linux" else ("--headless",))],
        cwd=work,
        env={**environment, "TALANOA_PREFS": str(work / "preferences")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, work / "talanoa_demo"


def test_demo_says_java_and_where_the_results_are(shown: tuple[str, Path]) -> None:
    said, folder = shown
    assert "runs on Java" in said
    assert str(folder) in said
    for file in folder.iterdir():
        assert f"  {file.name}" in said


def test_demo_leaves_results_that_agree_with_each_other_and_with_people(shown: tuple[str, Path]) -> None:
    _, folder = shown
    labels = image.read_labels(folder / "labels.tif").values[0, 0, 0]
    objects = int(labels.max())
    assert record.read_record(folder)["objects"] == objects
    assert len(tables.read_csv(folder / "measurements.csv")) == objects
    assert len(files.read_zip(folder / "rois.zip").rois) == objects
    assert (folder / "overlay.png").stat().st_size > 10_000
    truth = image.read_labels(shipped.path("nuclei_mask")).values[0, 0, 0]
    assert match_images([(truth, labels)], (0.5,))[0.5].f1 > 0.8
