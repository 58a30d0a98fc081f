"""Chunks of an OME-Zarr image that are not in its folder.

Zarr reads a chunk that is not there as its fill value (0), and its writers leave out chunks that are 0 everywhere: a
folder cannot tell an empty chunk from one that was not copied or not recorded. In label images empty planes are
common. In an image a whole plane without a single chunk hardly is a recorded one: it counts as missing, like a plane
of a TIFF file. Single chunks, as the corners of a mosaic, are read as 0, and their number is said.
"""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image.formats.missing import Kept, Present, places, settle

_MOST_CHUNKS = 2_000_000
_MOST_EMPTY = 100  # chunks left out for one that is stored
_SMALL = 1 << 28  # bytes that an image without pixels may take
_WHY = (
    "OME-Zarr reads such planes as 0, whether they are empty, were not recorded or not copied. Expected a chunk at "
    "least of each plane: copy or export the folder again."
)


class Selected:
    """An array of which only some frames, slices or channels are used.

    Parameters
    ----------
    array : zarr.Array
        All of it.
    axis : int
        Along which some were left out.
    numbers : sequence of int
        Those that are used.
    """

    def __init__(self, array: Any, axis: int, numbers: tuple[int, ...]) -> None:
        self._array, self._axis, self._numbers = array, axis, np.asarray(numbers)
        self.shape = (*array.shape[:axis], len(numbers), *array.shape[axis + 1 :])
        self.dtype = array.dtype

    def __getitem__(self, part: Any) -> NDArray[Any]:
        """Return a part; `part` is ... or one slice per axis."""
        slices = [slice(None)] * len(self.shape) if part is Ellipsis else list(part)
        slices[self._axis] = self._numbers[slices[self._axis]]
        return np.asarray(self._array.oindex[tuple(slices)])


def complete(path: Path, array: Any, axes: str, missing: str, labels: bool) -> tuple[Any, Kept]:
    """Return the planes of an image that are read, and what is missing.

    Parameters
    ----------
    path : Path
        The folder of the image, for messages.
    array : zarr.Array
        Its full-resolution level.
    axes : str
        A letter of tczyx for each axis.
    missing : str
        What to do where whole planes are missing; see `talanoa.image.formats.missing.settle`.
    labels : bool
        It is a label image, whose planes may be empty.

    Raises
    ------
    BadInput
        Whole planes are missing and are not to be left out; the array is far larger than what is stored of it.
    """
    there = _there(path, array)
    if labels or there.all():
        return array, Kept()
    _refuse_hollow(path, array, there)
    leading = "".join(letter for letter in axes.upper() if letter in "TZC")
    within = tuple(at for at, letter in enumerate(axes.upper()) if letter not in "TZC")
    sides = [side for side, letter in zip(array.shape, axes.upper(), strict=True) if letter in "TZC"]
    steps = [step for step, letter in zip(_chunk(array), axes.upper(), strict=True) if letter in "TZC"]
    present: Present = np.asarray(there.any(axis=within))
    for at, (side, step) in enumerate(zip(sides, steps, strict=True)):
        present = present.repeat(step, at).take(np.arange(side), at)
    if present.all():
        gone = f"{int((~there).sum()):,} of the {there.size:,} chunks of the image are not in the folder"
        return array, Kept((f"{gone}: OME-Zarr leaves out empty ones, and they are read as 0",))
    missed = f"{int((~present).sum())} of {present.size} planes have no chunk in the folder"
    kept = settle(path.name, present, leading, missing, f"{missed}{places(present, leading)}.", _WHY)
    return (Selected(array, axes.upper().index(kept.axis), kept.numbers) if kept.axis else array), kept


def _there(path: Path, array: Any) -> NDArray[np.bool_]:
    """Return which chunks (or shards) of an array are in its folder."""
    folder = path / array.path
    files = set()
    for place, _, names in os.walk(folder):
        inside = Path(place).relative_to(folder).as_posix()
        files |= {name if inside == "." else f"{inside}/{name}" for name in names}
    counts = [-(-side // step) for side, step in zip(array.shape, _chunk(array), strict=True)]
    if math.prod(counts) > max(_MOST_CHUNKS, len(files) * _MOST_EMPTY):
        raise _hollow(path, array, math.prod(counts), len(files))
    keys = (array.metadata.encode_chunk_key(where) in files for where in itertools.product(*map(range, counts)))
    return np.fromiter(keys, bool, math.prod(counts)).reshape(counts)


def _refuse_hollow(path: Path, array: Any, there: NDArray[np.bool_]) -> None:
    """Refuse a large image of which next to nothing is stored: its header is wrong, and reading it takes memory."""
    held = int(there.sum())
    if math.prod(array.shape) * array.dtype.itemsize > _SMALL and held * _MOST_EMPTY < there.size:
        raise _hollow(path, array, there.size, held)


def _hollow(path: Path, array: Any, chunks: int, held: int) -> BadInput:
    """Return the error for an image of which next to nothing is stored."""
    return BadInput(
        f"{path.name} declares {' x '.join(f'{side:,}' for side in array.shape)} pixels in {chunks:,} chunks, and "
        f"{held:,} of them are in the folder; expected most of them. Copy or export the folder again."
    )


def _chunk(array: Any) -> tuple[int, ...]:
    """Return the size of what is one file: a chunk, or a shard of several."""
    return tuple(array.shards or array.chunks)
