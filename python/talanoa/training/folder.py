"""The folder of a training that runs or was interrupted: its lock and its plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talanoa.errors import BadInput
from talanoa.files import explain_write_error
from talanoa.training import loop

PLAN = "training.json"
LOCK = "lock"


@contextmanager
def training_folder(work: Path, plan: dict[str, Any], resume: bool) -> Iterator[None]:
    """Hold a training's own folder: one process at a time, one plan.

    Parameters
    ----------
    work : Path
        The folder; made where it is missing, kept at the end.
    plan : dict
        What defines the training.
    resume : bool
        Whether an unfinished training is to go on; it must have been begun with the same plan.

    Raises
    ------
    BadInput
        Another process trains here, there is (or is no) unfinished training, or its plan is another one.
    """
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, work) from error
    with _lock(work):
        _check_plan(work, plan, resume)
        yield


@contextmanager
def _lock(work: Path) -> Iterator[None]:
    """Keep other processes out; a lock whose process is gone (crash, power cut) does not count."""
    import psutil

    lock = work / LOCK
    owner = lock.read_text(encoding="utf-8") if lock.exists() else ""
    if owner and owner != _running(owner):
        lock.unlink()
    me = psutil.Process()
    try:
        with lock.open("x", encoding="utf-8") as stream:
            stream.write(f"{me.pid} {me.create_time():.0f}")
    except FileExistsError as error:
        raise BadInput(
            f"Another training writes into {work} (process {owner.split(' ')[0]}). Wait for it, stop it, or choose "
            "another name."
        ) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


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


def _check_plan(work: Path, plan: dict[str, Any], resume: bool) -> None:
    path = work / PLAN
    begun = (work / loop.CHECKPOINT).is_file()
    if begun and not resume:
        raise BadInput(
            f"An unfinished training is in {work}. Go on with it by resume=true, choose another name, "
            "or delete that folder."
        )
    if resume and not begun:
        raise BadInput(f"resume=true, but {work} holds no unfinished training. Start without resume.")
    if begun:
        stored = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(key for key in plan if stored.get(key) != json.loads(json.dumps(plan[key])))
        if differing:
            raise BadInput(
                f"The training in {work} was begun with other {', '.join(differing)}. Resume with the same request, "
                "or train under another name."
            )
    path.write_text(json.dumps(plan, indent=2), encoding="utf-8")
