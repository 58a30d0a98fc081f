"""A Python that cannot be the worker: the message says what was found, what was expected, and the remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import talanoa
from helpers.worker.fiji import until
from helpers.worker.looks import SEGMENT, confirm, quick

pytestmark = pytest.mark.gui


def told(fiji: Any, kit: Path) -> str:
    """Choose Segment Objects in the menu and return the message that ends it."""
    fiji.call("show", (kit / "discs.tif").as_posix())
    fiji.call("choose", SEGMENT)
    fiji.wait(f"message() or titled({SEGMENT!r}, 'GenericDialog')", "a dialog or a message is open")
    if fiji.value("message()") is None:
        confirm(fiji)
    text = str(fiji.refused(SEGMENT))
    assert fiji.call("images") == ["discs.tif"]
    until(lambda: not fiji.workers(), "no worker is left", 20, fiji.describe)
    return text


def bare_python(folder: Path) -> Path:
    """Make a Python environment with nothing in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    found = next(folder.glob("bin/python")) if (folder / "bin").is_dir() else folder / "Scripts" / "python.exe"
    return Path(found)


def library(folder: Path) -> Path:
    """Return the folder of the packages of an environment."""
    return next(folder.rglob("site-packages"))


@pytest.fixture
def other(fiji: Any) -> Any:
    """Return a function that sets the Python of the next worker."""

    def chosen(python: Any) -> None:
        fiji.run(f"System.setProperty('talanoa.python', {str(python)!r})")
        for worker in fiji.workers():
            worker.kill()

    yield chosen
    chosen(sys.executable)


def test_python_is_gone(fiji: Any, kit: Path, other: Any, tmp_path: Path) -> None:
    gone = tmp_path / "moved away" / "python"
    other(gone)
    text = told(fiji, kit)
    assert str(gone) in text and "install-fiji" in text
    assert "not" in text and "expected" in text


def test_the_package_is_missing(fiji: Any, kit: Path, other: Any, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "bare")
    other(python)
    text = told(fiji, kit)
    assert str(python) in text and "talanoa" in text and "expected" in text
    assert "pip install" in text or "install-fiji" in text


def test_the_version_is_another(fiji: Any, kit: Path, other: Any, tmp_path: Path, root: Path) -> None:
    python = bare_python(tmp_path / "old")
    site = library(tmp_path / "old")
    shutil.copytree(root / "python" / "talanoa", site / "talanoa", ignore=shutil.ignore_patterns("__pycache__"))
    version = (site / "talanoa" / "core" / "version.py").read_text(encoding="utf-8")
    (site / "talanoa" / "core" / "version.py").write_text(
        version.replace(talanoa.__version__, "0.0.1"), encoding="utf-8"
    )
    (site / "rest.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    other(python)
    text = told(fiji, kit)
    assert "0.0.1" in text and talanoa.__version__ in text and "expected" in text


@pytest.mark.skipif(sys.platform == "win32", reason="a script with #! is no program on Windows")
def test_python_ends_at_once(fiji: Any, kit: Path, other: Any, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'libpython3.11.so: cannot open' >&2\nexit 127\n", encoding="utf-8")
    broken.chmod(0o755)
    other(broken)
    text = told(fiji, kit)
    assert str(broken) in text and "libpython3.11.so: cannot open" in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows programs by their names")
def test_no_program_at_all(fiji: Any, kit: Path, other: Any, tmp_path: Path) -> None:
    (tmp_path / "python").write_text("no program", encoding="utf-8")
    other(tmp_path / "python")
    assert str(tmp_path / "python") in told(fiji, kit)


def test_the_next_job_works_once_python_is_right(fiji: Any, kit: Path, other: Any, expected: Any) -> None:
    other(Path("/nowhere/python"))
    told(fiji, kit)
    fiji.call("close")
    other(sys.executable)
    quick(fiji, kit, expected)
