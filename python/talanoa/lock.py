"""One process at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talanoa.errors import BadInput

LOCK = "lock"


@contextmanager
def hold(folder: Path, what: str) -> Iterator[None]:
    """Keep other processes out of a folder; a lock whose process is gone (crash, power cut) does not count.

    Parameters
    ----------
    folder : Path
        Exists.
    what : str
        What the other process is, for the message: "training", "segmentation".

    Raises
    ------
    BadInput
        Another process holds it.
    """
    import psutil

    lock = folder / LOCK
    if _owner(folder) and not is_held(folder):
        lock.unlink()
    me = psutil.Process()
    try:
        with lock.open("x", encoding="utf-8") as stream:
            stream.write(f"{me.pid} {me.create_time():.0f}")
    except FileExistsError as error:
        raise BadInput(
            f"Another {what} writes into {folder} (process {_owner(folder).split(' ')[0]}). Wait for it, stop it, or "
            "choose another name."
        ) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def is_held(folder: Path) -> bool:
    """Tell whether a process that runs holds a folder."""
    owner = _owner(folder)
    return bool(owner) and owner == _running(owner)


def _owner(folder: Path) -> str:
    lock = folder / LOCK
    return lock.read_text(encoding="utf-8") if lock.exists() else ""


def _running(owner: str) -> str:
    """Return the text of the lock that the process of this number would write, empty when there is none.

    The time of its start tells it from a later process that got the same number.
    """
    import psutil

    number = owner.split(" ")[0]
    try:
        return f"{number} {psutil.Process(int(number)).create_time():.0f}"
    except (psutil.Error, ValueError, OverflowError):
        return ""
