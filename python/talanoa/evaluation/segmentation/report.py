"""The report of an evaluation: one HTML file that needs nothing else, CSV tables, JSON with everything, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.core.record import versions
from talanoa.core.version import __version__
from talanoa.evaluation.report import charts, page, pictures
from talanoa.evaluation.segmentation import explain
from talanoa.evaluation.segmentation import tables as result_tables
from talanoa.evaluation.segmentation.charts import over_iou
from talanoa.evaluation.segmentation.evaluate import COMPARED, Evaluation
from talanoa.evaluation.segmentation.summary import Score, score_of

if TYPE_CHECKING:
    from talanoa.evaluation.request import EvaluateRequest

CARDS = (
    ("object", "f1"),
    ("object", "accuracy"),
    ("object", "panoptic_quality"),
    ("pixel", "iou"),
    ("pixel", "dice"),
)


def write(folder: Path, evaluation: Evaluation, request: EvaluateRequest, record: Mapping[str, Any]) -> Path:
    """Write the result folder of an evaluation, whole or not at all.

    Parameters
    ----------
    folder : Path
        New folder; an existing one is an error.
    evaluation : Evaluation
    request : EvaluateRequest
        The complete request.
    record : mapping
        What goes into ``result.json``, such as times.

    Returns
    -------
    Path
        The report, ``report.html``.
    """
    tables = {
        "images.csv": result_tables.all_images(evaluation, request.iou),
        "overall.csv": result_tables.all_scores(evaluation),
        "thresholds.csv": result_tables.thresholds_table(evaluation),
    }
    if evaluation.comparisons:
        tables["comparison.csv"] = result_tables.comparisons_table(evaluation)
    everything = as_json(evaluation, request)
    return page.write(folder, tables, everything, evaluation.pictures, lambda: html(evaluation, request), record)


def as_json(evaluation: Evaluation, request: EvaluateRequest) -> dict[str, Any]:
    """Return everything as plain data: settings, notes, leaks, and the rows of all tables."""
    return {
        "kind": evaluation.kind,
        "judged": [judgement.candidate.name for judgement in evaluation.judgements],
        "request": request.model_dump(),
        "notes": evaluation.notes,
        "classes": evaluation.classes,
        "size": evaluation.size,
        "images": _rows(result_tables.all_images(evaluation, request.iou)),
        "overall": _rows(result_tables.all_scores(evaluation)),
        "thresholds": _rows(result_tables.thresholds_table(evaluation)),
        "comparison": _rows(result_tables.comparisons_table(evaluation)),
        "confusion": _confusion(evaluation),
        "leak_check": page.leaks_as_json(evaluation.leaks),
        "talanoa": __version__,
    }


def html(evaluation: Evaluation, request: EvaluateRequest) -> str:
    """Return the report as one HTML page: pictures, charts, styles and the little script are inside."""
    return page.render("objects.html", _context(evaluation, request))


def sides(evaluation: Evaluation) -> tuple[str, str]:
    """Return how the report calls both sides."""
    return ("first person", "second person") if evaluation.people else ("truth", "prediction")


def _context(evaluation: Evaluation, request: EvaluateRequest) -> dict[str, Any]:
    first = evaluation.first
    iou = f"{request.iou:g}"
    return {
        "evaluation": evaluation,
        "request": request,
        "iou": iou,
        "sides": sides(evaluation),
        "title": "Agreement of two people" if evaluation.people else f"Evaluation of {first.candidate.name}",
        "n_images": len(first.judged),
        "n_files": len({each.file for each in first.judged}),
        "n_true": sum(each.n_true for each in first.judged),
        "n_predicted": sum(each.n_predicted for each in first.judged),
        "cards": [_card(first.scores, level, metric, request.iou) for level, metric in CARDS],
        "sections": _sections(first.scores, iou),
        "by_iou": _by_iou(first.scores),
        "agreements": _agreements(evaluation),
        "images": result_tables.images_table(first, request.iou, evaluation.size).to_dict("records"),
        "side_by_side": _side_by_side(evaluation, request),
        "comparisons": result_tables.comparisons_table(evaluation).to_dict("records"),
        "meaning": explain.meaning,
        "empty_rule": explain.EMPTY,
        "pictures": [(one, page.embed(pictures.encode(one.pixels, "JPEG"), "jpeg")) for one in evaluation.pictures],
        "charts": _charts(evaluation, request.iou),
        "confusion": _confusion(evaluation),
        "curve": page.learning_curve(first.candidate.model),
        "model": first.candidate.model,
        "versions": versions(),
    }


def _card(scores: Sequence[Score], level: str, metric: str, iou: float) -> tuple[explain.Meaning, Score]:
    return explain.meaning(level, metric), score_of(scores, level, metric, iou if level == "object" else None)


def _sections(scores: Sequence[Score], iou: str) -> list[tuple[str, list[tuple[explain.Meaning, Score, Score | None]]]]:
    """Return (heading, rows of (meaning, pooled, mean over images)) of the scores that have a pooled value."""
    found: dict[str, list[tuple[explain.Meaning, Score, Score | None]]] = {}
    means = {(row.level, row.metric, row.iou): row for row in scores if row.how == "mean"}
    for row in scores:
        if row.how != "pooled" or (row.level == "object" and row.iou not in (iou, "0.5-0.95")):
            continue
        what = explain.meaning(row.level, row.metric)
        if row.iou == "0.5-0.95":
            what = what._replace(name=f"{what.name}, mean over object IoU 0.5 to 0.95")
        heading = explain.level_name(row.level) + (
            f" (object IoU from {iou})" if row.level not in ("pixel", "errors") else ""
        )
        found.setdefault(heading, []).append((what, row, means.get((row.level, row.metric, row.iou))))
    return list(found.items())


def _by_iou(scores: Sequence[Score]) -> list[tuple[str, list[Score]]]:
    shown = ("f1", "precision", "recall", "accuracy", "panoptic_quality", "segmentation_quality")
    rows: dict[str, list[Score]] = {}
    for row in scores:
        if (row.level, row.how) == ("object", "pooled") and row.metric in shown and "-" not in row.iou:
            rows.setdefault(row.iou, []).append(row)
    return list(rows.items())


def _agreements(evaluation: Evaluation) -> list[tuple[str, dict[str, Score]]]:
    rows, word = evaluation.first.scores, evaluation.size.split()[0]
    names = {
        "count": "Objects per image",
        "area": f"Total object {word} per image",
        "matched area": f"{word.title()} of each matched object",
    }
    return [(name, {row.metric: row for row in rows if row.level == level}) for level, name in names.items()]


def _side_by_side(evaluation: Evaluation, request: EvaluateRequest) -> list[tuple[str, list[Score]]]:
    levels = [*CARDS, ("errors", "split"), ("errors", "merged")]
    return [
        (
            judgement.candidate.name,
            [
                score_of(judgement.scores, level, metric, request.iou if level == "object" else None)
                for level, metric in levels
            ],
        )
        for judgement in evaluation.judgements
    ]


def _charts(evaluation: Evaluation, iou: float) -> dict[str, str]:
    first, names = evaluation.first, sides(evaluation)
    counts = [(each.n_true, each.n_predicted) for each in first.judged]
    areas = np.concatenate([each.matched_areas for each in first.judged])
    drawn = {
        "iou": over_iou(first.scores),
        "counts": charts.agreement(counts, "objects per image", names),
        "areas": charts.agreement(areas, f"object {evaluation.size}", names),
    }
    if evaluation.comparisons:
        level, metric = COMPARED[0]
        scores = [judgement.of_images(level, metric, iou) for judgement in evaluation.judgements]
        candidates = [judgement.candidate.name for judgement in evaluation.judgements]
        drawn["comparison"] = charts.comparison(candidates, scores, "F1 of each image")
    return {name: page.embed(svg, "svg+xml") for name, svg in drawn.items()}


def _confusion(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return how often each true class got each predicted one, summed over the images; None without classes."""
    tables = [each.confusion for each in evaluation.first.judged if each.confusion is not None]
    if not evaluation.classes or len(tables) != len(evaluation.first.judged):
        return None
    total = np.sum(tables, axis=0).tolist()
    names = ["not known", *evaluation.classes, "no partner"]
    return {"names": names, "rows": total}


def _rows(table: Any) -> list[dict[str, Any]]:
    return list(table.to_dict("records"))
