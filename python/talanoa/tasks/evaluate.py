"""The task `evaluate`: how good is a model, are label images made elsewhere, do two people agree?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.errors import BadInput
from talanoa.tasks.common import Collecting, Given, check_new

if TYPE_CHECKING:
    from talanoa.host import Host
    from talanoa.judge.candidates import Candidate
    from talanoa.judge.evaluation import Evaluation
    from talanoa.judge.folders import Annotations
    from talanoa.requests_evaluate import EvaluateRequest


def run(request: EvaluateRequest, given: Given, host: Host) -> dict[str, Any]:
    """Judge, and write the report where the request names a folder.

    Returns
    -------
    dict
        ``table`` (one row for each image), ``overall`` (list of scores), ``comparison``, ``leaks``, ``kind``,
        ``report`` (path of the HTML file, or None), ``folder``, ``message``.
    """
    from talanoa.judge import evaluation as judging
    from talanoa.judge import folders, result_tables

    started = time.perf_counter()
    if request.out:
        check_new(Path(request.out))
    host = Collecting(host)
    truth = folders.find_annotations(Path(request.truth), "truth")
    candidates = _candidates(request, truth)
    images = folders.image_files(Path(request.images)) if request.images else truth.images
    found = judging.evaluate(request, truth, candidates, images, host)
    for note in (*found.notes, *_of_leaks(found)):
        host.warn(note)
    reply: dict[str, Any] = {
        "kind": found.kind,
        "table": result_tables.images_table(found.first, request.iou, found.size),
        "overall": result_tables.all_scores(found).to_dict("records"),
        "comparison": result_tables.comparisons_table(found).to_dict("records"),
        "leaks": [vars(leak) for leak in found.leaks.leaks] if found.leaks else [],
        "message": message(found, request),
        "record": _record(request, found, time.perf_counter() - started),
        "report": None,
    }
    if request.out:
        from talanoa.judge import report

        written = report.write(Path(request.out), found, request, {**reply["record"], "warnings": host.warnings})
        reply.update(folder=str(Path(request.out)), report=str(written.absolute()))
        reply["message"] += f" Report: {written}"
    else:
        reply["message"] += " Give out=<new folder> for the report."
    return reply


def _candidates(request: EvaluateRequest, truth: Annotations) -> list[Candidate]:
    """Return what is judged, then what it is compared with."""
    from talanoa.judge import candidates, folders
    from talanoa.request_base import folders as named_folders

    found = []
    if request.model:
        found.append(candidates.from_model(request.model))
    if request.prediction:
        found.append(candidates.from_annotations(request.prediction, "prediction"))
    if request.annotator:
        person = folders.find_person(truth.place, request.annotator)
        if person is not None:
            found.append(candidates.Candidate(request.annotator, None, person))
        else:
            found.append(candidates.from_annotations(request.annotator, "annotator"))
    found += [candidates.from_word(str(place)) for place in named_folders(request.compare)]
    for candidate in found:
        if candidate.model is not None:
            candidates.check_kind(candidate.model)
        elif candidate.annotations is not None and candidate.annotations.files == truth.files:
            raise BadInput(f"{candidate.place} is the ground truth itself; expected another folder to compare with it.")
    return candidates.with_unique_names(found)


def message(found: Evaluation, request: EvaluateRequest) -> str:
    """Return the result in one line."""
    from talanoa.judge.report import number
    from talanoa.judge.summary import score_of

    score = score_of(found.first.scores, "object", "f1", request.iou)
    dice = score_of(found.first.scores, "pixel", "dice")
    interval = f" ({number(score.low)} to {number(score.high)})" if score.low == score.low else ""
    n_true = sum(each.n_true for each in found.first.judged)
    n = len(found.first.judged)
    what = "Two people agree" if found.people else found.first.candidate.name
    return (
        f"{what}: F1 {number(score.value)}{interval} at object IoU {request.iou:g}, Dice {number(dice.value)}, "
        f"on {n} image{'s' * (n != 1)} with {n_true} objects."
    )


def _of_leaks(found: Evaluation) -> list[str]:
    """Return what the user must know before believing the scores."""
    if found.leaks is None or not found.leaks.leaks:
        return []
    seen = found.leaks.seen
    more = f" and {len(seen) - 5} more" if len(seen) > 5 else ""
    told = (
        f"{len(seen)} of {found.leaks.tested} test images are, in part or as a whole, images of the training: "
        f"{', '.join(seen[:5])}{more}. The scores are better than on new images."
    )
    return [told]


def _record(request: EvaluateRequest, found: Evaluation, seconds: float) -> dict[str, Any]:
    """Return what `result.json` says: the request, what was judged, the models' hashes."""
    models = [each.candidate.model for each in found.judgements if each.candidate.model is not None]
    return {
        "task": "evaluate",
        "request": request.model_dump(),
        "kind": found.kind,
        "judged": [{"name": each.candidate.name, "place": each.candidate.place} for each in found.judgements],
        "models": [{"name": model.name, "sha256": model.sha256} for model in models],
        "images": [each.name for each in found.first.judged],
        "times": {"total": round(seconds, 3)},
    }
