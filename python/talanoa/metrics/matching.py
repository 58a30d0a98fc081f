"""Object detection scores: true and predicted objects are matched one to one by intersection over union (IoU)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        """Sum of IoU / (TP + FP / 2 + FN / 2) (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963); 0 if no objects."""
        return _ratio(self.iou_sum, self.true_positives + 0.5 * (self.false_positives + self.false_negatives))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def object_iou(true: NDArray, predicted: NDArray) -> NDArray[np.float64]:
    """Return the IoU of every true with every predicted object, float64 (n_true, n_predicted).

    Parameters
    ----------
    true, predicted : ndarray of int, same shape
        Label images, 0 = background; rows and columns follow the labels in ascending order.
    """
    if true.shape != predicted.shape:
        raise ValueError(f"true labels have shape {true.shape}, predicted ones {predicted.shape}; they must be equal")
    true_ids, true_index = np.unique(true, return_inverse=True)
    predicted_ids, predicted_index = np.unique(predicted, return_inverse=True)
    pairs = true_index.ravel() * len(predicted_ids) + predicted_index.ravel()
    shared = np.bincount(pairs, minlength=len(true_ids) * len(predicted_ids)).reshape(len(true_ids), -1)
    union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
    return (shared / union)[true_ids != 0][:, predicted_ids != 0]


def match(iou: NDArray, threshold: float = 0.5) -> Counts:
    """Match objects one to one so that as many pairs as possible reach the IoU threshold.

    Parameters
    ----------
    iou : ndarray of float, (n_true, n_predicted)
        From `object_iou`.
    threshold : float
        Pairs count from this IoU on.
    """
    from scipy.optimize import linear_sum_assignment

    n_true, n_predicted = iou.shape
    if not iou.size:
        return Counts(0, n_predicted, n_true, 0.0)
    good = iou >= threshold
    # the IoU itself only breaks ties between matchings of equal size
    rows, columns = linear_sum_assignment(good + iou / (2 * min(iou.shape)), maximize=True)
    matched = good[rows, columns]
    hits = int(matched.sum())
    return Counts(hits, n_predicted - hits, n_true - hits, float(iou[rows, columns][matched].sum()))


def match_images(pairs: Iterable[tuple[NDArray, NDArray]], thresholds: Sequence[float] = (0.5,)) -> dict[float, Counts]:
    """Return the summed counts of (true, predicted) label images for each IoU threshold."""
    totals = {threshold: Counts(0, 0, 0, 0.0) for threshold in thresholds}
    for true, predicted in pairs:
        iou = object_iou(true, predicted)
        for threshold in thresholds:
            totals[threshold] += match(iou, threshold)
    return totals
