"""Judging objects: a model that finds them, label images made elsewhere, or two people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput
from talanoa.core.request import folders as named_folders
from talanoa.evaluation import candidates, pairing
from talanoa.evaluation.outcome import Outcome
from talanoa.evaluation.report.page import number
from talanoa.evaluation.segmentation import evaluate, report, tables
from talanoa.evaluation.segmentation.summary import score_of

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.candidates import Candidate
    from talanoa.evaluation.pairing import Annotations
    from talanoa.evaluation.request import EvaluateRequest
    from talanoa.evaluation.segmentation.evaluate import Evaluation


def judge(request: EvaluateRequest, host: Host) -> Outcome:
    """Judge objects against the ground truth.

    Raises
    ------
    BadInput
        As `talanoa.evaluation.segmentation.evaluate.evaluate`, and where there is no ground truth.
    """
    if isinstance(request.channel, str):
        raise BadInput(
            f"channel={request.channel} is for models that restore images or predict stains; objects are in one "
            "channel. Give its number."
        )
    if not request.truth:
        raise BadInput(
            "truth is missing; expected the ground truth: objects cannot be judged without. Give its folder."
        )
    truth = pairing.find_annotations(Path(request.truth), "truth")
    judged = _candidates(request, truth)
    images = pairing.image_files(Path(request.images)) if request.images else truth.images
    if request.images and not truth.single:
        truth = pairing.named_like(truth, images)
    judged = [candidates.named_like(each, truth) for each in judged]
    found = evaluate.evaluate(request, truth, judged, images, host)
    return Outcome(
        table=tables.images_table(found.first, request.iou, found.size),
        overall=tables.all_scores(found),
        comparison=tables.comparisons_table(found),
        leaks=found.leaks,
        notes=found.notes,
        message=message(found, request),
        candidates=judged,
        images=[each.name for each in found.first.judged],
        write=lambda folder, record: report.write(folder, found, request, record),
    )


def _candidates(request: EvaluateRequest, truth: Annotations) -> list[Candidate]:
    """Return what is judged, then what it is compared with."""
    found = []
    if request.model:
        found.append(candidates.from_model(request.model))
    if request.prediction:
        found.append(candidates.from_annotations(request.prediction, "prediction"))
    if request.annotator:
        person = pairing.find_person(truth.place, request.annotator)
        if person is not None:
            found.append(candidates.Candidate(request.annotator, None, person))
        else:
            found.append(candidates.from_annotations(request.annotator, "annotator"))
    found += [candidates.from_word(str(place)) for place in named_folders(request.compare)]
    for candidate in found:
        if candidate.model is not None:
            candidates.check_kind(candidate.model, "objects")
        elif candidate.annotations is not None and candidate.annotations.files == truth.files:
            raise BadInput(f"{candidate.place} is the ground truth itself; expected another folder to compare with it.")
    return candidates.with_unique_names(found)


def message(found: Evaluation, request: EvaluateRequest) -> str:
    """Return the result in one line."""
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
