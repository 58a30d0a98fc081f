"""Which objects of two label images share pixels: the primitive from which object metrics are counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_FEW = 1 << 22  # label numbers up to here are looked up in a table


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The overlap graph of two label images: objects are nodes with a size, shared pixels are edges.

    Parameters
    ----------
    true_ids, predicted_ids : ndarray of int, (n_true,), (n_predicted,)
        Labels in ascending order, without the background.
    true_sizes, predicted_sizes : ndarray of int64
        Pixels of each object.
    rows, columns : ndarray of intp, (n_edges,)
        Index of the true and of the predicted object of each pair that shares pixels; ordered by row, then column.
    shared : ndarray of int64, (n_edges,)
        Pixels that the pair shares.
    """

    true_ids: NDArray[np.integer]
    predicted_ids: NDArray[np.integer]
    true_sizes: NDArray[np.int64]
    predicted_sizes: NDArray[np.int64]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    shared: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of true and of predicted objects."""
        return len(self.true_ids), len(self.predicted_ids)

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """Object IoU of each pair: shared pixels / pixels of both together, float64 (n_edges,)."""
        union = self.true_sizes[self.rows] + self.predicted_sizes[self.columns] - self.shared
        return self.shared / union

    def dense(self) -> NDArray[np.float64]:
        """Return the object IoU of every true with every predicted object, float64 (n_true, n_predicted)."""
        table = np.zeros(self.shape)
        table[self.rows, self.columns] = self.iou
        return table


def overlaps(true: NDArray, predicted: NDArray) -> Overlaps:
    """Count the pixels that each true and each predicted object share.

    Parameters
    ----------
    true, predicted : ndarray of int, any shape, equal
        Label images, 0 = background; planes and volumes alike.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if true.shape != predicted.shape:
        raise ValueError(f"true labels have shape {true.shape}, predicted ones {predicted.shape}; they must be equal")
    true_ids, true_index = _numbered(true)
    predicted_ids, predicted_index = _numbered(predicted)
    pairs, pixels = _runs(true_index * np.int64(len(predicted_ids) + 1) + predicted_index)
    codes, which = np.unique(pairs, return_inverse=True)
    counts = np.bincount(which, weights=pixels, minlength=len(codes)).astype(np.int64)
    rows, columns = np.divmod(codes, len(predicted_ids) + 1)
    both = (rows > 0) & (columns > 0)
    return Overlaps(
        true_ids,
        predicted_ids,
        _sums(rows, counts, len(true_ids)),
        _sums(columns, counts, len(predicted_ids)),
        (rows[both] - 1).astype(np.intp),
        (columns[both] - 1).astype(np.intp),
        counts[both],
    )


def _sums(index: NDArray, counts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return the sum of `counts` for each index from 1 on."""
    return np.bincount(index, weights=counts, minlength=length + 1)[1:].astype(np.int64)


def _numbered(labels: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """Return the labels in use (ascending, without 0) and, flat, the place of each pixel's label among them, from 1."""
    flat = labels.ravel()
    if flat.dtype == bool:
        flat = flat.astype(np.uint8)
    if flat.size and flat.min() >= 0 and flat.max() < _FEW:
        used = np.zeros(int(flat.max()) + 1, bool)
        used[flat] = True
        used[0] = False
        ids = np.flatnonzero(used)
        return ids, np.cumsum(used, dtype=np.int64)[flat] * (flat != 0)
    ids, index = np.unique(flat, return_inverse=True)
    if 0 not in ids:
        return ids, index.astype(np.int64) + 1
    zero = int(np.searchsorted(ids, 0))
    place = np.arange(1, len(ids) + 1)
    place[zero] = 0
    place[zero + 1 :] -= 1
    return np.delete(ids, zero), place[index].astype(np.int64)


def _runs(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the value and the length of each run of equal neighbours: far fewer than pixels."""
    if not codes.size:
        return codes, codes
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    return codes[starts], np.diff(np.append(starts, codes.size))
