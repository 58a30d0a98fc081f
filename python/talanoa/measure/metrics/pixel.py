"""Pixel scores: is each pixel rightly called object or background?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of one image or, summed, of many.

    Where nothing is to be found and nothing was found, IoU, Dice, precision and recall are 1; where only one of both
    is empty they are 0.

    Parameters
    ----------
    true_positives, false_positives, false_negatives, true_negatives : int
        Pixels of objects in both, in the prediction only, in the truth only, in neither.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    def __add__(self, other: PixelCounts) -> PixelCounts:
        return PixelCounts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.true_negatives + other.true_negatives,
        )

    @property
    def iou(self) -> float:
        """Pixel IoU (Jaccard index), TP / (TP + FP + FN); 1 for two empty masks."""
        return self._ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)

    @property
    def dice(self) -> float:
        """Dice coefficient, 2 TP / (2 TP + FP + FN): the F1 of pixels; 1 for two empty masks."""
        both = 2 * self.true_positives
        return self._ratio(both, both + self.false_positives + self.false_negatives)

    @property
    def precision(self) -> float:
        """Share of the predicted object pixels that are right; without any, 1 if the truth is empty, too, else 0."""
        return self._ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true object pixels that were found; without any, 1 if the prediction is empty, too, else 0."""
        return self._ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def accuracy(self) -> float:
        """Share of all pixels that are right, background included."""
        right = self.true_positives + self.true_negatives
        return right / (right + self.false_positives + self.false_negatives)

    def _ratio(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return float(self.false_positives + self.false_negatives == 0)


def count_pixels(true: NDArray, predicted: NDArray) -> PixelCounts:
    """Compare two masks or label images pixel by pixel; everything but 0 is object.

    Parameters
    ----------
    true, predicted : ndarray, any shape, equal
        Masks or label images.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if true.shape != predicted.shape:
        raise ValueError(f"the true mask has shape {true.shape}, the predicted one {predicted.shape}; must be equal")
    one, other = true != 0, predicted != 0
    both, n_one, n_other = (int(np.count_nonzero(mask)) for mask in (one & other, one, other))
    return PixelCounts(both, n_other - both, n_one - both, true.size - n_one - n_other + both)
