"""Separate Java processes with ImageJ for the tests of the worker, and what each must leave behind: nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile

import talanoa
from helpers import tiny
from helpers.worker.fiji import FijiProcess, until
from talanoa.core import resources
from talanoa.fiji.setup import install

SHARED = Path("/dev/shm")
GONE_WITHIN = 30.0  # seconds
CACHES = ("torchinductor_",)  # PyTorch keeps compiled code there, for the next process

Start = Callable[..., FijiProcess]


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tiny model in home/models, a small image and a large one."""
    folder = tmp_path_factory.mktemp("kit")
    shutil.copytree(tiny.MODEL, folder / "home" / "models" / "tiny")
    pixels, _ = tiny.discs(100)
    tifffile.imwrite(folder / "discs.tif", pixels)
    tifffile.imwrite(folder / "large.tif", np.tile(pixels, (40, 40)))
    return folder


@pytest.fixture(scope="session")
def expected(kit: Path) -> Any:
    """Return what Python alone makes of the small image."""
    return talanoa.segment(kit / "discs.tif", str(kit / "home" / "models" / "tiny"), device="cpu")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return where the menu comes from: a copy of the Fiji that TALANOA_FIJI names, with Talanoa installed.

    Without one: the scripts, which the bootstrap makes a menu of, with the note that this Python works for them.
    """
    place = tmp_path_factory.mktemp("installed") / "fiji für µ"
    if os.environ.get("TALANOA_FIJI"):
        shutil.copytree(os.environ["TALANOA_FIJI"], place, symlinks=True)
        install.install(place)
        return {"folder": place}
    shutil.copytree(resources.fiji_scripts(), place, ignore=shutil.ignore_patterns("*.class"))
    note = {"python": sys.executable, "talanoa": talanoa.__version__, "jars": [], "scripts": "../..", "version": 1}
    (place / "lib" / "talanoa_fiji" / "installation.json").write_text(json.dumps(note), encoding="utf-8")
    return {"scripts": place}


@contextmanager
def running(work: Path, kit: Path, **options: Any) -> Iterator[FijiProcess]:
    """Start ImageJ with the tiny model; when it has ended, its processes and temporary files must be gone."""
    for program in () if options.get("headless") else ("Xvfb", "openbox"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    shutil.copytree(kit / "home", work / "home")
    with FijiProcess(work, **options) as process:
        if options.get("folder") and not options.get("headless"):
            process.wait("System.getProperty('talanoa.options') is not None", "Fiji's start-up macro has run")
        yield process
        started = process.children()
    until(lambda: not [one for one in started if one.is_running()], f"{started} have ended", GONE_WITHIN)
    assert not [left for left in process.temporary.iterdir() if not left.name.startswith(CACHES)]


@pytest.fixture
def start(tmp_path: Path, kit: Path, installed: dict[str, Path]) -> Iterator[Start]:
    """Return a function that starts an ImageJ of its own for one test."""
    with ExitStack() as stack:

        def started(name: str = "fiji", **options: Any) -> FijiProcess:
            return stack.enter_context(running(tmp_path / name, kit, **installed, **options))

        yield started


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, kit: Path, installed: dict[str, Path]) -> Iterator[FijiProcess]:
    """Return one ImageJ with a window for the tests of a module."""
    with running(tmp_path_factory.mktemp("shared"), kit, **installed) as process:
        yield process


@pytest.fixture
def fiji(shared: FijiProcess) -> Iterator[FijiProcess]:
    """Return the module's ImageJ with nothing open; after the test its jobs have ended."""
    shared.call("close")
    yield shared
    shared.call("keys", "VK_ESCAPE")
    shared.wait("titled('Segment Objects') is None", "no job and no dialog is left")
    shared.call("close")


@pytest.fixture(autouse=True)
def no_shared_memory_left() -> Iterator[None]:
    """Fail a test that leaves shared memory behind (where it can be listed)."""
    before = blocks()
    yield
    until(lambda: blocks() <= before, "shared memory is given back", GONE_WITHIN, lambda: str(blocks() - before))


def blocks() -> set[str]:
    """Return the names of the package's shared memory, without what belongs to a process that other tests run."""
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    owners = {file.name: int(file.name.split("-")[1]) for file in SHARED.glob("talanoa-*")}
    return {name for name, owner in owners.items() if owner in ours or not psutil.pid_exists(owner)}
