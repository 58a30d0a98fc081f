"""Judging predicted stains: a labelling model, or stains predicted elsewhere, beside the true ones."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput
from talanoa.core.host import Share
from talanoa.core.request import folders as named_folders
from talanoa.evaluation import candidates, leaks, pairing
from talanoa.evaluation.candidates import Candidate
from talanoa.evaluation.labelling import cycle, report, scores, segmenting, shared, tables
from talanoa.evaluation.labelling.collecting import Setting, collect
from talanoa.evaluation.labelling.fields import Stains, View, find_stains, find_truth
from talanoa.evaluation.labelling.measure import Measuring
from talanoa.evaluation.labelling.predicting import Contender
from talanoa.evaluation.labelling.result import Evaluation, Judgement
from talanoa.evaluation.labelling.store import Store
from talanoa.evaluation.outcome import Outcome
from talanoa.evaluation.pairing import Annotations
from talanoa.evaluation.report.page import number
from talanoa.labelling.data import modalities
from talanoa.labelling.targets import TargetConfig
from talanoa.models import folder as model_folder
from talanoa.training.request import names_of

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest
    from talanoa.models.folder import Model

_NOTHING = (
    "there is nothing to judge a prediction by. Check that the true images are those of this stain, and that they are "
    "exposed long enough"
)


def judge(request: EvaluateRequest, host: Host) -> Outcome:
    """Judge predicted stains.

    Raises
    ------
    BadInput
        Stains or images that are missing, sizes that differ, models that predict something else.
    Cancelled
    """
    found = evaluate(request, host)
    return Outcome(
        table=tables.images_table(found.first, found.unit),
        overall=tables.all_scores(found),
        comparison=tables.side_by_side(found),
        leaks=found.leaks,
        notes=found.notes,
        message=message(found),
        candidates=[each.candidate for each in found.judgements if each.contender.factor == 1],
        images=[each.name for each in found.first.measured[found.stains[0]]],
        write=lambda folder, record: report.write(folder, found, request, record),
    )


def evaluate(request: EvaluateRequest, host: Host) -> Evaluation:
    """Measure every image of every candidate."""
    notes: list[str] = []
    setting = _setting(request, notes)
    with tempfile.TemporaryDirectory(prefix="talanoa-") as folder:
        store = Store(Path(folder), setting.stains, len(setting.contenders) + 1)
        sizes = collect(setting, store, request, host)
        found = Measuring(setting, store, sizes, request, host).run()
    judgements = [
        Judgement(
            contender,
            found.measured[k],
            [
                *(
                    row
                    for s in setting.stains
                    for row in scores.summarize(s, found.measured[k][s], *_resampling(request))
                ),
                *shared.summarize(found.shared[k], *_resampling(request)),
            ],
            found.lines[k],
            found.cells[k].table() if found.cells else None,
        )
        for k, contender in enumerate(setting.contenders)
    ]
    if setting.reporters is not None and judgements[0].stages is None:
        notes.append("The cell cycle was not judged: the true objects have no two groups.")
    tests = {view.name: view.light for view in setting.views if view.light is not None}
    check = leaks.for_request(request, judgements[0].candidate.training, tests, Share(host, 1, 1, 0))
    notes += _remarks(judgements[0], setting, request)
    parts = (judgements, check, notes, found.pictures, setting.stains, setting.segmentations, found.unit)
    return Evaluation(*parts, setting.views)


def _resampling(request: EvaluateRequest) -> tuple[int, int]:
    return request.bootstrap, request.seed


def message(found: Evaluation) -> str:
    """Return the result in one line."""
    parts = []
    for stain in found.stains:
        words = []
        for measure, metric, name in (
            ("count", "pearson", "count r"),
            ("area", "pearson", "area r"),
            ("pixel", "pcc", "PCC"),
        ):
            score = tables.score_of(found.first, stain, measure, metric)
            if score is not None:
                words.append(f"{name} {number(score.value)}")
        parts.append(f"{stain}: {', '.join(words) or 'empty in all images'}")
    n = len(found.first.measured[found.stains[0]])
    return f"{found.first.candidate.name}: {'; '.join(parts)}; on {n} image{'s' * (n != 1)}."


def _setting(request: EvaluateRequest, notes: list[str]) -> Setting:
    """Read what a request names and check that it fits together."""
    judged = _candidates(request)
    records = {contender.name: contender.record for contender in map(Contender, judged)}
    asked = [name.strip() for name in (request.stains or "").split(",") if name.strip()]
    known = [[stain.name for stain in record.stains] for record in records.values() if record is not None]
    for candidate, names in zip((name for name, record in records.items() if record is not None), known, strict=True):
        wrong = [name for name in asked if name not in names]
        if wrong:
            raise BadInput(f"stains: {candidate} does not predict {', '.join(wrong)}; expected {', '.join(names)}.")
    stains = asked or (known[0] if known else [])
    if any(set(names) < set(stains) for names in known):
        raise BadInput("The models predict different stains; expected the same. Name those that all predict by stains.")
    if not stains:
        stains = _stains_of(judged[0])
    truth, images = named_folders(request.truth), named_folders(request.images)
    if not truth and not images:
        raise BadInput("Found neither truth nor images; expected the plates with the true stains (images), or truth.")
    needs_light = any(record is not None for record in records.values())
    first = next((record for record in records.values() if record is not None), None)
    transmitted = names_of(request.transmitted) or modalities.needed(filter(None, records.values()))
    views = find_truth(truth, images, transmitted, stains, needs_light, notes)
    views = _with_predictions(views, judged, stains, request, notes)
    prepare = {stain.name: stain.prepare for stain in first.stains} if first is not None else {}
    masks = [stain.name for stain in first.stains if stain.mask] if first is not None else []
    segmentations = segmenting.read(request.segment, stains, masks, _object_model)
    reporters = cycle.read(request.cycle, tuple(stains)) if request.cycle else None
    if reporters is not None and segmentations[reporters.objects] is None:
        raise BadInput(f"cycle: {reporters.objects} is not segmented; expected a recipe for it. Give one by segment.")
    contenders = [Contender(candidate) for candidate in judged]
    if request.factors and judged[0].model is None:
        raise BadInput("scales: found predictions made elsewhere; expected a model, which can predict enlarged images.")
    contenders += [Contender(judged[0], factor) for factor in request.factors if factor != 1]
    defaults = {stain: prepare.get(stain, TargetConfig()) for stain in stains}
    return Setting(views, stains, contenders, segmentations, defaults, reporters, tuple(transmitted))


def _candidates(request: EvaluateRequest) -> list[Candidate]:
    """Return what is judged, then what it is compared with."""
    if request.annotator:
        raise BadInput("annotator: people annotate objects; predicted stains are given as prediction.")
    found = [candidates.from_model(request.model)] if request.model else []
    if request.prediction:
        places = named_folders(request.prediction)
        found.append(Candidate(places[0].name or str(places[0]), None, Annotations(places[0], {})))
    for place in named_folders(request.compare):
        there = place.expanduser()
        if candidates.holds_model(there) or not there.exists():
            found.append(candidates.from_model(str(place)))
        else:
            found.append(Candidate(there.name, None, Annotations(there, {})))
    for each in found:
        if each.model is not None:
            candidates.check_kind(each.model, "stains")
    return candidates.with_unique_names(found)


def _object_model(name: str) -> Model:
    model = model_folder.load(name)
    candidates.check_kind(model, "objects")
    return model


def _stains_of(candidate: Candidate) -> list[str]:
    """Return the stains that a folder of predictions has."""
    assert candidate.annotations is not None
    return list(next(iter(find_stains(candidate.annotations.place, (), "prediction").values())))


def _with_predictions(
    views: list[View], judged: Sequence[Candidate], stains: Sequence[str], request: EvaluateRequest, notes: list[str]
) -> list[View]:
    """Return the fields that have what every folder predicted; candidates that are models have nothing there."""
    skip = request.unpaired == "skip"
    found: list[dict[str, Stains]] = []
    names = [view.name for view in views]
    for place, candidate in enumerate(judged):
        if candidate.annotations is None:
            found.append({name: {} for name in names})
            continue
        places = (
            named_folders(request.prediction) if place == 0 and request.prediction else [candidate.annotations.place]
        )
        there = _predictions(places, views, stains)
        for view in views:
            if view.name in there and there[view.name] == view.truths:
                raise BadInput(f"{candidate.place} is the truth itself; expected predicted stains. Check the paths.")
        if not len(names) == len(there) == 1:
            kept, note = pairing.pair(names, there, f"a prediction in {candidate.place}", skip)
            notes += [note] if note else []
            names = [name for name in names if name in kept]
        else:
            there = dict(zip(names, there.values(), strict=True))
        found.append(there)
    return [
        replace(view, predictions=tuple(there[view.name] for there in found)) for view in views if view.name in names
    ]


def _predictions(places: Sequence[Path], views: Sequence[View], stains: Sequence[str]) -> dict[str, Stains]:
    """Return the predicted stains by the names of the fields: of several plates one folder for each, in their order."""
    plates = list(dict.fromkeys(view.plate for view in views))
    if len(plates) == 1 or len(places) == 1:
        found: dict[str, Stains] = {}
        for plate in plates:
            inside = places[0] / plate if len(plates) > 1 else places[0]
            prefix = f"{plate}/" if len(plates) > 1 else ""
            found.update({f"{prefix}{name}": one for name, one in find_stains(inside, stains, "prediction").items()})
        return found
    if len(places) != len(plates):
        raise BadInput(f"prediction: found {len(places)} folders for {len(plates)} plates; expected one for each.")
    return {
        f"{plate}/{name}": one
        for plate, place in zip(plates, places, strict=True)
        for name, one in find_stains(place, stains, "prediction").items()
    }


def _remarks(judged: Judgement, setting: Setting, request: EvaluateRequest) -> list[str]:
    """Return what makes the scores less certain than they look, and what was left out."""
    notes = []
    any_stain = judged.measured[setting.stains[0]]
    groups = len({each.group for each in any_stain})
    what = "well" if any_stain[0].well else "image"
    if groups < 10:
        few = "confidence intervals over so few are too narrow" if groups > 1 else "no confidence intervals"
        notes.append(f"Only {groups} {what}{'s' * (groups > 1)}: {few}.")
    for stain in setting.stains:
        empty = sum(each.empty for each in judged.measured[stain])
        if empty:
            told = "reported apart, and in no other score" if empty < len(any_stain) else _NOTHING
            notes.append(f"{stain}: {empty} of {len(any_stain)} images are empty; {told}.")
        if setting.segmentations[stain] is None:
            notes.append(
                f"{stain} is judged by its pixels only: its name suggests no segmentation. Give one by segment, such "
                f'as "{stain}: nuclei".'
            )
    if judged.candidate.model is None and groups == 1:
        notes.append("Intensities are not calibrated: with one image there is no other one to fit a line on.")
    return notes
