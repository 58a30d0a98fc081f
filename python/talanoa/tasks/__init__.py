"""Every capability under one name: run(request, host) -> reply.

Menu, macro, command line and Python all come here with the same keys and get the same reply. This is the one edge at
which exceptions become messages: a reply has a status, never a traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from talanoa.annotation.request import AnnotateRequest
from talanoa.core.errors import BadInput, Cancelled, TalanoaError
from talanoa.core.host import Collecting, Host
from talanoa.core.request import Parsed, Request, closest, parse
from talanoa.evaluation.request import EvaluateRequest
from talanoa.image import reading
from talanoa.image.io import report_notes
from talanoa.labelling.request import PredictRequest
from talanoa.restoration.request import RestoreRequest
from talanoa.rois.given import Given
from talanoa.segmentation import request as requests
from talanoa.tasks import annotate, doctor, evaluate, models, predict, rerun, restore, rois, sample, segment, study
from talanoa.tasks import train as training
from talanoa.tasks.common import check_reading, explained
from talanoa.tasks.request import DoctorRequest, ModelsRequest, RerunRequest, RoisRequest
from talanoa.tasks.sample.request import SampleRequest
from talanoa.tasks.study.request import StudyRequest
from talanoa.training.request import TrainRequest

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from talanoa.rois.roi_set import RoiSet

log = logging.getLogger(__name__)

Reply = dict[str, Any]
# They read many files, deep inside: the notes on them are passed on by the reader itself.
READING_MANY = frozenset({"train", "evaluate", "study"})
EMPTY: Reply = {"image": None, "labels": None, "rois": None, "table": None, "record": None, "folder": None}


class Task(NamedTuple):
    """One capability: its request model, and the function that does it."""

    request: type[Request]
    function: Callable[[Any, Given, Host], Reply]


TASKS: dict[str, Task] = {
    "segment": Task(requests.SegmentRequest, segment.run),
    "restore": Task(RestoreRequest, restore.run),
    "predict": Task(PredictRequest, predict.run),
    "train": Task(TrainRequest, training.run),
    "rois": Task(RoisRequest, rois.run),
    "models": Task(ModelsRequest, models.run),
    "annotate": Task(AnnotateRequest, annotate.run),
    "evaluate": Task(EvaluateRequest, evaluate.run),
    "sample": Task(SampleRequest, sample.run),
    "study": Task(StudyRequest, study.run),
    "doctor": Task(DoctorRequest, doctor.run),
    "rerun": Task(RerunRequest, rerun.run),
}


def run(
    request: Mapping[str, Any],
    host: Host,
    image: xr.DataArray | None = None,
    rois: RoiSet | None = None,
    selection: np.ndarray | None = None,
    **window: Any,
) -> Reply:
    """Do the task that a request names; never raises.

    Parameters
    ----------
    request : Mapping[str, Any]
        ``task`` and the keys of its request model, such as ``{"task": "segment", "model": "nuclei"}``.
    host : Host
        Progress, warnings, cancelling.
    image : DataArray, optional
        The open image (t, c, z, y, x); else the request names a file.
    rois : RoiSet, optional
        ROIs of the door, such as those in the ROI Manager.
    selection : ndarray of bool (y, x), optional
        Where to look; everywhere if omitted.
    **window
        ``handle`` and ``preview`` of a window that changes thresholds, see `Given`.

    Returns
    -------
    dict
        ``status`` ("ok", "error", "cancelled"), ``task``, ``message``, ``warnings``, ``request`` (complete and
        validated), ``image`` (that the task made), ``labels``, ``rois``, ``table``, ``record``, ``folder`` (each None
        where the task has none), and what the task adds.
    """
    collecting = Collecting(host)
    reply = _empty(request)
    try:
        return perform(request, collecting, image, rois, selection, **window)
    except (Cancelled, KeyboardInterrupt) as error:
        reply.update(status="cancelled", message=str(error) or "Stopped on request; nothing was written.")
    except TalanoaError as error:
        reply.update(status="error", message=str(error))
    except Exception as error:
        log.exception("task failed")
        reply.update(status="error", message=explained(error))
    reply["warnings"] = collecting.warnings
    return reply


def perform(
    request: Mapping[str, Any],
    host: Host,
    image: xr.DataArray | None = None,
    rois: RoiSet | None = None,
    selection: np.ndarray | None = None,
    **window: Any,
) -> Reply:
    """Do what `run` does, but raise: the way of a Python call.

    Raises
    ------
    TalanoaError
        With the message that `run` would have put into the reply.
    """
    collecting = host if isinstance(host, Collecting) else Collecting(host)
    task = _task(request)
    parsed = _parse(task, request)
    reply = _empty(request)
    for note in parsed.notes:
        collecting.warn(note)
    if image is not None:
        report_notes(image, collecting)
    given = Given(image, rois, selection, **window)
    check_reading(parsed.request, given)
    notes = reading.notes_to(collecting.warn) if str(request.get("task")) in READING_MANY else nullcontext()
    with reading.asked_by(parsed.request), notes:
        reply.update(task.function(parsed.request, given, collecting))
    reply["warnings"] = collecting.warnings
    return reply


def _empty(request: Mapping[str, Any]) -> Reply:
    """Return a reply without results; its request is complete if the request is valid, else as given."""
    reply: Reply = {"status": "ok", "task": str(request.get("task", "")), "message": "", "warnings": [], **EMPTY}
    try:
        reply["request"] = _complete(request, _parse(_task(request), request))
    except BadInput:
        reply["request"] = dict(request)
    return reply


def _parse(task: Task, request: Mapping[str, Any]) -> Parsed:
    """Validate the keys of a request."""
    return parse(task.request, {key: value for key, value in request.items() if key != "task"})


def _complete(request: Mapping[str, Any], parsed: Parsed) -> dict[str, Any]:
    """Return the complete request as plain JSON."""
    return {"task": str(request["task"]), **parsed.request.model_dump()}


def _task(request: Mapping[str, Any]) -> Task:
    """Return the task that the request names."""
    name = str(request.get("task", ""))
    if name not in TASKS:
        hint = closest(name, TASKS)
        raise BadInput(f'Unknown task "{name}"; valid tasks are {", ".join(TASKS)}.{hint}')
    return TASKS[name]
