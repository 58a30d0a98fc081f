"""Object detection scores: true and predicted objects are matched one to one by intersection over union (IoU)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.overlap import Overlaps, overlaps


@dataclass(frozen=True)
class Counts:
    """Matches of one image or, summed, of many.

    Parameters
    ----------
    true_positives, false_positives, false_negatives : int
        Matched pairs, predicted objects without partner, true objects without partner.
    iou_sum : float
        Sum of the object IoU over the matched pairs.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    iou_sum: float

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.iou_sum + other.iou_sum,
        )

    @property
    def precision(self) -> float:
        """Share of the predicted objects that are right; 0 when there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true objects that were found; 0 when there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); 0 when there are no objects at all."""
        return _ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def accuracy(self) -> float:
        """TP / (TP + FP + FN), called average precision (AP) in the Data Science Bowl; 0 without any object."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)

    @property
    def panoptic_quality(self) -> float:
        """Sum of IoU / (TP + FP / 2 + FN / 2) (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963); 0 if no objects.

        The product of `segmentation_quality` and `recognition_quality`.
        """
        return _ratio(self.iou_sum, self.true_positives + 0.5 * (self.false_positives + self.false_negatives))

    @property
    def segmentation_quality(self) -> float:
        """Mean object IoU of the matched pairs (StarDist: mean matched score); 0 when nothing matches."""
        return _ratio(self.iou_sum, self.true_positives)

    @property
    def recognition_quality(self) -> float:
        """TP / (TP + FP / 2 + FN / 2): the same number as F1, under its name in the panoptic quality."""
        return self.f1

    @property
    def mean_true_score(self) -> float:
        """Sum of IoU / number of true objects: a missed object counts 0; 0 when there are no true objects."""
        return _ratio(self.iou_sum, self.true_positives + self.false_negatives)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of true and predicted objects, at most one pair for each object.

    Parameters
    ----------
    true, predicted : ndarray of intp, (n_pairs,)
        Places in `Overlaps.true_ids` and `Overlaps.predicted_ids`.
    iou : ndarray of float64, (n_pairs,)
        Object IoU of each pair.
    counts : Counts
    """

    true: NDArray[np.intp]
    predicted: NDArray[np.intp]
    iou: NDArray[np.float64]
    counts: Counts


def object_iou(true: NDArray, predicted: NDArray) -> NDArray[np.float64]:
    """Return the IoU of every true with every predicted object, float64 (n_true, n_predicted).

    Parameters
    ----------
    true, predicted : ndarray of int, same shape
        Label images, 0 = background; rows and columns follow the labels in ascending order.
    """
    return overlaps(true, predicted).dense()


def match(iou: NDArray, threshold: float = 0.5) -> Counts:
    """Match objects one to one so that as many pairs as possible reach the IoU threshold.

    Parameters
    ----------
    iou : ndarray of float, (n_true, n_predicted)
        From `object_iou`.
    threshold : float
        Pairs count from this IoU on.
    """
    rows, columns = np.nonzero(iou)
    return _match(rows, columns, iou[rows, columns], (iou.shape[0], iou.shape[1]), threshold).counts


def match_objects(found: Overlaps, threshold: float = 0.5) -> Matching:
    """Match objects one to one so that as many pairs as possible reach the IoU threshold.

    Among matchings of equal size, the one with the largest sum of IoU is taken, as in the StarDist package. Only pairs
    that overlap are looked at, so that 10,000 objects are no burden.

    Parameters
    ----------
    found : Overlaps
        From `talanoa.measure.metrics.overlap.overlaps`.
    threshold : float
        Pairs count from this object IoU on.
    """
    return _match(found.rows, found.columns, found.iou, found.shape, threshold)


def _match(rows: NDArray, columns: NDArray, iou: NDArray, shape: tuple[int, int], threshold: float) -> Matching:
    good = iou >= threshold
    chosen = np.flatnonzero(good)
    alone = [np.unique(side[chosen]).size == chosen.size for side in (rows, columns)]
    if not all(alone):  # an object has several partners that are good enough
        chosen = _assign(rows, columns, good + iou / (2 * min(shape)), shape)
        chosen = chosen[good[chosen]]
    hits = int(chosen.size)
    counts = Counts(hits, shape[1] - hits, shape[0] - hits, float(iou[chosen].sum()))
    return Matching(rows[chosen], columns[chosen], iou[chosen], counts)


def _assign(rows: NDArray, columns: NDArray, weight: NDArray, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the edges of the one-to-one matching with the largest sum of weights.

    NB: the sparse solver wants a partner for every row and takes no weight of 0: each row gets a column of its own, for
    "no partner", and every edge 1 more weight, which is the same for all matchings.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    own = np.arange(shape[0])
    weights = np.concatenate([1 + weight, np.ones(shape[0])])
    places = (np.concatenate([rows, own]), np.concatenate([columns, shape[1] + own]))
    graph = coo_array((weights, places), shape=(shape[0], shape[1] + shape[0])).tocsr()
    row, column = min_weight_full_bipartite_matching(graph, maximize=True)
    partner = np.full(shape[0], -1)
    partner[row] = column
    return np.flatnonzero(partner[rows] == columns)


def match_images(pairs: Iterable[tuple[NDArray, NDArray]], thresholds: Sequence[float] = (0.5,)) -> dict[float, Counts]:
    """Return the summed counts of (true, predicted) label images for each IoU threshold."""
    totals = {threshold: Counts(0, 0, 0, 0.0) for threshold in thresholds}
    for true, predicted in pairs:
        found = overlaps(true, predicted)
        for threshold in thresholds:
            totals[threshold] += match_objects(found, threshold).counts
    return totals
