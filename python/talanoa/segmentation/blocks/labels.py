"""The label image of a segmentation in blocks: OME-Zarr that is written a block at a time, and its smaller levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.image.formats import zarr as image_zarr
from talanoa.segmentation.blocks.grid import Box, slices

NAME = "labels.ome.zarr"
_LARGEST_CHUNK = {"z": 16, "y": 1024, "x": 1024}
_SMALLEST_LEVEL = 512


class LabelImage:
    """A label image on disk, int32 (t, 1, z, y, x), with levels of half the width and height each.

    Parameters
    ----------
    folder : Path
        The OME-Zarr folder; made where it is missing.
    shape : (t, c, z, y, x)
        Size.
    core : sequence of int
        Side of a block along y, x or z, y, x: a chunk never belongs to two blocks.
    attrs : dict
        Pixel size, unit, frame interval and name of the image.
    """

    def __init__(self, folder: Path, shape: Sequence[int], core: Sequence[int], attrs: dict[str, Any]) -> None:
        self.folder, self._attrs = folder, attrs
        self._core = (1,) * (3 - len(core)) + tuple(core)
        self.levels = [self._array(0, tuple(shape))]

    def _array(self, level: int, shape: tuple[int, ...]) -> Any:
        """Open a level, or make it."""
        import zarr

        group: Any = zarr.open_group(self.folder, mode="a", zarr_format=2)
        if str(level) in group:
            return group[str(level)]
        chunks = (1, 1, *(_chunk(side, axis) for side, axis in zip(self._core, "zyx", strict=True)))
        return group.create_array(
            str(level),
            shape=shape,
            dtype=np.int32,
            chunks=tuple(min(pair) for pair in zip(chunks, shape, strict=True)),
            fill_value=0,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )

    def write(self, frame: int, box: Box, labels: NDArray[np.int32]) -> None:
        """Write a block of a frame (counted from 0)."""
        where = slices(box) if len(box) == 3 else (slice(0, 1), *slices(box))
        self.levels[0][(frame, 0, *where)] = labels if labels.ndim == 3 else labels[None]

    def finish(self) -> Iterator[tuple[int, int]]:
        """Write the smaller levels and the metadata; yields (done, all) pieces."""
        while max(self.levels[-1].shape[-2:]) > _SMALLEST_LEVEL:
            last = self.levels[-1]
            smaller = self._array(len(self.levels), (*last.shape[:3], -(-last.shape[3] // 2), -(-last.shape[4] // 2)))
            self.levels.append(smaller)
            pieces = list(_pieces(smaller.shape, smaller.chunks))
            for number, piece in enumerate(pieces):
                rows, columns = (slice(side.start * 2, side.stop * 2, 2) for side in piece[3:])
                smaller[piece] = last[(*piece[:3], rows, columns)]
                yield number + 1, len(pieces)
        image_zarr.describe_levels(self.folder, [level.shape for level in self.levels], self._attrs)


def _chunk(side: int, axis: str) -> int:
    """Return the largest divisor of a block's side that is a good length of a chunk."""
    return max(length for length in range(1, _LARGEST_CHUNK[axis] + 1) if side % length == 0)


def _pieces(shape: Sequence[int], chunks: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Yield the chunks of an array as slices."""
    starts = (range(0, size, chunk) for size, chunk in zip(shape, chunks, strict=True))
    for place in product(*starts):
        sides = zip(place, chunks, shape, strict=True)
        yield tuple(slice(start, min(start + chunk, size)) for start, chunk, size in sides)
