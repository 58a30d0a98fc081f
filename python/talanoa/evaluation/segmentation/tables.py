"""The tables of an evaluation: one row for each image, for each image and IoU, and for each score."""

from __future__ import annotations

from typing import Any

import pandas as pd

from talanoa.evaluation.segmentation.evaluate import Evaluation, Judgement
from talanoa.evaluation.segmentation.scores import Judged
from talanoa.evaluation.segmentation.summary import as_table

FROM_COUNTS = {
    "F1": "f1",
    "Precision": "precision",
    "Recall": "recall",
    "AP": "accuracy",
    "PQ": "panoptic_quality",
    "SQ": "segmentation_quality",
}
FROM_PIXELS = {
    "Pixel IoU": "iou",
    "Dice": "dice",
    "Pixel precision": "precision",
    "Pixel recall": "recall",
    "Pixel accuracy": "accuracy",
}


def images_table(judgement: Judgement, iou: float, size: str) -> pd.DataFrame:
    """Return one row for each image at one object IoU, the worst first; scores that are not defined are NaN."""
    rows = [{"Image": each.name, **_numbers(each, iou, size)} for each in judgement.judged]
    return pd.DataFrame(rows).sort_values(["F1", "Image"], na_position="last", ignore_index=True)


def thresholds_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return one row for each candidate, image and object IoU."""
    rows = [
        {"Judged": judgement.candidate.name, "Image": each.name, "IoU": iou, **_scores(each, iou)}
        for judgement in evaluation.judgements
        for each in judgement.judged
        for iou in each.counts
    ]
    return pd.DataFrame(rows)


def all_images(evaluation: Evaluation, iou: float) -> pd.DataFrame:
    """Return the rows of every candidate, with its name in front."""
    return _all(evaluation, lambda judgement: images_table(judgement, iou, evaluation.size))


def all_scores(evaluation: Evaluation) -> pd.DataFrame:
    """Return the scores of every candidate, with its name in front."""
    return _all(evaluation, lambda judgement: as_table(judgement.scores))


def comparisons_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return one row for each other candidate and metric: the difference to the first, its interval, the test."""
    rows = [
        {
            "Compared": one.name,
            "With": evaluation.first.candidate.name,
            "Level": level,
            "Metric": metric,
            "Images": test.n,
            "Difference": test.difference,
            "Low": test.interval.low,
            "High": test.interval.high,
            "Better": test.better,
            "Worse": test.worse,
            "Wilcoxon p": test.p,
        }
        for one in evaluation.comparisons
        for (level, metric), test in one.tests.items()
    ]
    return pd.DataFrame(rows)


def _all(evaluation: Evaluation, make: Any) -> pd.DataFrame:
    parts = []
    for judgement in evaluation.judgements:
        part = make(judgement)
        part.insert(0, "Judged", judgement.candidate.name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _scores(each: Judged, iou: float) -> dict[str, Any]:
    counts = each.counts[iou]
    numbers = {"TP": counts.true_positives, "FP": counts.false_positives, "FN": counts.false_negatives}
    return {**numbers, **{name: each.score(metric, iou) for name, metric in FROM_COUNTS.items()}}


def _numbers(each: Judged, iou: float, size: str) -> dict[str, Any]:
    return {
        "True": each.n_true,
        "Predicted": each.n_predicted,
        **_scores(each, iou),
        **{name: float(getattr(each.pixels, metric)) for name, metric in FROM_PIXELS.items()},
        "Split": len(each.splits.split),
        "Merged": each.splits.merged,
        f"True {size}": each.areas[0],
        f"Predicted {size}": each.areas[1],
    }
