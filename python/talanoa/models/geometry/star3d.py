"""Star distances in 3D: how far each voxel of an object is from the object's end along every ray.

The definition is that of the `stardist` package: from the voxel's centre in steps of one ray vector to the first step
whose nearest voxel belongs to something else; the distance is that between the two voxels' centres. A step that ends
exactly half-way between two voxels goes to the even offset here (there: to the even voxel), which only rays with
components such as 1/2 or 1/4 meet; spirals of an even number of rays have none but the axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.objects3d import find_objects
from talanoa.models.geometry.rays3d import Rays3D

SLAB = 16  # planes of an object in one item of work: large objects are shared among threads too
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)


class Steps(NamedTuple):
    """Where the steps along every ray end, for objects of a limited extent.

    Attributes
    ----------
    offsets : ndarray of int64, (rays, steps, 4)
        Of each step: planes, rows, phase (column offset modulo the grid) and columns of the grid.
    lengths : ndarray of float32, (rays, steps)
        Length of the whole offset in voxels.
    """

    offsets: NDArray[np.int64]
    lengths: NDArray[np.float32]


def star_distances3d(
    labels: NDArray, rays: Rays3D, grid: tuple[int, int, int] = (1, 1, 1), threads: int | None = None
) -> NDArray[np.float32]:
    """Measure from every voxel to the end of its own object along each ray.

    Parameters
    ----------
    labels : ndarray of int, (z, y, x)
        Label image, 0 = background. Beyond the image there is background.
    rays : Rays3D
        Directions; with anisotropy they have it in them.
    grid : (int, int, int)
        Measure at every grid-th voxel only.
    threads : int, optional
        Threads; the number of processors when left out. The result does not depend on it.

    Returns
    -------
    ndarray of float32, (ceil(z / grid), ceil(y / grid), ceil(x / grid), rays)
        Distances in voxels; 0 in the background.

    Raises
    ------
    BadInput
        Where `labels` is no 3D label image or `grid` is not three positive whole numbers.
    """
    if len(grid) != 3 or any(step != int(step) or step < 1 for step in grid):
        raise BadInput(f"The grid is {grid}; expected three whole numbers of at least 1 (z, y, x).")
    gz, gy, gx = (int(step) for step in grid)
    objects = find_objects(labels)
    shape = tuple(-(-size // step) for size, step in zip(objects.labels.shape, (gz, gy, gx), strict=True))
    out = np.zeros((*shape, len(rays)), np.float32)
    if not len(objects.ids):
        return out
    steps = ray_steps(rays, gx, int((objects.boxes[:, 3:] - objects.boxes[:, :3]).max()) + 1)
    items = _items(objects.boxes, objects.ids, gz)

    def work(start: int, stop: int) -> None:
        _measure(objects.labels, items[start:stop], steps.offsets, steps.lengths, (gz, gy, gx), out)

    in_parts(work, len(items), 1, threads)
    return out


def ray_steps(rays: Rays3D, grid: int, extent: int) -> Steps:
    """Tabulate the steps along each ray until they have left any object `extent` voxels long, wherever it lies.

    Positions add up in single precision as in the original, so that both round alike.
    """
    progress = np.abs(rays.vertices).max(axis=1)
    if not (progress > 0).all():
        raise BadInput("A ray has no length; expected directions of length 1.")
    count = int(np.ceil((extent + 1) / progress.min())) + 2
    ends = np.cumsum(np.broadcast_to(rays.vertices[:, None], (len(rays), count, 3)), axis=1, dtype=np.float32)
    offsets = np.rint(ends).astype(np.int64)
    lengths = np.sqrt((offsets**2).sum(axis=-1)).astype(np.float32)
    columns, phases = np.divmod(offsets[..., 2], grid)
    table = np.stack([offsets[..., 0], offsets[..., 1], phases, columns], axis=-1)
    return Steps(np.ascontiguousarray(table), lengths)


def _items(boxes: NDArray[np.int64], ids: NDArray[np.int64], grid: int) -> NDArray[np.int64]:
    """List what can be done apart: (id, box, first and last plane), with planes that lie on the grid."""
    slab = -(-SLAB // grid) * grid
    first = boxes[:, 0] // grid * grid
    counts = (boxes[:, 3] - first) // slab + 1
    of = np.repeat(np.arange(len(ids)), counts)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = first[of] + nth * slab
    begin = np.maximum(start, -(-boxes[of, 0] // grid) * grid)
    end = np.minimum(start + slab - 1, boxes[of, 3])
    return np.column_stack([ids[of], boxes[of], begin, end])


@kernel
def _bit_positions() -> NDArray:
    """Return the table that finds the lowest set bit of 64: (bit * de Bruijn sequence) >> 58 -> position."""
    table = np.zeros(64, np.int64)
    for position in range(64):
        table[((uint64(1) << uint64(position)) * DE_BRUIJN) >> uint64(58)] = position
    return table


@kernel
def _pack(labels: NDArray, item: NDArray, grid: int) -> NDArray:
    """Write the object as bits (planes, rows, phases, words): columns of equal remainder by `grid` lie side by side.

    A word of zeros stands before and two after each row, for reading beside the object.
    """
    value, z0, y0, x0, z1, y1, x1 = item[0], item[1], item[2], item[3], item[4], item[5], item[6]
    start = x0 // grid
    words = (x1 // grid - start) // 64 + 1
    bits = np.zeros((z1 - z0 + 1, y1 - y0 + 1, grid, words + 3), np.uint64)
    for z in range(z0, z1 + 1):
        for y in range(y0, y1 + 1):
            row = bits[z - z0, y - y0]
            for x in range(x0, x1 + 1):
                if labels[z, y, x] == value:
                    column = x // grid - start
                    row[x % grid, (column >> 6) + 1] |= uint64(1) << uint64(column & 63)
    return bits


@kernel
def _walk(
    bits: NDArray, row: tuple[int, int, int], offsets: NDArray, lengths: NDArray, positions: NDArray, out: NDArray
) -> None:
    """Follow every ray from up to 64 voxels of a row (plane, row, word) at once.

    A bit is a voxel still inside its object; one that has left gets its distance in `out` (columns, rays).
    """
    plane, line, word = row
    depth, height, _, width = bits.shape
    for ray in range(offsets.shape[0]):
        alive = bits[plane, line, 0, word + 1]
        step = 0
        while alive and step < offsets.shape[1]:
            z, y = plane + offsets[ray, step, 0], line + offsets[ray, step, 1]
            at = (word + 1) * 64 + offsets[ray, step, 3]
            there = uint64(0)
            if 0 <= z < depth and 0 <= y < height and 0 <= at < (width - 1) * 64:
                strip = bits[z, y, offsets[ray, step, 2]]
                shift = uint64(at & 63)
                there = strip[at >> 6] >> shift
                there |= (strip[(at >> 6) + 1] << uint64(1)) << (uint64(63) - shift)
            gone = alive & ~there
            alive &= there
            while gone:
                lowest = gone & (~gone + uint64(1))
                out[positions[(lowest * DE_BRUIJN) >> uint64(58)], ray] = lengths[ray, step]
                gone ^= lowest
            step += 1


@kernel
def _measure(
    labels: NDArray,
    items: NDArray,
    offsets: NDArray,
    lengths: NDArray,
    grid: tuple[int, int, int],
    out: NDArray,
) -> None:
    """Measure the objects' parts listed in `items` (id, box, first and last plane)."""
    gz, gy, gx = grid
    positions = _bit_positions()
    for index in range(len(items)):
        item = items[index]
        bits = _pack(labels, item, gx)
        z0, y0, start = item[1], item[2], item[3] // gx
        for z in range(item[7], item[8] + 1, gz):
            for y in range((y0 + gy - 1) // gy * gy, item[5] + 1, gy):
                for word in range(bits.shape[3] - 3):
                    if bits[z - z0, y - y0, 0, word + 1]:
                        strip = out[z // gz, y // gy, start + word * 64 :]
                        _walk(bits, (z - z0, y - y0, word), offsets, lengths, positions, strip)
