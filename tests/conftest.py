"""What all tests share: a user folder of their own, and what the markers need."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["helpers.spread"]

# Before any test imports the package: no test may see or change the models of the person who runs it. Each process of
# several (see helpers/spread.py) makes and removes its own.
os.environ["TALANOA_HOME"] = tempfile.mkdtemp(prefix="talanoa-tests-")
os.environ.setdefault("MPLBACKEND", "Agg")

CI = os.environ.get("TALANOA_CI") == "1"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the source checkout."""
    return ROOT


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, and say what is missing."""
    if item.get_closest_marker("gpu") and not _has_gpu():
        pytest.skip("no CUDA or Apple GPU")
    if item.get_closest_marker("fiji") and not os.environ.get("TALANOA_FIJI"):
        pytest.skip("TALANOA_FIJI names no Fiji folder")


def pytest_unconfigure() -> None:
    """Remove the user folder of the tests."""
    shutil.rmtree(os.environ["TALANOA_HOME"], ignore_errors=True)


def _has_gpu() -> bool:
    driver = Path("/proc/driver/nvidia")
    if "torch" not in sys.modules and sys.platform == "linux" and not driver.exists():
        return False  # spares the import of torch where there is plainly nothing
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a skipped test of a window or a page fails: Xvfb and Chromium are there, a skip would hide a fault."""
    report = yield
    # names of files that are not UTF-8 stand in captured logs, and processes cannot send them to each other
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    lacks_more = any(item.get_closest_marker(other) for other in ("fiji", "gpu"))
    shows = any(item.get_closest_marker(kind) for kind in ("gui", "browser"))
    if CI and report.skipped and shows and not lacks_more:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a display test may not be skipped in CI ({reason})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a whole module of display tests that skips itself while it is collected."""
    report = yield
    if CI and report.skipped and "gui" in Path(str(collector.path)).parts:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: display tests may not be skipped in CI ({report.longrepr})"
    return report
