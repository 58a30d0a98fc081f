"""Judging restored images: a model, or a folder of images, beside the truth and the noisy input, or without truth."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from talanoa.core.errors import BadInput
from talanoa.core.host import Share, stop_if_cancelled
from talanoa.core.request import folders as named_folders
from talanoa.evaluation import candidates, leaks, pairing
from talanoa.evaluation.candidates import Candidate
from talanoa.evaluation.outcome import Outcome
from talanoa.evaluation.pairing import Annotations, find_images
from talanoa.evaluation.report.page import number
from talanoa.evaluation.restoration import report, summary
from talanoa.evaluation.restoration.cases import Item, disagreement_of, read_case
from talanoa.evaluation.restoration.metrics import METRICS
from talanoa.evaluation.restoration.pictures import Shown, show
from talanoa.evaluation.restoration.result import INPUT, Evaluation, Judgement
from talanoa.evaluation.restoration.scores import Measured, measure, other_units, spread_of
from talanoa.evaluation.restoration.summary import Contrast
from talanoa.rois import damaged

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest


def judge(request: EvaluateRequest, host: Host) -> Outcome:
    """Judge restored images.

    Raises
    ------
    BadInput
        Folders that do not pair, images that cannot be compared, neither truth nor noisy images.
    Cancelled
    """
    judged = _candidates(request)
    found = evaluate(request, judged, host)
    return Outcome(
        table=summary.images_table(found.first.measured),
        overall=report.all_scores(found),
        comparison=summary.contrasts_table(found.contrasts),
        leaks=found.leaks,
        notes=found.notes,
        message=message(found),
        candidates=judged,
        images=[each.name for each in found.first.measured],
        write=lambda folder, record: report.write(folder, found, request, record),
    )


def evaluate(request: EvaluateRequest, judged: Sequence[Candidate], host: Host) -> Evaluation:
    """Measure every image, of every candidate; images come by one after the other."""
    files = {
        "images": find_images(Path(request.images), "images") if request.images else {},
        "truth": find_images(Path(request.truth), "truth") if request.truth else {},
    }
    notes: list[str] = []
    names = _names(request, files, judged, notes)
    work = _Work(request.pictures, [[] for _ in judged])
    for k, name in enumerate(names):
        stop_if_cancelled(host)
        host.progress(k, len(names) + 1, f"Judging {name} ({k + 1} of {len(names)})")
        here = {what: _file(name, found, len(names)) for what, found in files.items()}
        rest = (path for each in names[k + 1 :] for path in _paths(each, files, judged, len(names)))
        with damaged.all_named(_paths(name, files, judged, len(names)), rest):
            case = read_case(name, here, judged, request, Share(host, k, len(names) + 1))
        for item in case.items():
            work.add(item)
        for note in case.notes:
            work.notes.setdefault(note, []).append(name)
    judgements = [
        Judgement(candidate, measured, summary.summarize(measured, request.bootstrap, request.seed))
        for candidate, measured in zip(judged, work.measured, strict=True)
    ]
    notes += [f"{pairing.some(where, 3)}: {note}." for note, where in work.notes.items()]
    notes += _remarks(judgements, bool(request.truth))
    tests = {name: path for name in names if (path := _file(name, files["images"], len(names))) is not None}
    return Evaluation(
        judgements,
        _contrasts(judgements, request),
        leaks.for_request(request, judged[0].training, tests, Share(host, len(names), len(names) + 1)),
        notes,
        [kept[2] for kept in work.kept],
        work.unit,
        bool(request.truth),
        bool(request.images),
        disagreement_of(request, len(judged), judged[0].model is not None),
    )


def message(found: Evaluation) -> str:
    """Return the result in one line."""
    first = found.first
    n, scores = len(first.measured), {(row.level, row.metric): row.value for row in first.scores}
    on = f"on {n} image{'s' * (n != 1)}."
    if not found.truth:
        structured = sum(each.structured for each in first.measured)
        fine = [number(scores[level, "own_resolution"], 2) for level in ("input", "prediction")]
        return (
            f"{first.candidate.name}, without truth: single-image FRC {fine[0]} {found.unit} before, {fine[1]} after; "
            f"structure left in input - prediction in {structured} of {n} images."
        )
    parts = []
    for metric, name, digits in (
        ("ssim", "SSIM", 3),
        ("psnr", "PSNR", 2),
        ("scale_invariant_psnr", "scale-invariant PSNR", 2),
    ):
        unit = " dB" if digits == 2 else ""
        before = f" (input {number(scores['input', metric], digits)})" if found.noisy else ""
        parts.append(f"{name} {number(scores['prediction', metric], digits)}{unit}{before}")
    return f"{first.candidate.name}: {', '.join(parts)} {on}"


@dataclass(eq=False)
class _Work:
    """The scores so far, and the pictures of the worst images."""

    most: int
    measured: list[list[Measured]]
    kept: list[tuple[float, str, Shown]] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    unit: str = "pixels"

    def add(self, item: Item) -> None:
        """Measure an image, and keep its picture while it is among the worst."""
        self.unit = item.unit
        spread = spread_of(item)
        for k, measured in enumerate(self.measured):
            measured.append(measure(item, k, spread if k == 0 else None))
        one = self.measured[0][-1]
        rank = _rank(one)
        if self.most == 0 or (len(self.kept) == self.most and (rank, item.name) >= self.kept[-1][:2]):
            return
        bisect.insort(self.kept, (rank, item.name, show(item, one, spread)), key=lambda kept: kept[:2])
        del self.kept[self.most :]


def _rank(one: Measured) -> float:
    """Return a number that is low for the images to look at first."""
    for value in (one.of("prediction", "scale_invariant_psnr"), -one.of("disagreement", "share")):
        if not np.isnan(value):
            return value
    return -float(np.nanmax(np.abs([one.of("residual", key) for key in ("rows", "columns", "detail")] + [0.0])))


def _candidates(request: EvaluateRequest) -> list[Candidate]:
    """Return what is judged, then what it is compared with."""
    if request.annotator:
        raise BadInput("annotator: people annotate objects; restored images are given as prediction.")
    if not request.truth and not request.images:
        raise BadInput(
            "Found neither truth nor images; expected the noisy images (images), the high-SNR ones (truth), or both."
        )
    found = [candidates.from_model(request.model)] if request.model else []
    places = [Path(request.prediction)] if request.prediction else []
    found += [_of_folder(place, "prediction") for place in places]
    for place in named_folders(request.compare):
        there = place.expanduser()
        known = candidates.holds_model(there) or not there.exists()
        found.append(candidates.from_model(str(place)) if known else _of_folder(place, "compare"))
    for each in found:
        if each.model is not None:
            candidates.check_kind(each.model, "image")
            if not request.images:
                raise BadInput("images is missing; expected the folder of noisy images that the model shall restore.")
    return candidates.with_unique_names(found)


def _of_folder(place: Path, what: str) -> Candidate:
    place = place.expanduser()
    return Candidate(place.name or str(place), None, Annotations(place, find_images(place, what)))


def _names(
    request: EvaluateRequest, files: dict[str, dict[str, Path]], judged: Sequence[Candidate], notes: list[str]
) -> list[str]:
    """Return the names that have everything that is needed, and note what has not."""
    skip = request.unpaired == "skip"
    main = "truth" if files["truth"] else "images"
    places = {"truth": request.truth, "images": request.images}
    names = list(files[main])
    for what, found in files.items():
        if what != main and found:
            if files[what] == files[main]:
                raise BadInput(f"{what} and {main} are one folder, {places[main]}; expected two. Check the paths.")
            names = _paired(names, found, "an image", skip, notes)
    for candidate in judged:
        if candidate.annotations is None:
            continue
        for what, found in files.items():
            if found and candidate.annotations.files == found:
                raise BadInput(
                    f"{candidate.place} is {what} itself; expected the folder of what was restored. Check the paths."
                )
        names = _paired(names, candidate.annotations.files, f"a restored image in {candidate.place}", skip, notes)
    return names


def _paired(names: list[str], there: dict[str, Path], what: str, skip: bool, notes: list[str]) -> list[str]:
    """Return the names that have a partner; one file needs no name where one is looked for."""
    if len(names) == len(there) == 1:
        return names
    names, note = pairing.pair(names, there, what, skip)
    notes += [note] if note else []
    return names


def _file(name: str, found: dict[str, Path], n_names: int) -> Path | None:
    if name in found:
        return found[name]
    return next(iter(found.values())) if len(found) == n_names == 1 else None


def _paths(
    name: str, files: dict[str, dict[str, Path]], judged: Sequence[Candidate], n_names: int
) -> list[Path | None]:
    """Return the files of one name."""
    made = [each.annotations.files for each in judged if each.annotations is not None]
    return [_file(name, found, n_names) for found in (*files.values(), *made)]


def _contrasts(judgements: Sequence[Judgement], request: EvaluateRequest) -> list[Contrast]:
    first, found = judgements[0], []
    for metric in METRICS:
        before, after = (summary.series(first.measured, level, metric.key) for level in (INPUT, "prediction"))
        if np.isfinite(before).any():
            sides = (first.candidate.name, after, INPUT, before)
            found.append(summary.contrast(*sides, metric.key, request.bootstrap, request.seed))
        for other in judgements[1:]:
            theirs = summary.series(other.measured, "prediction", metric.key)
            if np.isfinite(theirs).any():
                sides = (other.candidate.name, theirs, first.candidate.name, after)
                found.append(summary.contrast(*sides, metric.key, request.bootstrap, request.seed))
    return found


def _remarks(judgements: Sequence[Judgement], truth: bool) -> list[str]:
    """Return what makes the scores less certain than they look."""
    notes = []
    measured = judgements[0].measured
    files = len({each.file for each in measured})
    if files < 10:
        few = "confidence intervals over so few images are too narrow" if files > 1 else "no confidence intervals"
        notes.append(f"Only {files} image{'s' * (files > 1)}: {few}.")
    for judgement in judgements:
        other = [each.name for each in judgement.measured if other_units(each.values, "prediction")]
        if other:
            notes.append(
                f"{judgement.candidate.name}: {len(other)} of {len(measured)} predictions have other intensities than "
                f"the truth ({pairing.some(other, 3)}). SSIM, PSNR and NRMSE as they are say little then; look at the "
                "fitted SSIM and the scale-invariant PSNR."
            )
    if not truth:
        notes.append(
            "Without truth no score says that a restored image is right: it can only be shown where it is wrong. Take "
            "some high-SNR images of fixed samples to know more."
        )
    return notes
