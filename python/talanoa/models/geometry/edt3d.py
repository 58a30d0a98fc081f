"""Object probability in 3D: distance to the object's border, relative to the object's largest one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.objects3d import find_objects


def edge_probability3d(
    labels: NDArray, anisotropy: tuple[float, float, float] | None = None, threads: int | None = None
) -> NDArray[np.float32]:
    """Return each voxel's distance to the nearest voxel outside its object, as a share of the object's largest one.

    Exact Euclidean distances, parabola by parabola along each axis (Felzenszwalb and Huttenlocher 2012,
    doi:10.4086/toc.2012.v008a019), in each object's own box. The image's edge is no border, unless one object fills
    the image: then there is background around it.

    Parameters
    ----------
    labels : ndarray of int, (z, y, x)
        Label image, 0 = background.
    anisotropy : (float, float, float), optional
        Sizes of a voxel (z, y, x) in any common unit; all equal when left out.
    threads : int, optional
        Threads; the number of processors when left out. The result does not depend on it.

    Returns
    -------
    ndarray of float32, (z, y, x)
        0 outside, 1 deepest in each object.

    Raises
    ------
    BadInput
        Where `labels` is no 3D label image or a size is not positive.
    """
    sizes = np.asarray((1, 1, 1) if anisotropy is None else anisotropy, np.float64)
    if sizes.shape != (3,) or not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise BadInput(f"The voxel sizes are {anisotropy}; expected three positive numbers (z, y, x).")
    objects = find_objects(labels)
    out = np.zeros(objects.labels.shape, np.float32)

    def work(start: int, stop: int) -> None:
        _share(objects.labels, objects.ids[start:stop], objects.boxes[start:stop], sizes, out)

    in_parts(work, len(objects.ids), 1, threads)
    return out


@kernel
def _envelope(line: NDArray, spacing: float, corners: NDArray, limits: NDArray, result: NDArray) -> None:
    """Replace `line[i]` by the lowest of `line[j] + (spacing * (i - j)) ** 2` over all j."""
    count, top = len(line), -1
    for j in range(count):
        if line[j] == np.inf:
            continue
        crossing = -np.inf
        while top >= 0:
            i = corners[top]
            crossing = ((line[j] - line[i]) / spacing**2 + (j * j - i * i)) / (2.0 * (j - i))
            if crossing > limits[top]:
                break
            top -= 1
            crossing = -np.inf
        top += 1
        corners[top], limits[top] = j, crossing
    if top < 0:
        return
    at = 0
    for i in range(count):
        while at < top and limits[at + 1] < i:
            at += 1
        result[i] = line[corners[at]] + (spacing * (i - corners[at])) ** 2
    line[:] = result[:count]


@kernel
def _squares(labels: NDArray, value: int, box: NDArray, sizes: NDArray) -> NDArray:
    """Return squared distances to the nearest voxel that is not `value`, in the box of first and last voxels."""
    depth, height, width = box[3] - box[0] + 1, box[4] - box[1] + 1, box[5] - box[2] + 1
    field = np.zeros((depth, height, width))
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                at_z, at_y, at_x = z + box[0], y + box[1], x + box[2]
                outside = at_z < 0 or at_y < 0 or at_x < 0
                outside = outside or at_z >= labels.shape[0] or at_y >= labels.shape[1] or at_x >= labels.shape[2]
                if not outside and labels[at_z, at_y, at_x] == value:
                    field[z, y, x] = np.inf
    longest = max(depth, height, width)
    corners, limits, result = np.empty(longest, np.int64), np.empty(longest), np.empty(longest)
    for z in range(depth):
        for y in range(height):
            _envelope(field[z, y], sizes[2], corners, limits, result)
        for x in range(width):
            _envelope(field[z, :, x], sizes[1], corners, limits, result)
    for y in range(height):
        for x in range(width):
            _envelope(field[:, y, x], sizes[0], corners, limits, result)
    return field


@kernel
def _share(labels: NDArray, ids: NDArray, boxes: NDArray, sizes: NDArray, out: NDArray) -> None:
    """Write the relative distances of the objects with these ids and boxes."""
    box = np.empty(6, np.int64)
    for index in range(len(ids)):
        for axis in range(3):
            box[axis] = max(boxes[index, axis] - 1, 0)
            box[axis + 3] = min(boxes[index, axis + 3] + 1, labels.shape[axis] - 1)
        field = _squares(labels, ids[index], box, sizes)
        if field.max() == np.inf:  # it fills the image
            box[:3], box[3:] = boxes[index, :3] - 1, boxes[index, 3:] + 1
            field = _squares(labels, ids[index], box, sizes)
        deepest = np.sqrt(field.max())
        for z in range(boxes[index, 0], boxes[index, 3] + 1):
            for y in range(boxes[index, 1], boxes[index, 4] + 1):
                for x in range(boxes[index, 2], boxes[index, 5] + 1):
                    square = field[z - box[0], y - box[1], x - box[2]]
                    if square > 0:
                        out[z, y, x] = np.sqrt(square) / deepest
