"""Over- and under-segmentation: objects cut into pieces, and objects run together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.overlap import Overlaps


class Splits(NamedTuple):
    """Objects of one image that were split or merged.

    Attributes
    ----------
    split : ndarray of intp
        True objects (places in `Overlaps.true_ids`) in which two or more predicted objects lie.
    pieces : int
        Predicted objects too many: for each split object the pieces but one.
    merging : ndarray of intp
        Predicted objects (places in `Overlaps.predicted_ids`) in which two or more true objects lie.
    merged : int
        True objects that lost their own outline: for each merging object those in it but one.
    """

    split: NDArray[np.intp]
    pieces: int
    merging: NDArray[np.intp]
    merged: int


def splits_and_merges(found: Overlaps) -> Splits:
    """Count split and merged objects from the overlap graph.

    An object *lies in* another one when more than half of its own pixels do, so it lies in one at most. A true object
    is split when at least two predicted objects lie in it; a predicted object merges when at least two true objects lie
    in it. IoU plays no part: a piece may be too small to be a match. Images without objects have neither.

    Parameters
    ----------
    found : Overlaps
        From `talanoa.measure.metrics.overlap.overlaps`.
    """
    n_true, n_predicted = found.shape
    inside_true = 2 * found.shared > found.predicted_sizes[found.columns]
    inside_predicted = 2 * found.shared > found.true_sizes[found.rows]
    pieces = np.bincount(found.rows[inside_true], minlength=n_true)
    parts = np.bincount(found.columns[inside_predicted], minlength=n_predicted)
    return Splits(
        np.flatnonzero(pieces > 1),
        int(np.maximum(pieces - 1, 0).sum()),
        np.flatnonzero(parts > 1),
        int(np.maximum(parts - 1, 0).sum()),
    )
