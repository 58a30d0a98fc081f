"""Files and folders that are written aside: named after the process that writes, and removed when it was killed.

The name tells machine (or container) and process. What a process of this machine left that no longer runs is removed by
the next one that writes to the same place; what another machine left, when it has not changed for `AGE`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

from talanoa.core import lock

log = logging.getLogger(__name__)
AGE = 7 * 24 * 3600.0  # seconds without a change after which another machine no longer writes
NEW, OLD = "partial", "old"  # what is written; what makes room for it
_NAME = re.compile(rf"\.(?P<machine>[0-9a-f]{{8}})-(?P<process>\d+)-[0-9a-f]{{6}}\.(?P<kind>{NEW}|{OLD})-(?P<name>.+)")
_TEMPORARY = re.compile(r"talanoa-model-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-.*")


def name_aside(target: Path, kind: str = NEW) -> Path:
    """Return a hidden sibling of a path that is this process's own."""
    return target.with_name(f".{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:6]}.{kind}-{target.name}")


def temporary_prefix() -> str:
    """Return the begin of the names of temporary folders of this process."""
    return f"talanoa-model-{_machine()}-{os.getpid()}-"


@cache
def tidy(folder: Path) -> None:
    """Remove, once in the life of this process, what processes that were killed left in a folder.

    A folder that had been set aside for a new one that never came takes its place again.
    """
    for path in _entries(folder):
        if (match := _NAME.fullmatch(path.name)) is None or not _is_abandoned(match, path):
            continue
        target = path.with_name(match["name"])
        if match["kind"] == OLD and not target.exists():
            with suppress(OSError):
                path.rename(target)
            log.warning("%s is back: a process was killed while it replaced it", target)
            continue
        remove(path)
        log.info("removed %s, which a process that was killed had left", path)


def tidy_temporary(folder: Path) -> None:
    """Remove the temporary folders of models whose process was killed."""
    for path in _entries(folder):
        match = _TEMPORARY.fullmatch(path.name)
        if match is not None and not path.is_symlink() and _is_abandoned(match, path):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_abandoned(match: re.Match[str], path: Path) -> bool:
    """Tell whether the process that a name tells no longer writes."""
    import psutil

    if match["machine"] == _machine():
        return not psutil.pid_exists(int(match["process"]))
    return time.time() - _changed(path) > AGE


def _changed(path: Path) -> float:
    """Return when a file, or any file in a folder, changed last; now where that cannot be known."""
    try:
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        return max(each.lstat().st_mtime for each in (path, *inside))
    except OSError:
        return time.time()


@cache
def _machine() -> str:
    """Return a short name of this machine or container, in which process numbers mean the same."""
    return hashlib.sha256(lock.this_machine().encode()).hexdigest()[:8]
