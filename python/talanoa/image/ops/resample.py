"""Images made larger or smaller, whole or a part at a time: a part has the very numbers that the whole has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.image.ops.normalize import single

Part = tuple[slice, ...]


def sizes(shape: Sequence[int], scales: Sequence[float]) -> tuple[int, ...]:
    """Return the size of an image after scaling, at least one pixel along each axis."""
    return tuple(max(1, round(side * scale)) for side, scale in zip(shape, scales, strict=True))


@lru_cache(maxsize=32)
def weights(n_in: int, n_out: int, antialias: bool = True) -> Any:
    """Return the matrix (n_out, n_in) of linear interpolation along one axis, sparse, float32.

    Pixels are areas: pixel k of the result lies at (k + 1/2) n_in / n_out - 1/2. When an image is made smaller, the
    triangle that weighs its pixels is as much wider, so that nothing is skipped; without `antialias` it is not.

    Parameters
    ----------
    n_in, n_out : int
        Pixels before and after.
    antialias : bool
        Whether a smaller image averages.

    Returns
    -------
    csr_array of float32
        The rows sum to 1.
    """
    from scipy.sparse import csr_array

    step = n_in / n_out
    reach = max(step, 1.0) if antialias else 1.0
    centre = (np.arange(n_out) + 0.5) * step - 0.5
    first = np.floor(centre - reach).astype(np.int64) + 1
    columns = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 1)
    values = np.maximum(1 - np.abs(columns - centre[:, None]) / reach, 0)
    inside = np.clip(columns, 0, n_in - 1)  # what lies beyond the border repeats the pixels there
    if antialias and step > 1:
        values = np.where(columns == inside, values, 0)
    values /= values.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(n_out), columns.shape[1])
    made = csr_array((values.ravel(), (rows, inside.ravel())), shape=(n_out, n_in))
    made.sum_duplicates()
    made.eliminate_zeros()
    return made.astype(np.float32)


def resize(image: NDArray, size: Sequence[int]) -> NDArray[np.float32]:
    """Return an image (channels, y, x) or (channels, z, y, x) of another size: linear, in the plane anti-aliased.

    Parameters
    ----------
    image : ndarray
        Intensities.
    size : sequence of int
        New size of the axes after the channels.

    Returns
    -------
    ndarray of float32, (channels, *size)
    """
    whole = tuple(slice(0, side) for side in size)
    return resize_part(lambda part: image[(slice(None), *part)], image.shape[1:], size, whole)


def resize_part(
    read: Callable[[Part], NDArray], shape: Sequence[int], size: Sequence[int], part: Part
) -> NDArray[np.float32]:
    """Return a part of an image that is resized, reading no more of the original than it needs.

    Parameters
    ----------
    read : function (slices) -> ndarray
        Gives a part (channels, space…) of the original.
    shape, size : sequence of int
        Size of the whole image before and after, (y, x) or (z, y, x).
    part : tuple of slice
        Of the resized image.
    """
    matrices, wanted = [], []
    for axis, (n_in, n_out, side) in enumerate(zip(shape, size, part, strict=True)):
        rows = weights(n_in, n_out, antialias=len(shape) - axis <= 2)[side.start : side.stop]
        low, high = int(rows.indices.min()), int(rows.indices.max()) + 1
        wanted.append(slice(low, high))
        matrices.append(rows[:, low:high] if n_in != n_out else None)
    values = single(np.asarray(read(tuple(wanted))))
    offset = values.min() if values.dtype == np.float64 else None  # the weights are of single precision
    values = values if offset is None else values - offset
    for axis in reversed(range(len(matrices))):
        if matrices[axis] is not None:
            values = _along(matrices[axis], values, axis + 1)
    return np.ascontiguousarray(values if offset is None else values + offset)


def _along(matrix: Any, values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Apply a matrix along an axis."""
    first = np.moveaxis(values, axis, 0)
    made = matrix @ np.ascontiguousarray(first).reshape(len(first), -1)
    return np.moveaxis(made.reshape(matrix.shape[0], *first.shape[1:]), 0, axis)
