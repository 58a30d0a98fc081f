"""A real browser without a window: opens a page and tells what became of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "msedge",
)  # fmt: skip
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


class Opened(NamedTuple):
    """The page after its scripts ran, as HTML, and what they wrote to the console (errors among it)."""

    page: str
    console: list[str]


def find() -> str | None:
    """Return the program of a Chromium, Chrome or Edge, or None."""
    found = (shutil.which(name) for name in (os.environ.get("TALANOA_BROWSER", ""), *NAMES) if name)
    return next((path for path in (*found, *PLACES) if path and Path(path).is_file()), None)


def open_page(file: Path, profile: Path) -> Opened:
    """Open an HTML file, let its scripts run, and return what is there then."""
    done = _run(file, profile, "--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom")
    return Opened(done.stdout, re.findall(r":CONSOLE[^\]]*\] (.*)", done.stderr))


def save_pdf(file: Path, pdf: Path, profile: Path) -> None:
    """Print an HTML file."""
    _run(file, profile, f"--print-to-pdf={pdf}")


def _run(file: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = find()
    assert program is not None
    command = [program, "--headless", *_alone(), f"--user-data-dir={profile}", *options, file.resolve().as_uri()]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=120, check=True
    )


def _alone() -> list[str]:
    """Return what a machine without graphics card and desktop needs; root may not have a sandbox."""
    root = sys.platform.startswith("linux") and os.geteuid() == 0
    return ["--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", *(["--no-sandbox"] if root else [])]
