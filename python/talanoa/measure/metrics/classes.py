"""Classes of matched objects: the confusion table, and scores of each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.matching import Counts, Matching


def confusion(
    found: Matching, true_classes: NDArray[np.integer], predicted_classes: NDArray[np.integer], n_classes: int
) -> NDArray[np.int64]:
    """Return how often each true class got each predicted one, int64 (n_classes + 2, n_classes + 2).

    Objects are matched first, whatever their class. Row and column k stand for class k; 0 for objects whose class is
    not known, and the last one (n_classes + 1) for objects without a partner.

    Parameters
    ----------
    found : Matching
        From `talanoa.measure.metrics.matching.match_objects`.
    true_classes, predicted_classes : ndarray of int, (n_true,), (n_predicted,)
        Class of each object in the order of `Overlaps.true_ids` and `predicted_ids`, 1..n_classes; 0: not known.
    n_classes : int
        Number of classes.
    """
    alone = n_classes + 1
    table = np.zeros((n_classes + 2, n_classes + 2), np.int64)
    partner = np.full(len(true_classes), alone)
    partner[found.true] = predicted_classes[found.predicted]
    np.add.at(table, (np.asarray(true_classes, np.intp), partner), 1)
    left = np.ones(len(predicted_classes), bool)
    left[found.predicted] = False
    np.add.at(table[alone], np.asarray(predicted_classes, np.intp)[left], 1)
    return table


def class_counts(table: NDArray[np.int64]) -> list[Counts]:
    """Return the counts of each class from a `confusion` table (summed over images, perhaps); their `iou_sum` is 0.

    A true positive is a match of equal class. A predicted object whose partner has no known class counts neither for
    nor against its class. A class without any object, true or predicted, has counts of 0.
    """
    n_classes = len(table) - 2
    right = np.diag(table)
    return [
        Counts(int(right[k]), int(table[1:, k].sum() - right[k]), int(table[k].sum() - right[k]), 0.0)
        for k in range(1, n_classes + 1)
    ]
