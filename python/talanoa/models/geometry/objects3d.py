"""Boxes of the objects of a 3D label image, for kernels that work object by object."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import kernel
from talanoa.models.geometry.numbering import dense


class Objects3D(NamedTuple):
    """A label image with where its objects are.

    Attributes
    ----------
    labels : ndarray of int32, (z, y, x)
        0 is background.
    ids : ndarray of int64, (n,)
        The values of the objects in `labels`, ascending.
    boxes : ndarray of int64, (n, 6)
        First voxel z, y, x and last voxel z, y, x of each.
    """

    labels: NDArray[np.int32]
    ids: NDArray[np.int64]
    boxes: NDArray[np.int64]


def find_objects(labels: NDArray) -> Objects3D:
    """Find the objects of a label image (z, y, x) and their boxes.

    Raises
    ------
    BadInput
        Where `labels` has not three axes, is not of whole numbers, or has negative ones.
    """
    numbered, largest = dense(labels, 3)
    boxes = np.empty((largest + 1, 6), np.int64)
    boxes[:, :3], boxes[:, 3:] = np.iinfo(np.int32).max, -1
    _measure_boxes(numbered, boxes)
    ids = np.flatnonzero(boxes[:, 3] >= 0)
    return Objects3D(numbered, ids, boxes[ids])


@kernel
def _measure_boxes(labels: NDArray, boxes: NDArray) -> None:
    """Widen the box of every value but 0 to hold its voxels, a run of equal voxels at a time."""
    depth, height, width = labels.shape
    for z in range(depth):
        for y in range(height):
            x = 0
            while x < width:
                value = labels[z, y, x]
                start = x
                while x < width and labels[z, y, x] == value:
                    x += 1
                if value == 0:
                    continue
                box = boxes[value]
                box[0], box[1], box[2] = min(box[0], z), min(box[1], y), min(box[2], start)
                box[3], box[4], box[5] = max(box[3], z), max(box[4], y), max(box[5], x - 1)
