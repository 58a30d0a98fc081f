"""From the scores of images to those of a set: means with intervals, and paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from talanoa.evaluation.restoration.metrics import BY_KEY, METRICS, WITHOUT, name_of
from talanoa.evaluation.restoration.scores import Key, Measured
from talanoa.evaluation.segmentation.scores import file_groups
from talanoa.evaluation.segmentation.summary import Score, mean_score
from talanoa.measure.metrics.bootstrap import draws
from talanoa.measure.metrics.paired import Paired, compare

ORDER: tuple[Key, ...] = (
    *((level, metric.key) for metric in METRICS for level in ("input", "prediction")),
    *WITHOUT,
)


class Contrast(NamedTuple):
    """A paired comparison: one against another, on the same images.

    Attributes
    ----------
    name, other : str
        What is compared, and with what: "input", or the first candidate.
    metric : str
    test : Paired
        Differences name - other.
    """

    name: str
    other: str
    metric: str
    test: Paired

    @property
    def better(self) -> int:
        """Number of images on which `name` is better, whichever way is better for the metric."""
        return self.test.better if BY_KEY[self.metric].better > 0 else self.test.worse

    @property
    def worse(self) -> int:
        """Number of images on which it is worse."""
        return self.test.worse if BY_KEY[self.metric].better > 0 else self.test.better


def series(measured: Sequence[Measured], level: str, metric: str) -> NDArray[np.float64]:
    """Return one score of each image."""
    return np.array([each.of(level, metric) for each in measured], float)


def summarize(measured: Sequence[Measured], resamples: int, seed: int) -> list[Score]:
    """Return the mean of every score over the images, with its 95 % bootstrap interval over files."""
    groups = file_groups([each.file for each in measured])
    times = draws(int(groups.max()) + 1, resamples, seed)[:, groups].astype(np.float64)
    if groups.max() == 0:
        times = times[:0]
    rows = []
    for level, metric in present(measured):
        mean, interval, n = mean_score(series(measured, level, metric), times)
        rows.append(Score(level, metric, "", "mean", mean, *interval, n))
    return rows


def present(measured: Sequence[Measured]) -> list[Key]:
    """Return the scores that any image has, in the order of the report."""
    there = {key for each in measured for key in each.values}
    return [key for key in ORDER if key in there]


def images_table(measured: Sequence[Measured]) -> pd.DataFrame:
    """Return one row for each image, the worst first: by scale-invariant PSNR, without truth by disagreement."""
    keys = present(measured)
    rows = [{"Image": each.name, **{name_of(*key): each.of(*key) for key in keys}} for each in measured]
    table = pd.DataFrame(rows)
    for level, metric, rising in (("prediction", "scale_invariant_psnr", True), ("disagreement", "share", False)):
        if (level, metric) in keys:
            by, ascending = [name_of(level, metric), "Image"], [rising, True]
            return table.sort_values(by, ascending=ascending, na_position="last", ignore_index=True)
    return table


def contrast(
    name: str,
    one: NDArray[np.float64],
    other_name: str,
    other: NDArray[np.float64],
    metric: str,
    resamples: int,
    seed: int,
) -> Contrast:
    """Compare two series of one metric, image by image: differences one - other."""
    return Contrast(name, other_name, metric, compare(other, one, resamples, seed))


def contrasts_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """Return one row for each comparison and metric: difference, its interval, the test."""
    rows = [
        {
            "Compared": one.name,
            "With": one.other,
            "Metric": one.metric,
            "Images": one.test.n,
            "Difference": one.test.difference,
            "Low": one.test.interval.low,
            "High": one.test.interval.high,
            "Better": one.better,
            "Worse": one.worse,
            "Wilcoxon p": one.test.p,
        }
        for one in contrasts
    ]
    return pd.DataFrame(rows)
