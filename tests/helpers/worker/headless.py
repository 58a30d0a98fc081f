"""A headless Fiji that the user starts, of what Maven Central has: see `jython/legacy.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from helpers.screen import display
from helpers.worker.fiji import JYTHON, QUICK, WORKER, until
from talanoa.fiji.setup import embedded, install
from talanoa.fiji.setup.java import choose_java

PATCHER = "net.imagej:ij1-patcher:2.0.0"  # the one of Fiji 2.18
SECONDS = 200


@dataclass(frozen=True)
class Ended:
    """What an ImageJ that has ended left: its exit code, what it printed, and how long it ran."""

    code: int
    out: str
    errors: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """The lines printed to stdout."""
        return self.out.splitlines()


def make(root: Path) -> Path:
    """Make the folder of a Fiji with Talanoa installed, and return it."""
    (root / "jars").mkdir(parents=True)
    (root / "plugins").mkdir()
    for jar in embedded.class_path((*embedded.ENDPOINTS, PATCHER)):
        shutil.copy(jar, root / "jars")
    install.install(root)
    return root


def run(
    root: Path, home: Path, *arguments: str, window: bool = False, options: Sequence[str] = (), code: int = 0
) -> Ended:
    """Run a command line of Fiji to its end; it must end with this exit code and leave no worker.

    Parameters
    ----------
    root : Path
        The folder of the Fiji.
    home : Path
        The user folder of Talanoa, beside which preferences and logs are kept.
    arguments : str
        What stands after `fiji --headless`.
    window : bool
        True opens ImageJ's window, on a display of its own.
    options : sequence of str
        Further options of Java.
    code : int
        The exit code that is expected.
    """
    work = home.parent
    (work / "preferences").mkdir(exist_ok=True)
    environment = {**os.environ, "TALANOA_HOME": str(home), "LC_ALL": "C.UTF-8"}
    environment.pop("DISPLAY", None)
    with ExitStack() as stack:
        if window:
            environment["DISPLAY"] = stack.enter_context(display())
        out, errors = (stack.enter_context((work / name).open("w+b")) for name in ("out.txt", "errors.txt"))
        begun = time.monotonic()
        process = subprocess.Popen(
            [*_java(root, work, window, options), *arguments], stdout=out, stderr=errors, env=environment
        )
        stack.callback(process.kill)
        process.wait(SECONDS)
        ended = Ended(process.returncode, _text(work / "out.txt"), _text(work / "errors.txt"), time.monotonic() - begun)
    until(lambda: not workers(home), "the worker has ended", 30)
    assert ended.code == code, ended
    return ended


def _java(root: Path, work: Path, window: bool, more: Sequence[str]) -> list[str]:
    """Return the command line of Java."""
    home = work / "preferences"
    options = [
        *QUICK,
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        f"-Djava.awt.headless={str(not window).lower()}",
        f"-Duser.home={home}",
        f"-Djava.util.prefs.userRoot={home}",
        "-Dpython.cachedir.skip=true",
        f"-Dpython.path={JYTHON}",
        f"-Dimagej.dir={root}",
        f"-Dplugins.dir={root}",
        *more,
    ]
    program = choose_java(window=window).home / "bin" / "java"
    jars = os.pathsep.join(f"{root / folder}{os.sep}*" for folder in ("jars", "plugins"))
    return [str(program), *options, "-cp", jars, "org.python.util.jython", str(JYTHON / "legacy.py")]


def workers(home: Path) -> list[psutil.Process]:
    """Return the Python workers of this user folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if WORKER in process.cmdline() and process.environ().get("TALANOA_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _text(path: Path) -> str:
    """Return what a program has printed."""
    return path.read_text(encoding="utf-8", errors="replace")
