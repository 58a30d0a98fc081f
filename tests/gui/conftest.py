"""A display of its own for every scenario (Xvfb and a window manager), a tiny model and images, and a player."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import tiny
from screen import display

TESTS = Path(__file__).resolve().parent.parent
SECONDS = 900

Play = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a trained tiny model (home/models/tiny), images and a training set with ROI zips."""
    from talanoa import image, rois

    folder = tmp_path_factory.mktemp("kit")
    shutil.copytree(tiny.MODEL, folder / "home" / "models" / "tiny")
    pixels, _ = tiny.discs(100)
    tifffile.imwrite(folder / "discs.tif", pixels)
    tifffile.imwrite(folder / "large.tif", np.tile(pixels, (24, 24)))
    (folder / "set" / "images").mkdir(parents=True)
    (folder / "set" / "rois").mkdir()
    for number in range(6):
        pixels, labels = tiny.discs(number)
        tifffile.imwrite(folder / "set" / "images" / f"discs{number}.tif", pixels)
        outlines = rois.from_labels(image.from_array(labels.astype(np.int32)))
        rois.write_zip(folder / "set" / "rois" / f"discs{number}.zip", outlines)
    return folder


@pytest.fixture
def play(kit: Path, tmp_path: Path) -> Play:
    """Return a function (scenario, environment) that plays it in a process and returns what it saw."""
    for program in ("Xvfb", "openbox"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    work = tmp_path / "work"
    shutil.copytree(kit, work)

    def played(scenario: str, **environment: str) -> dict[str, Any]:
        with display() as name:
            paths = os.pathsep.join([str(TESTS.parent / "python"), str(TESTS)])
            env = {
                **os.environ,
                **environment,
                "DISPLAY": name,
                "PYTHONPATH": paths,
                "TALANOA_HOME": str(work / "home"),
            }
            command = [sys.executable, "-m", "gui.scenarios", scenario, str(work)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}\nscreen: {work / 'screen.png'}"
        return {**json.loads((work / "seen.json").read_text(encoding="utf-8")), "work": work}

    return played
