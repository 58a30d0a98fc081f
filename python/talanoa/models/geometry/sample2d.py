"""Images read between their pixels, along turned and scaled grids: for crops that are cut while a network trains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import kernel


@kernel
def _sample(image: Any, first: Any, down: Any, right: Any, made: Any) -> None:
    """Fill `made` (c, rows, columns) with the values of `image` (c, y, x) at first + row * down + column * right.

    One channel after the other, a row at a time without branches: several times faster than pixel by pixel.
    """
    channels, height, width = image.shape
    rows, columns = made.shape[1:]
    low = np.empty(columns, np.int32)  # of the image's pixels: upper left one of the four
    step_down, step_right = np.empty(columns, np.int32), np.empty(columns, np.int32)
    part_down, part_right = np.empty(columns, np.float32), np.empty(columns, np.float32)
    flat = image.reshape(channels, height * width)
    for row in range(rows):
        for column in range(columns):
            y = min(max(first[0] + row * down[0] + column * right[0], 0.0), height - 1.0)
            x = min(max(first[1] + row * down[1] + column * right[1], 0.0), width - 1.0)
            top, left = np.int32(y), np.int32(x)
            low[column] = top * width + left
            step_down[column] = width if top < height - 1 else 0
            step_right[column] = 1 if left < width - 1 else 0
            part_down[column], part_right[column] = y - top, x - left
        for channel in range(channels):
            values = flat[channel]
            for column in range(columns):
                at = low[column]
                beside, below = step_right[column], step_down[column]
                upper = values[at] + (values[at + beside] - values[at]) * part_right[column]
                at += below
                lower = values[at] + (values[at + beside] - values[at]) * part_right[column]
                made[channel, row, column] = upper + (lower - upper) * part_down[column]


def sample(
    image: NDArray[np.float32],
    first: tuple[float, float],
    down: tuple[float, float],
    right: tuple[float, float],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Return the values of an image on a grid, linear between its pixels, those of the edge beyond it.

    Parameters
    ----------
    image : ndarray of float32, (channels, y, x)
    first : (y, x)
        Where in the image the grid's first point lies.
    down, right : (y, x)
        The step in the image to the next row and to the next column of the grid.
    shape : (int, int)
        Rows and columns of the grid.

    Returns
    -------
    ndarray of float32, (channels, rows, columns)
    """
    values = np.ascontiguousarray(image, np.float32)
    made = np.empty((len(values), *shape), np.float32)
    _sample(values, *(np.array(each, np.float64) for each in (first, down, right)), made)
    return made
