"""The task `evaluate`: how good is a model, are label or restored images made elsewhere, do two people agree?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.core.files import check_new
from talanoa.core.host import Collecting
from talanoa.core.request import folders as named_folders
from talanoa.evaluation import kinds
from talanoa.image import folder
from talanoa.rois.given import Given

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.leaks import LeakCheck
    from talanoa.evaluation.outcome import Outcome
    from talanoa.evaluation.request import EvaluateRequest


def run(request: EvaluateRequest, given: Given, host: Host) -> dict[str, Any]:
    """Judge, and write the report where the request names a folder.

    Returns
    -------
    dict
        ``table`` (one row for each image), ``overall`` (list of scores), ``comparison``, ``leaks``, ``kind``,
        ``report`` (path of the HTML file, or None), ``folder``, ``message``.
    """
    started = time.perf_counter()
    if request.out:
        check_new(Path(request.out))
    host = host if isinstance(host, Collecting) else Collecting(host)  # it gets the notes on the files, too
    if note := folder.read_together(_folders(request)):
        host.warn(note)
    kind = kinds.kind_of(request)
    found = kinds.judging(kind).judge(request, host)
    for note in (*found.notes, *_of_leaks(found.leaks)):
        host.warn(note)
    reply: dict[str, Any] = {
        "kind": kind,
        "table": found.table,
        "overall": found.overall.to_dict("records"),
        "comparison": found.comparison.to_dict("records"),
        "leaks": [vars(leak) for leak in found.leaks.leaks] if found.leaks else [],
        "message": found.message,
        "record": _record(request, kind, found, time.perf_counter() - started),
        "report": None,
    }
    if request.out:
        written = found.write(Path(request.out), {**reply["record"], "warnings": host.warnings})
        reply.update(folder=str(Path(request.out)), report=str(written.absolute()))
        reply["message"] += f" Report: {written}"
    else:
        reply["message"] += " Give out=<new folder> for the report."
    return reply


def _folders(request: EvaluateRequest) -> Iterator[Path]:
    """Yield the folders of a request in which images may lie, those of datasets and plates as well."""
    for text in (request.images, request.truth, request.prediction, request.compare):
        for place in (each.expanduser() for each in named_folders(text)):
            if place.is_dir() and folder.is_folder_of_images(place):
                yield place
                yield from (path for path in sorted(place.iterdir()) if folder.is_folder_of_images(path))


def _of_leaks(check: LeakCheck | None) -> list[str]:
    """Return what the user must know before believing the scores."""
    if check is None or not check.leaks:
        return []
    seen = check.seen
    more = f" and {len(seen) - 5} more" if len(seen) > 5 else ""
    told = (
        f"{len(seen)} of {check.tested} test images are, in part or as a whole, images of the training: "
        f"{', '.join(seen[:5])}{more}. The scores are better than on new images."
    )
    return [told]


def _record(request: EvaluateRequest, kind: str, found: Outcome, seconds: float) -> dict[str, Any]:
    """Return what `result.json` says: the request, what was judged, the models' hashes."""
    models = [each.model for each in found.candidates if each.model is not None]
    return {
        "task": "evaluate",
        "request": request.model_dump(),
        "kind": kind,
        "judged": [{"name": each.name, "place": each.place} for each in found.candidates],
        "models": [{"name": model.name, "sha256": model.sha256} for model in models],
        "images": list(found.images),
        "times": {"total": round(seconds, 3)},
    }
