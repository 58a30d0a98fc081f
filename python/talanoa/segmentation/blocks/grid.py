"""Blocks of a large image: where they lie, which are near each other, and what they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.record import array_sha256
from talanoa.image.lazy import LazyImage
from talanoa.models.runtime import inference, tiles

Box = tuple[tuple[int, int], ...]  # (start, stop) along y, x or z, y, x
CHUNK = 16  # pixels: labels are stored in pieces of a multiple where blocks are not cut to fit


@dataclass(frozen=True)
class Grid:
    """The blocks of one frame: the tiles of the network's plan, each of which owns the objects centred in it.

    Parameters
    ----------
    shape : tuple of int
        Size of the frame, (y, x) or (z, y, x).
    core : tuple of int
        Side of a block along each axis; those at the far sides may be smaller.
    counts : tuple of int
        Blocks along each axis.
    tiles : tuple of Tile
        In the order of the plan, the last axis fastest.
    """

    shape: tuple[int, ...]
    core: tuple[int, ...]
    counts: tuple[int, ...]
    tiles: tuple[tiles.Tile, ...]

    def __len__(self) -> int:
        return len(self.tiles)

    @cached_property
    def edges(self) -> list[NDArray[np.intp]]:
        """First pixel of each row of blocks, for each axis."""
        return [np.unique([tile.core[axis][0] for tile in self.tiles]) for axis in range(len(self.shape))]

    def box(self, block: int) -> Box:
        """Return the pixels that a block owns."""
        return self.tiles[block].core

    def around(self, box: Box, distance: Sequence[float]) -> list[int]:
        """Return the blocks that lie within a distance (for each axis, pixels) of a box, ascending."""
        ranges = []
        for (start, stop), far, edges in zip(box, distance, self.edges, strict=True):
            first = int(np.searchsorted(edges, start - far, "right")) - 1
            ranges.append(range(max(0, first), int(np.searchsorted(edges, stop - 1 + far, "right"))))
        strides = [prod(self.counts[axis + 1 :]) for axis in range(len(self.counts))]
        return [sum(k * step for k, step in zip(place, strides, strict=True)) for place in product(*ranges)]


def plan(shape: Sequence[int], config: Any, side: int | None, count: int | None = None) -> Grid:
    """Cut a frame into blocks.

    Parameters
    ----------
    shape : sequence of int
        Size of the frame.
    config : StarDistConfig or StarDist3DConfig
        Halo and poolings of the network.
    side : int or None
        Largest side of a block; None: the plan of an image that is segmented in one piece, so that the network gives
        the same numbers bit for bit.
    count : int or None
        Without a side: the number of tiles asked for.
    """
    parts = inference.planned_parts(shape, config, count) if side is None else tiles.splits_for(shape, None, side)
    made = tiles.plan(shape, parts, config.halo, config.multiple)
    core = tuple(
        tiles.padded_size(-(-size // n), step) for size, n, step in zip(shape, parts, config.multiple, strict=True)
    )
    counts = tuple(-(-size // side) for size, side in zip(shape, core, strict=True))
    return Grid(tuple(shape), core, counts, tuple(made))


def placed(grid: Grid, shape: Sequence[int]) -> Grid:
    """Return the same blocks in an image of another size: where what the network sees lies in the image itself.

    Parameters
    ----------
    grid : Grid
        Blocks of a scaled frame.
    shape : sequence of int
        Size of the frame itself.
    """
    if tuple(shape) == grid.shape:
        return grid
    factors = [size / seen for size, seen in zip(shape, grid.shape, strict=True)]

    def box(core: Box) -> Box:
        return tuple((round(a * by), round(b * by)) for (a, b), by in zip(core, factors, strict=True))

    boxes = [box(tile.core) for tile in grid.tiles]
    core = tuple(-(-max(b[axis][1] - b[axis][0] for b in boxes) // CHUNK) * CHUNK for axis in range(len(shape)))
    return Grid(tuple(shape), core, grid.counts, tuple(tiles.Tile(each, each) for each in boxes))


def of_plane(grid: Grid) -> Grid:
    """Return the blocks of one plane of a volume; those of a plane are what they are."""
    if len(grid.shape) == 2:
        return grid
    boxes = dict.fromkeys(tile.core[1:] for tile in grid.tiles)
    return Grid(grid.shape[1:], grid.core[1:], grid.counts[1:], tuple(tiles.Tile(box, box) for box in boxes))


def dilated(box: Box, by: Sequence[float], shape: Sequence[int]) -> Box:
    """Return a box enlarged on all sides, within the image."""
    far = [int(np.ceil(distance)) for distance in by]
    sides = zip(box, far, shape, strict=True)
    return tuple((max(0, start - more), min(size, stop + more)) for (start, stop), more, size in sides)


def slices(box: Box, origin: Sequence[int] | None = None) -> tuple[slice, ...]:
    """Return a box as slices, counted from an origin."""
    first = origin or (0,) * len(box)
    return tuple(slice(start - zero, stop - zero) for (start, stop), zero in zip(box, first, strict=True))


class Pixels:
    """The frame of an image on disk as an array (channels, y, x) or (channels, z, y, x) that is read when it is cut.

    Parameters
    ----------
    image : LazyImage
        All frames, channels and slices.
    frame : int
        Counted from 0.
    channels : slice
        Which channels.
    plane : int or None
        The slice, counted from 0, that is the image of a 2D model; None: the whole stack.
    """

    def __init__(self, image: LazyImage, frame: int, channels: slice, plane: int | None) -> None:
        self._image, self._frame, self._channels, self._plane = image, frame, channels, plane
        sizes = image.form.sizes
        count = len(range(*channels.indices(sizes["c"])))
        space = (sizes["y"], sizes["x"]) if plane is not None else (sizes["z"], sizes["y"], sizes["x"])
        self.shape = (count, *space)
        self._hashes: dict[Box, str] = {}

    def __getitem__(self, part: tuple[slice, ...]) -> NDArray[Any]:
        values = self.compute(part[1:])
        self._hashes[tuple((side.start, side.stop) for side in part[1:])] = array_sha256(values)
        return values

    def compute(self, part: tuple[slice, ...]) -> NDArray[Any]:
        """Return a part (channels, …) of all channels, without remembering its hash."""
        z = part[0] if self._plane is None else slice(self._plane, self._plane + 1)
        values = self._image.fetch(self._frame, self._channels, (z, part[-2], part[-1]))
        check_finite(values)
        return values if self._plane is None else values[:, 0]

    def hash_of(self, box: Box) -> str:
        """Return the hash of a part that was read; what lies beyond the image does not count.

        NB: it is kept: in a small image several blocks read the same part, the next one ahead of this one's answer.
        """
        sides = zip(box, self.shape[1:], strict=True)
        return self._hashes[tuple((start, min(stop, size)) for (start, stop), size in sides)]


def check_finite(values: NDArray[Any]) -> None:
    """Raise `BadInput` where pixels are no numbers."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadInput(
            "The image has pixels that are NaN or infinite; expected finite values. Replace them "
            "first (in ImageJ: Process > Noise > Remove NaNs, or Process > Math > Macro)."
        )
