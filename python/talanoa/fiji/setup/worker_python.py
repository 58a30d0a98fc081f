"""The Python that works for an ImageJ as a process beside it: which one, and whether it can."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.core.version import __version__

PATIENCE = 120  # seconds for a Python on a slow disk to say its version


def choose(python: str | Path | None = None) -> Path:
    """Return the Python to note for an ImageJ: the one named, or this one.

    Parameters
    ----------
    python : path, optional
        A Python executable; default: the one that runs this.

    Returns
    -------
    Path
        Absolute. A virtual environment's own link is kept: it is what makes it one.

    Raises
    ------
    BadInput
        It is not there, or has no Talanoa, or another version of it than this.
    """
    path = _path(python)
    version = ask_version(path)
    if version != __version__:
        raise BadInput(
            f"{path} has Talanoa {version}; expected {__version__}, the version that installs. "
            f"Run that one: {path} -m talanoa install-fiji FOLDER"
        )
    return path


def ask_version(python: Path) -> str:
    """Return the version of Talanoa that a Python runs when ImageJ starts it.

    Raises
    ------
    BadInput
        It cannot be run, or has no Talanoa.
    """
    done = _run(python, "-m", "talanoa", "--version")
    words = done.stdout.split()
    if done.returncode or len(words) != 2 or words[0] != "talanoa":
        answer = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise BadInput(
            f"{python} -m talanoa --version answered: {answer[0]}; expected the version of Talanoa. "
            f"Install it there: {python} -m pip install talanoa"
        )
    return words[1]


def get_ready(python: Path) -> str:
    """Let a Python compile and export what its first job needs; return a sentence about it.

    What goes wrong costs time at the first job and nothing else.
    """
    try:
        done = _run(python, "-m", "talanoa.fiji.worker", "--get-ready")
    except BadInput as error:
        return f"The first job will take longer: {error}"
    if done.returncode:
        answer = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason was given"]
        return f"The first job will take longer ({answer[0]})."
    return "The first job is prepared: kernels are compiled, the shipped model is ready to run."


def _run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python as ImageJ does after a double click: in an environment without this shell's paths."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        return subprocess.run(
            [str(python), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInput(f"{python} could not be run ({error}); expected a Python with Talanoa.") from error


def _path(python: str | Path | None) -> Path:
    """Return the absolute path of the Python."""
    if python is None and not sys.executable:
        raise BadInput("This Python does not know where it lies; expected a path. Name it: --python PATH")
    path = Path(python or sys.executable).expanduser().absolute()
    if path.name.lower() == "pythonw.exe" and path.with_name("python.exe").is_file():
        return path.with_name("python.exe")  # pythonw has no streams to talk through
    if not path.is_file():
        raise BadInput(f"Found no file {path}; expected a Python executable. Name it: --python PATH")
    return path
