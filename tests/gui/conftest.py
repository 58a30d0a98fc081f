"""A display of its own for every scenario (Xvfb and a window manager), a tiny model and images, and a player."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import tiny
from helpers.screen import display

TESTS = Path(__file__).resolve().parent.parent
SECONDS = 900
TOOLKIT = "sun.awt.X11"  # in the trace of an error inside Java's own windows, which are not under test

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
    tries = itertools.count(1)

    def played(scenario: str, **environment: str) -> dict[str, Any]:
        work = tmp_path / f"work{next(tries)}"
        shutil.copytree(kit, work)
        done = _process(scenario, work, environment)
        if done.returncode and TOOLKIT in done.stderr and not list(tmp_path.glob("work2*")):
            warnings.warn(f"{scenario} is played again, Java's toolkit failed:\n{done.stderr[-3000:]}", stacklevel=2)
            return played(scenario, **environment)
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}\nscreen: {work / 'screen.png'}"
        return {**json.loads((work / "seen.json").read_text(encoding="utf-8")), "work": work}

    return played


def _process(scenario: str, work: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Play a scenario in a process and on a display of its own."""
    with display() as name:
        paths = os.pathsep.join([str(TESTS.parent / "python"), str(TESTS)])
        own = {"DISPLAY": name, "PYTHONPATH": paths, "TALANOA_HOME": str(work / "home")}
        command = [sys.executable, "-m", "helpers.gui.scenarios", scenario, str(work)]
        env = {**os.environ, **environment, **own}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
