"""The tests on several processes (`pytest -n auto`, as in `make test`): how many, what stays together, in which order.

A plain `pytest` runs in one process and in the order of the files, and none of this is used.
"""

from __future__ import annotations

import os
from typing import Any

import psutil
import pytest

MOST = 2  # `pytest -n 4` is possible; that many windows and trainings beside each other were not tried
MEMORY = 3 << 30  # bytes for each process: PyTorch, and a Java with ImageJ beside it
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
JAVA = "tests/fiji"  # one Java virtual machine runs all of them
# Files that need a model which another unit trains.
WITH = {
    "tests/segmentation/test_stardist3d.py": JAVA,
    "tests/segmentation/test_predict.py": "tests/training/test_train.py",
}
TRAININGS = tuple(f"tests/{room}/test_train" for room in ("training", "segmentation", "restoration", "labelling"))
# What takes longest comes first, so that no process is left with it while the others have ended.
LONG = (JAVA, "tests/gui", "tests/worker", *TRAININGS, "tests/tasks/test_study", "tests/documents/test_notebooks")


def unit(nodeid: str) -> str:
    """Return what a test belongs to and is run with in one process: its file, or several that share what is costly."""
    file = nodeid.split("::", 1)[0]
    return JAVA if file.startswith(f"{JAVA}/") else WITH.get(file, file)


def rank(nodeid: str) -> int:
    """Return the place of a test's unit in the queue; units of the same place keep their order."""
    return next((place for place, start in enumerate(LONG) if unit(nodeid).startswith(start)), len(LONG))


def processors() -> int:
    """Return how many processors the tests may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of `-n auto`; 0 runs the tests in this one."""
    count = min(MOST, processors(), psutil.virtual_memory().total // MEMORY)
    return count if count > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Give each process that is about to start, and what it starts, its share of the processors."""
    for name in THREADS:
        os.environ.setdefault(name, str(max(1, processors() // len(specs))))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out units in the order of the collection, unless another distribution was asked for (`--dist`)."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False  # it would begin with the units of most tests, which are quick
    return Units(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In each of several processes, put what takes longest first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))


def pytest_runtest_logreport(report: Any) -> None:
    """Name a test that failed in another process at once: between dots that come from several files it has no name."""
    if report.failed and hasattr(report, "node"):
        terminal = report.node.config.pluginmanager.get_plugin("terminalreporter")
        terminal.write_line(f"\n{report.nodeid} has failed ({report.when}, {report.node.gateway.id})", red=True)
