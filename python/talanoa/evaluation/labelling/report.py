"""The report on predicted stains: page, tables, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.core.record import versions
from talanoa.core.version import __version__
from talanoa.evaluation.labelling import cycle, explain, scores, tables
from talanoa.evaluation.labelling.result import Evaluation, Judgement
from talanoa.evaluation.labelling.scores import ALL, Score
from talanoa.evaluation.report import charts, page
from talanoa.evaluation.report.pictures import encode

if TYPE_CHECKING:
    from talanoa.evaluation.request import EvaluateRequest

CARDS = (("count", "pearson"), ("area", "pearson"), ("mean", "pearson"), ("pixel", "pcc"), ("pixel", "jaccard"))
CARD_NAMES = {"count": "count r", "area": "area r", "mean": "mean intensity r", "pcc": "PCC", "jaccard": "Jaccard"}
DRAWN = ("count", "area", "total_calibrated", "mean_calibrated")
SHOWN = ("Image", "Stain", "Empty", "True objects", "Predicted objects", "PCC", "SSIM", "MSE", "Jaccard")
SIDES = ("truth", "prediction")


def write(folder: Path, found: Evaluation, request: EvaluateRequest, record: Mapping[str, Any]) -> Path:
    """Write the result folder of an evaluation, whole or not at all; return ``report.html``."""
    made = {"images.csv": tables.all_images(found), "overall.csv": tables.all_scores(found)}
    for name, table in (("comparison.csv", tables.side_by_side(found)), ("cycle.csv", tables.stages_table(found))):
        if len(table):
            made[name] = table
    return page.write(folder, made, as_json(found, request), found.pictures, lambda: html(found, request), record)


def as_json(found: Evaluation, request: EvaluateRequest) -> dict[str, Any]:
    """Return everything as plain data: settings, notes, leaks, and the rows of all tables."""
    return {
        "kind": found.kind,
        "judged": [each.contender.name for each in found.judgements],
        "request": request.model_dump(),
        "notes": found.notes,
        "unit": found.unit,
        "segmentations": {stain: how.words if how else "none" for stain, how in found.segmentations.items()},
        "calibration": [dict(each.lines) for each in found.judgements],
        "images": tables.all_images(found).to_dict("records"),
        "overall": tables.all_scores(found).to_dict("records"),
        "comparison": tables.side_by_side(found).to_dict("records"),
        "cycle": tables.stages_table(found).to_dict("records"),
        "leak_check": page.leaks_as_json(found.leaks),
        "talanoa": __version__,
    }


def html(found: Evaluation, request: EvaluateRequest) -> str:
    """Return the report as one HTML page: pictures, charts, styles and the little script are inside."""
    first = found.first
    measured = first.measured[found.stains[0]]
    full = tables.images_table(first, found.unit)
    context = {
        "evaluation": found,
        "request": request,
        "title": f"Evaluation of {first.candidate.name}",
        "model": first.candidate.model,
        "n_images": len(measured),
        "n_wells": len({each.group for each in measured if each.well}),
        "cards": _cards(found),
        "measures": _measures(found),
        "pixels": _pixels(found),
        "empties": _empties(found),
        "groups": _groups(found),
        "side_by_side": _side_by_side(found),
        "shared": _shared(found),
        "stages": _stages(first),
        "cycle_names": cycle.NAMES[1:],
        "how_segmented": {stain: how.words if how else "not segmented" for stain, how in found.segmentations.items()},
        "images": full[[name for name in full.columns if name in SHOWN]].to_dict("records"),
        "pictures": [(each, page.embed(encode(each.pixels, "JPEG"), "jpeg")) for each in found.pictures],
        "charts": _charts(found),
        "curve": page.learning_curve(first.candidate.model),
        "versions": versions(),
    }
    return page.render("stains.html", context)


def _cards(found: Evaluation) -> list[tuple[str, Score]]:
    made = []
    for stain in found.stains:
        for measure, metric in CARDS:
            score = tables.score_of(found.first, stain, measure, metric)
            if score is not None:
                made.append((f"{stain}: {CARD_NAMES.get(metric) or CARD_NAMES[measure]}", score))
    return made


def _rows(judgement: Judgement, stain: str, group: str, per: str) -> list[tuple[str, dict[str, Score]]]:
    """Return (measure, its scores by metric) of a stain in a group."""
    rows: dict[str, dict[str, Score]] = {}
    for score in judgement.scores:
        if (score.stain, score.group, score.per) == (stain, group, per) and score.measure in explain.MEASURES:
            rows.setdefault(score.measure, {})[score.metric] = score
    return list(rows.items())


def _measures(found: Evaluation) -> list[tuple[str, str, list[tuple[str, dict[str, Score]]]]]:
    """Return (stain, image or well, rows) of the agreement over all images that are not empty."""
    made = []
    for stain in found.stains:
        for per in ("image", "well"):
            rows = [(_named(measure, found.unit), by) for measure, by in _rows(found.first, stain, ALL, per)]
            if rows:
                made.append((stain, per, rows))
    return made


def _named(measure: str, unit: str) -> str:
    return f"{explain.MEASURES[measure]}{f' ({unit})' if measure == 'area' else ''}"


def _pixels(found: Evaluation) -> list[tuple[explain.Meaning, list[Score | None]]]:
    """Return (score, of each stain)."""
    rows = []
    for key, what in explain.PIXEL.items():
        of_stains = [tables.score_of(found.first, stain, "pixel", key) for stain in found.stains]
        if any(of_stains):
            rows.append((what, of_stains))
    return rows


def _empties(found: Evaluation) -> list[tuple[str, str, Score]]:
    """Return (stain, what it is, score) of the empty images."""
    rows = [row for row in found.first.scores if row.group == scores.EMPTY]
    return [(row.stain, explain.EMPTY[row.metric], row) for row in rows]


def _groups(found: Evaluation) -> list[tuple[str, str, dict[str, Score | None], int]]:
    """Return (group, stain, scores, images) by phenotype and by plate."""
    made = []
    named = dict.fromkeys(row.group for row in found.first.scores if row.group not in (ALL, scores.EMPTY))
    for group in named:
        for stain in found.stains:
            by = {
                key[0] + "_" + key[1]: tables.score_of(found.first, stain, *key, group=group) for key in tables.BESIDE
            }
            there = [one for one in by.values() if one is not None]
            if there:
                made.append((group, stain, by, max(one.n for one in there)))
    return made


def _side_by_side(found: Evaluation) -> list[tuple[str, str, dict[str, Score | None]]]:
    if len(found.judgements) == 1:
        return []
    return [
        (
            each.contender.name,
            stain,
            {key[0] + "_" + key[1]: tables.score_of(each, stain, *key) for key in tables.BESIDE},
        )
        for stain in found.stains
        for each in found.judgements
    ]


def _shared(found: Evaluation) -> list[tuple[str, dict[str, Score]]]:
    rows: dict[str, dict[str, Score]] = {}
    for score in found.first.scores:
        if score.measure == explain.SHARED:
            rows.setdefault(score.stain, {})[score.metric] = score
    return list(rows.items())


def _stages(judgement: Judgement) -> dict[str, Any] | None:
    if judgement.stages is None:
        return None
    rows = [[int(count) for count in row[1:]] for row in judgement.stages[1:]]
    return {"rows": list(zip(cycle.NAMES[1:], rows, strict=True)), "accuracy": cycle.accuracy(judgement.stages)}


def _charts(found: Evaluation) -> list[tuple[str, str, str]]:
    """Return (caption, scatter and Bland-Altman, violins) of the measures of each stain."""
    drawn = []
    for stain in found.stains:
        full = [each for each in found.first.measured[stain] if not each.empty]
        for measure in DRAWN:
            pairs = scores.pairs_of(full, measure, "image")
            if len(pairs) < 2:
                continue
            name = _named(measure, found.unit).lower()
            scatter = charts.agreement([(pair.true, pair.predicted) for pair in pairs], name, SIDES)
            kinds = list(dict.fromkeys(each.phenotype for each in full))
            parts = {}
            for kind in kinds:
                values = scores.pairs_of([each for each in full if each.phenotype == kind], measure, "image")
                found_pairs = np.array([(pair.true, pair.predicted) for pair in values], float).reshape(-1, 2)
                parts[kind or "all images"] = (found_pairs[:, 0], found_pairs[:, 1])
            violin = charts.violins(parts, name)
            drawn.append((f"{stain}: {name}", page.embed(scatter, "svg+xml"), page.embed(violin, "svg+xml")))
    return drawn
