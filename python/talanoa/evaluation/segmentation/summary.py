"""From the counts of images to the scores of a report: one long list, which HTML, CSV and JSON all show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from talanoa.evaluation.segmentation.scores import THRESHOLDS, Judged, file_groups
from talanoa.measure.metrics.bland_altman import bland_altman
from talanoa.measure.metrics.bootstrap import NONE, Interval, draws, percentile, weighted_means
from talanoa.measure.metrics.classes import class_counts
from talanoa.measure.metrics.correlation import pearson, spearman
from talanoa.measure.metrics.matching import Counts
from talanoa.measure.metrics.pixel import PixelCounts

OBJECT_METRICS = (
    "f1",
    "precision",
    "recall",
    "accuracy",
    "panoptic_quality",
    "segmentation_quality",
    "recognition_quality",
    "mean_true_score",
)
OVER_ALL = ("f1", "accuracy", "panoptic_quality")  # averaged over the IoUs 0.5..0.95, too
PIXEL_METRICS = ("iou", "dice", "precision", "recall", "accuracy")
CLASS_METRICS = ("f1", "precision", "recall")


class Score(NamedTuple):
    """One number of the report.

    Attributes
    ----------
    level : str
        "object", "pixel", "count", "area", "matched area", "errors", or "class <name>".
    metric : str
        Its key, see `talanoa.evaluation.segmentation.explain`.
    iou : str
        Object IoU, such as "0.5", or "0.5-0.95" for the mean over those; empty where there is none.
    how : str
        "pooled" (counts summed over all images), "mean" (of the images' scores), or "" (one number).
    value, low, high : float
        The number and its 95 % interval; NaN where not defined.
    n : int
        Images (objects, for matched areas) that it rests on.
    """

    level: str
    metric: str
    iou: str
    how: str
    value: float
    low: float
    high: float
    n: int


def summarize(
    judged: Sequence[Judged], iou: float, resamples: int = 2000, seed: int = 42, classes: Sequence[str] = ()
) -> list[Score]:
    """Return every score of a set of images.

    Parameters
    ----------
    judged : sequence of Judged
    iou : float
        Object IoU of the scores of classes.
    resamples, seed : int
        Of the bootstrap over files; 0 resamples: no intervals.
    classes : sequence of str
        Names of the classes.
    """
    groups = file_groups([each.file for each in judged])
    times = draws(int(groups.max()) + 1, resamples, seed)[:, groups].astype(np.float64)
    if groups.max() == 0:
        times = times[:0]
    rows = [row for each in judged[0].counts for row in _objects(judged, each, times)]
    rows += _over_all(judged, times)
    rows += _pixels(judged, times) + _errors(judged, times)
    rows += _agreement("count", [(each.n_true, each.n_predicted) for each in judged])
    rows += _agreement("area", [each.areas for each in judged])
    rows += _agreement("matched area", np.concatenate([each.matched_areas for each in judged]))
    return rows + _classes(judged, iou, times, classes)


def score_of(rows: Sequence[Score], level: str, metric: str, iou: float | None = None, how: str = "pooled") -> Score:
    """Return one score of the list."""
    text = "" if iou is None else f"{iou:g}"
    return next(row for row in rows if (row.level, row.metric, row.iou, row.how) == (level, metric, text, how))


def as_table(rows: Sequence[Score]) -> pd.DataFrame:
    """Return the list as a table: Level, Metric, IoU, How, Value, Low, High, N."""
    return pd.DataFrame(rows, columns=["Level", "Metric", "IoU", "How", "Value", "Low", "High", "N"])


def _pooled(
    matrix: NDArray, make: Callable[..., Counts | PixelCounts], metrics: Sequence[str], times: NDArray[np.float64]
) -> Iterator[tuple[str, float, Interval]]:
    """Yield each score of the counts summed over images (rows of `matrix`), and its interval."""
    whole = make(*matrix.sum(axis=0).tolist())
    resampled = [make(*row) for row in (times @ matrix).tolist()]
    for metric in metrics:
        yield metric, float(getattr(whole, metric)), percentile([getattr(each, metric) for each in resampled])


def mean_score(values: NDArray[np.float64], times: NDArray[np.float64]) -> tuple[float, Interval, int]:
    """Return the mean of the images' scores, its interval, and how many images have a score."""
    there = np.isfinite(values)
    mean = float(values[there].mean()) if there.any() else math.nan
    return mean, percentile(weighted_means(values, times)), int(there.sum())


def _matrix(judged: Sequence[Judged], iou: float) -> NDArray[np.float64]:
    counts = [each.counts[iou] for each in judged]
    return np.array([[c.true_positives, c.false_positives, c.false_negatives, c.iou_sum] for c in counts], float)


def _objects(judged: Sequence[Judged], iou: float, times: NDArray[np.float64]) -> list[Score]:
    rows = []
    something = any(not each.empty for each in judged)
    for metric, value, found in _pooled(_matrix(judged, iou), Counts, OBJECT_METRICS, times):
        pooled = (value, *found) if something else (math.nan, *NONE)
        rows.append(Score("object", metric, f"{iou:g}", "pooled", *pooled, len(judged)))
        mean, found, n = mean_score(np.array([each.score(metric, iou) for each in judged]), times)
        rows.append(Score("object", metric, f"{iou:g}", "mean", mean, *found, n))
    return rows


def _over_all(judged: Sequence[Judged], times: NDArray[np.float64]) -> list[Score]:
    """Return the means over the IoUs 0.5..0.95 of pooled scores."""
    if all(each.empty for each in judged):
        return [Score("object", metric, "0.5-0.95", "pooled", math.nan, *NONE, len(judged)) for metric in OVER_ALL]
    matrices = [_matrix(judged, iou) for iou in THRESHOLDS]
    wholes = [Counts(*matrix.sum(axis=0).tolist()) for matrix in matrices]
    resampled = [[Counts(*row) for row in (times @ matrix).tolist()] for matrix in matrices]
    rows = []
    for metric in OVER_ALL:
        value = float(np.mean([getattr(each, metric) for each in wholes]))
        drawn = np.array([[getattr(each, metric) for each in one] for one in resampled]).mean(axis=0)
        rows.append(Score("object", metric, "0.5-0.95", "pooled", value, *percentile(drawn), len(judged)))
    return rows


def _pixels(judged: Sequence[Judged], times: NDArray[np.float64]) -> list[Score]:
    matrix = np.array(
        [
            [p.true_positives, p.false_positives, p.false_negatives, p.true_negatives]
            for p in (each.pixels for each in judged)
        ]
    )
    rows = []
    for metric, value, found in _pooled(matrix, PixelCounts, PIXEL_METRICS, times):
        rows.append(Score("pixel", metric, "", "pooled", value, *found, len(judged)))
        mean, found, n = mean_score(np.array([getattr(each.pixels, metric) for each in judged]), times)
        rows.append(Score("pixel", metric, "", "mean", mean, *found, n))
    return rows


def _errors(judged: Sequence[Judged], times: NDArray[np.float64]) -> list[Score]:
    """Return the share of the true objects that were split, and that were merged with another one."""
    rows = []
    n_true = np.array([each.n_true for each in judged])
    for metric, part in (
        ("split", np.array([len(each.splits.split) for each in judged])),
        ("merged", np.array([each.splits.merged for each in judged])),
    ):
        value = float(part.sum() / n_true.sum()) if n_true.any() else math.nan
        drawn = times @ n_true
        found = percentile(np.divide(times @ part, drawn, out=np.full(len(times), math.nan), where=drawn > 0))
        rows.append(Score("errors", metric, "", "pooled", value, *found, len(judged)))
    return rows


def _agreement(level: str, pairs: Sequence[tuple[float, float]] | NDArray[np.float64]) -> list[Score]:
    """Return sums, correlations and the Bland-Altman figures of true and predicted numbers."""
    true, predicted = np.asarray(pairs, float).reshape(-1, 2).T
    found, n = bland_altman(true, predicted), len(true)
    rows = [
        Score(level, "true", "", "", float(true.sum()), *NONE, n),
        Score(level, "predicted", "", "", float(predicted.sum()), *NONE, n),
        Score(level, "pearson", "", "", pearson(true, predicted), *NONE, n),
        Score(level, "spearman", "", "", spearman(true, predicted), *NONE, n),
    ]
    return [*rows, Score(level, "bland_altman", "", "", found.bias, found.low, found.high, n)]


def _classes(judged: Sequence[Judged], iou: float, times: NDArray[np.float64], classes: Sequence[str]) -> list[Score]:
    """Return scores of each class, from objects matched whatever their class."""
    tables = [each.confusion for each in judged if each.confusion is not None]
    if len(tables) != len(judged):
        return []
    rows = []
    for k, name in enumerate(classes):
        counts = [class_counts(table)[k] for table in tables]
        matrix = np.array([[c.true_positives, c.false_positives, c.false_negatives, 0] for c in counts], float)
        for metric, value, found in _pooled(matrix, Counts, CLASS_METRICS, times):
            pooled = (value, *found) if matrix.any() else (math.nan, *NONE)
            rows.append(Score(f"class {name}", metric, f"{iou:g}", "pooled", *pooled, len(judged)))
    return rows
