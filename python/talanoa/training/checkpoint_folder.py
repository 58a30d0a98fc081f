"""The folder of a training that runs or was interrupted: its lock and its plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talanoa.core import lock
from talanoa.core.errors import BadInput
from talanoa.core.files import read_json
from talanoa.core.host import Host
from talanoa.core.write_errors import explain_write_error
from talanoa.training import distributed, loop

PLAN = "training.json"


def working_folder(folder: Path) -> Path:
    """Return the folder in which the training of a model lives while it runs."""
    return folder.with_name(folder.name + ".training")


def read_plan(work: Path) -> dict[str, Any] | None:
    """Return the plan of an unfinished training, None where there is none."""
    try:
        plan = json.loads((work / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return plan if isinstance(plan, dict) else None


def is_begun(work: Path, resume: bool) -> bool:
    """Tell whether an unfinished training of a name is to go on.

    Raises
    ------
    BadInput
        There is one, and it is not to go on; or there is none, and one is.
    """
    begun = (work / loop.CHECKPOINT).is_file()
    if begun and not resume:
        raise BadInput(
            f"An unfinished training is in {work}. Go on with it by resume=true, choose another name, "
            "or delete that folder."
        )
    if resume and not begun:
        raise BadInput(f"resume=true, but {work} holds no unfinished training. Start without resume.")
    return begun


@contextmanager
def training_folder(work: Path, plan: dict[str, Any], resume: bool, host: Host) -> Iterator[None]:
    """Hold a training's own folder: one process at a time, one plan.

    Parameters
    ----------
    work : Path
        The folder; made where it is missing, kept at the end.
    plan : dict
        What defines the training.
    resume : bool
        Whether an unfinished training is to go on; it must have been begun with the same plan.
    host : Host
        Cancelling.

    Raises
    ------
    BadInput
        Another process trains here, there is (or is no) unfinished training, or its plan is another one.
    """
    if not distributed.is_first():  # the first process holds it for all
        distributed.wait()
        yield
        return
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, work) from error
    with lock.hold(work, "training", host):
        _check_plan(work, plan, resume)
        distributed.wait()
        yield


def _check_plan(work: Path, plan: dict[str, Any], resume: bool) -> None:
    path = work / PLAN
    if is_begun(work, resume):
        remedy = f"Delete the folder {work}, and train again without resume."
        stored = read_json(path, "the plan of a training", remedy)
        if not isinstance(stored, dict):
            raise BadInput(f"{path} is not the plan of a training; found {type(stored).__name__}. {remedy}")
        differing = sorted(key for key in plan if stored.get(key) != json.loads(json.dumps(plan[key])))
        if differing:
            raise BadInput(
                f"The training in {work} was begun with other {', '.join(differing)}. Resume with the same request, "
                "or train under another name."
            )
    path.write_text(json.dumps(plan, indent=2), encoding="utf-8")
