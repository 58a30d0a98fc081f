"""The report on restored images: page, tables, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from talanoa.core.record import versions
from talanoa.core.version import __version__
from talanoa.evaluation.report import charts, page
from talanoa.evaluation.report.pictures import encode
from talanoa.evaluation.restoration import summary
from talanoa.evaluation.restoration.metrics import BY_KEY, METRICS, WITHOUT, Meaning, Metric, name_of
from talanoa.evaluation.restoration.result import INPUT, Evaluation, Judgement
from talanoa.evaluation.restoration.summary import Contrast
from talanoa.evaluation.segmentation.summary import Score, as_table

if TYPE_CHECKING:
    from talanoa.evaluation.request import EvaluateRequest

CARDS = ("ssim", "psnr", "scale_invariant_psnr", "nrmse", "resolution")
HIDDEN = ("psnr_of_type", "pearson", "own_resolution")  # on the page where there is little room; the files have them
DRAWN = (("ssim_fitted", True), ("scale_invariant_psnr", False))


def write(folder: Path, found: Evaluation, request: EvaluateRequest, record: Mapping[str, Any]) -> Path:
    """Write the result folder of an evaluation, whole or not at all; return ``report.html``."""
    tables = {"images.csv": all_images(found), "overall.csv": all_scores(found)}
    if found.contrasts:
        tables["comparison.csv"] = summary.contrasts_table(found.contrasts)
    pictures = [each.picture for each in found.shown]
    return page.write(folder, tables, as_json(found, request), pictures, lambda: html(found, request), record)


def all_images(found: Evaluation) -> pd.DataFrame:
    """Return one row for each candidate and image."""
    return _all(found, lambda judgement: summary.images_table(judgement.measured))


def all_scores(found: Evaluation) -> pd.DataFrame:
    """Return one row for each candidate and score."""
    return _all(found, lambda judgement: as_table(judgement.scores))


def as_json(found: Evaluation, request: EvaluateRequest) -> dict[str, Any]:
    """Return everything as plain data: settings, notes, leaks, and the rows of all tables."""
    return {
        "kind": found.kind,
        "judged": [judgement.candidate.name for judgement in found.judgements],
        "request": request.model_dump(),
        "notes": found.notes,
        "unit": found.unit,
        "disagreement": found.disagreement,
        "images": all_images(found).to_dict("records"),
        "overall": all_scores(found).to_dict("records"),
        "comparison": summary.contrasts_table(found.contrasts).to_dict("records"),
        "structured": [each.name for each in found.first.measured if each.structured],
        "leak_check": page.leaks_as_json(found.leaks),
        "talanoa": __version__,
    }


def html(found: Evaluation, request: EvaluateRequest) -> str:
    """Return the report as one HTML page: pictures, charts, styles and the little script are inside."""
    first = found.first
    context = {
        "evaluation": found,
        "request": request,
        "title": f"Evaluation of {first.candidate.name}",
        "model": first.candidate.model,
        "n_images": len(first.measured),
        "n_files": len({each.file for each in first.measured}),
        "cards": _cards(first) if found.truth else _cards_without(first),
        "rows": _rows(found),
        "without": _without(first),
        "structured": sum(each.structured for each in first.measured),
        "side_by_side": _side_by_side(found),
        "beside": [metric for metric in METRICS if metric.key not in HIDDEN],
        "contrasts": [(BY_KEY[one.metric], one) for one in found.contrasts if one.other != INPUT],
        "images": _short(summary.images_table(first.measured)).to_dict("records"),
        "pictures": [
            (each, page.embed(encode(each.picture.pixels, "JPEG"), "jpeg"), page.embed(each.curves, "svg+xml"))
            for each in found.shown
        ],
        "charts": _charts(found),
        "comparisons": found.contrasts,
        "curve": page.learning_curve(first.candidate.model),
        "versions": versions(),
    }
    return page.render("restored.html", context)


def _short(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that fit a page; the others are in images.csv."""
    if not any(str(column).startswith("SSIM") for column in table):
        return table
    hidden = {name_of(level, key) for level in ("input", "prediction") for key in HIDDEN}
    return table[[column for column in table if column not in hidden]]


def _all(found: Evaluation, make: Any) -> pd.DataFrame:
    parts = []
    for judgement in found.judgements:
        part = make(judgement)
        part.insert(0, "Judged", judgement.candidate.name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _by_key(judgement: Judgement) -> dict[tuple[str, str], Score]:
    return {(row.level, row.metric): row for row in judgement.scores}


def _cards(judgement: Judgement) -> list[tuple[str, Score, Score | None]]:
    """Return (name, score of the prediction, score of the input)."""
    scores = _by_key(judgement)
    return [(BY_KEY[key].name, scores["prediction", key], scores.get(("input", key))) for key in CARDS]


def _cards_without(judgement: Judgement) -> list[tuple[str, Score, Score | None]]:
    scores = _by_key(judgement)
    found: list[tuple[str, Score, Score | None]] = [
        ("Single-image FRC", scores["prediction", "own_resolution"], scores.get(("input", "own_resolution")))
    ]
    shown = (("residual", "rows"), ("residual", "columns"), ("residual", "detail"), ("disagreement", "share"))
    return found + [(WITHOUT[key].name, scores[key], None) for key in shown if key in scores]


def _rows(found: Evaluation) -> list[tuple[Metric, Score, Score | None, Contrast | None]]:
    """Return (metric, prediction, input, prediction against input) for each score beside the truth."""
    scores = _by_key(found.first)
    gains = {one.metric: one for one in found.contrasts if one.other == INPUT}
    return [
        (metric, scores["prediction", metric.key], scores.get(("input", metric.key)), gains.get(metric.key))
        for metric in METRICS
        if ("prediction", metric.key) in scores
    ]


def _without(judgement: Judgement) -> list[tuple[Meaning, Score]]:
    scores = _by_key(judgement)
    return [(meaning, scores[key]) for key, meaning in WITHOUT.items() if key in scores]


def _side_by_side(found: Evaluation) -> list[tuple[str, list[Score]]]:
    return [
        (
            judgement.candidate.name,
            [_by_key(judgement)["prediction", metric.key] for metric in METRICS if metric.key not in HIDDEN],
        )
        for judgement in found.judgements
        if found.truth
    ]


def _charts(found: Evaluation) -> dict[str, str]:
    """Return the scores of every image by the input and by each candidate."""
    drawn = {}
    if not found.truth:
        return {}
    names = [*([INPUT] if found.noisy else []), *(judgement.candidate.name for judgement in found.judgements)]
    for key, share in DRAWN:
        first = [summary.series(found.first.measured, "input", key)] if found.noisy else []
        others = [summary.series(judgement.measured, "prediction", key) for judgement in found.judgements]
        svg = charts.comparison(names, [*first, *others], BY_KEY[key].name, share)
        drawn[BY_KEY[key].name] = page.embed(svg, "svg+xml")
    return drawn
