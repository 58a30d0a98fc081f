"""From the measures of images to the scores of a set: agreement with intervals, by group, empty images apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from talanoa.evaluation.labelling.explain import MEASURES, PIXEL
from talanoa.evaluation.labelling.measures import NOTHING, Measured, Objects
from talanoa.evaluation.segmentation.scores import file_groups
from talanoa.evaluation.segmentation.summary import mean_score
from talanoa.measure.metrics.bland_altman import bland_altman, bland_altman_of_draws
from talanoa.measure.metrics.bootstrap import NONE, Interval, draws, percentile
from talanoa.measure.metrics.correlation import pearson, pearson_of_draws, spearman, spearman_of_draws

ALL, EMPTY = "all", "empty"
COLUMNS = ["Stain", "Group", "Per", "Measure", "Metric", "Value", "Low", "High", "N"]


class Score(NamedTuple):
    """One number of the report.

    Attributes
    ----------
    stain : str
        Or two of them, "nucleus & er", for what they share.
    group : str
        "all" (images that are not empty), "empty", "phenotype <name>", "plate <name>".
    per : str
        "image" or "well"; "object" for the cell cycle.
    measure : str
        "pixel", or one of `explain.MEASURES`, "overlap".
    metric : str
        "true", "predicted" (means), "pearson", "spearman", "bias", "limit_low", "limit_high", or a pixel score.
    value, low, high : float
        The number and its 95 % interval; NaN where not defined.
    n : int
        Images or wells that it rests on.
    """

    stain: str
    group: str
    per: str
    measure: str
    metric: str
    value: float
    low: float
    high: float
    n: int


class Pair(NamedTuple):
    """What is measured on the truth and on the prediction in one image or well, and what is drawn together with it."""

    group: str
    true: float
    predicted: float


def summarize(stain: str, measured: Sequence[Measured], resamples: int, seed: int) -> list[Score]:
    """Return every score of one stain of a candidate: of all images, by phenotype and by plate, of empty images."""
    rows: list[Score] = []
    for group, part in groups_of(measured):
        rows += _pixels(stain, group, part, resamples, seed)
        for per in ("image", "well"):
            for measure in MEASURES:
                pairs = pairs_of(part, measure, per)
                if pairs and (per == "image" or len(pairs) < len(part)):
                    rows += agreement((stain, group, per, measure), pairs, resamples, seed)
    return rows + _empty(stain, [each for each in measured if each.empty], resamples, seed)


def groups_of(measured: Sequence[Measured]) -> Iterator[tuple[str, list[Measured]]]:
    """Yield the name of each group and its images, without the empty ones; a single phenotype or plate is no group."""
    full = [each for each in measured if not each.empty]
    if full:
        yield ALL, full
    for what in ("phenotype", "plate"):
        names = list(dict.fromkeys(getattr(each, what) for each in full))
        if len(names) > 1:
            for name in names:
                yield f"{what} {name or 'not known'}", [each for each in full if getattr(each, what) == name]


def value_of(measure: str, objects: Objects) -> float:
    """Return one measure."""
    return float(getattr(objects, measure.removesuffix("_calibrated")))


def pairs_of(measured: Sequence[Measured], measure: str, per: str) -> list[Pair]:
    """Return true and predicted measures of the images, or of the wells; none where the stain is not segmented.

    An intensity is left out where truth or prediction has no object.
    """
    by: dict[str, list[Measured]] = {}
    for each in measured:
        if each.true is not None:
            key = f"{each.plate}/{each.well}" if per == "well" and each.well else each.name
            by.setdefault(key, []).append(each)
    found = []
    for part in by.values():
        true = sum((each.true or NOTHING for each in part), NOTHING)
        sides = [each.calibrated if measure.endswith("_calibrated") else each.predicted for each in part]
        predicted = sum((side or NOTHING for side in sides), NOTHING)
        found.append(Pair(part[0].group, value_of(measure, true), value_of(measure, predicted)))
    return [pair for pair in found if math.isfinite(pair.true) and math.isfinite(pair.predicted)]


def agreement(where: tuple[str, str, str, str], pairs: Sequence[Pair], resamples: int, seed: int) -> list[Score]:
    """Return means, correlations and the Bland-Altman figures of true and predicted numbers, with intervals.

    What belongs to one well (file) is drawn together.
    """
    true, predicted = np.array([(pair.true, pair.predicted) for pair in pairs], float).T
    times = times_of([pair.group for pair in pairs], resamples, seed)
    ba, ba_draws = bland_altman(true, predicted), bland_altman_of_draws(true, predicted, times)
    found = {
        "true": (float(true.mean()), NONE),
        "predicted": (float(predicted.mean()), NONE),
        "pearson": (pearson(true, predicted), percentile(pearson_of_draws(true, predicted, times))),
        "spearman": (spearman(true, predicted), percentile(spearman_of_draws(true, predicted, times))),
        "bias": (ba.bias, percentile(ba_draws.bias)),
        "limit_low": (ba.low, percentile(ba_draws.low)),
        "limit_high": (ba.high, percentile(ba_draws.high)),
    }
    return [Score(*where, metric, value, *interval, len(pairs)) for metric, (value, interval) in found.items()]


def times_of(groups: Sequence[str], resamples: int, seed: int) -> NDArray[np.float64]:
    """Return how often each image is drawn in each resample; those of one group together; none for a single group."""
    numbers = file_groups(groups)
    if numbers.max(initial=0) == 0:
        return np.zeros((0, len(groups)))
    return draws(int(numbers.max()) + 1, resamples, seed)[:, numbers].astype(np.float64)


def as_table(rows: Sequence[Score]) -> pd.DataFrame:
    """Return the list as a table."""
    return pd.DataFrame(rows, columns=COLUMNS)


def _pixels(stain: str, group: str, part: Sequence[Measured], resamples: int, seed: int) -> list[Score]:
    times = times_of([each.group for each in part], resamples, seed)
    rows = []
    for key in PIXEL:
        if any(key in each.pixel for each in part):
            mean, interval, n = _mean(part, key, times)
            rows.append(Score(stain, group, "image", "pixel", key, mean, *interval, n))
    return rows


def _mean(part: Sequence[Measured], key: str, times: NDArray[np.float64]) -> tuple[float, Interval, int]:
    return mean_score(np.array([each.pixel.get(key, math.nan) for each in part]), times)


def _empty(stain: str, part: Sequence[Measured], resamples: int, seed: int) -> list[Score]:
    """Return what can be said of images whose truth shows nothing."""
    if not part:
        return []
    times = times_of([each.group for each in part], resamples, seed)
    values = {
        "invented": [math.nan if each.predicted is None else float(each.predicted.count) for each in part],
        "clean": [float(each.clean) for each in part],
        **{key: [each.pixel.get(key, math.nan) for each in part] for key in ("pcc", "mse", "jaccard")},
    }
    rows = []
    for metric, found in values.items():
        if np.isfinite(found).any():
            mean, interval, n = mean_score(np.array(found), times)
            rows.append(Score(stain, EMPTY, "image", "pixel", metric, mean, *interval, n))
    return rows
