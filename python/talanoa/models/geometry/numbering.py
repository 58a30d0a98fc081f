"""Label images of any integer type, as the kernels take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput


def as_int32(labels: NDArray, ndim: int) -> NDArray:
    """Return labels whose values fit 32 bits, numbered anew only where they do not.

    Parameters
    ----------
    labels : ndarray of int or bool
        0 = background.
    ndim : int
        Expected number of axes.

    Returns
    -------
    ndarray of bool or of any integer type
        The same objects with values 0 to 2³¹ - 1; the array itself wherever possible.

    Raises
    ------
    BadInput
        Another number of axes, no integers, or negative numbers.
    """
    labels = np.asarray(labels)
    if labels.ndim != ndim or labels.dtype.kind not in "iub":
        raise BadInput(
            f"Found an array of shape {labels.shape} and type {labels.dtype}; expected a label image of {ndim} axes "
            "with whole numbers. Pass one plane or stack, and convert it to integers."
        )
    if labels.size and labels.dtype.kind == "i" and int(labels.min()) < 0:
        raise BadInput(
            f"Found the label {int(labels.min())}; expected 0 for the background and numbers from 1 for objects. "
            "Replace negative numbers first."
        )
    if labels.dtype.itemsize > 4 or labels.dtype == np.uint32:
        return labels if labels.max(initial=0) < 2**31 else _anew(labels)
    return labels


def dense(labels: NDArray, ndim: int) -> tuple[NDArray[np.int32], int]:
    """Return labels as contiguous int32 and their largest number, small enough for a table of all numbers."""
    labels = as_int32(labels, ndim)
    largest = int(labels.max(initial=0))
    if largest > 4 * labels.size + 1_000_000:
        labels = _anew(labels)
        largest = int(labels.max(initial=0))
    return np.ascontiguousarray(labels, np.int32), largest


def _anew(labels: NDArray) -> NDArray[np.int32]:
    """Number objects 1, 2, … in the order of their labels; the background stays 0."""
    values, index = np.unique(labels, return_inverse=True)
    first = 0 if len(values) and values[0] == 0 else 1
    return (index.reshape(labels.shape) + first).astype(np.int32)
