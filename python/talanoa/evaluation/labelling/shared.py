"""What two stains share, such as nucleus and endoplasmic reticulum: real overlap, and overlap that was made up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.evaluation.labelling.explain import SHARED
from talanoa.evaluation.labelling.scores import ALL, Pair, Score, agreement, times_of
from talanoa.evaluation.segmentation.summary import mean_score

Labels = NDArray[np.int32]


class Shared(NamedTuple):
    """What two stains share in one image.

    Attributes
    ----------
    name : str
        "nucleus & er".
    image, group : str
        Name of the image, and what is independent.
    true, predicted : float
        Area of both stains at once.
    wrong : float
        Part of the predicted area that is none in the truth; NaN where nothing is predicted.
    """

    name: str
    image: str
    group: str
    true: float
    predicted: float
    wrong: float


def shared_areas(
    image: str, group: str, true: Mapping[str, Labels], predicted: Mapping[str, Labels], pixel: float
) -> list[Shared]:
    """Return what each two segmented stains share in one image; areas of a pixel are `pixel`."""
    found = []
    for one, other in combinations(true, 2):
        there = (true[one] > 0) & (true[other] > 0)
        made = (predicted[one] > 0) & (predicted[other] > 0)
        n_made = int(np.count_nonzero(made))
        wrong = float(np.count_nonzero(made & ~there)) / n_made if n_made else math.nan
        found.append(Shared(f"{one} & {other}", image, group, np.count_nonzero(there) * pixel, n_made * pixel, wrong))
    return found


def summarize(found: Sequence[Shared], resamples: int, seed: int) -> list[Score]:
    """Return agreement of the shared areas over the images, and the mean part that is wrong."""
    rows: list[Score] = []
    for name in dict.fromkeys(each.name for each in found):
        part = [each for each in found if each.name == name]
        pairs = [Pair(each.group, each.true, each.predicted) for each in part]
        rows += agreement((name, ALL, "image", SHARED), pairs, resamples, seed)
        times = times_of([each.group for each in part], resamples, seed)
        mean, interval, n = mean_score(np.array([each.wrong for each in part]), times)
        rows.append(Score(name, ALL, "image", SHARED, "wrong", mean, *interval, n))
    return rows
