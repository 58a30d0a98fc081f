"""Arrays in one block of shared memory, as ImageJ's side (`talanoa_fiji/block.py`) writes and reads them.

A layout says where they are: ``{"name", "size", "arrays": {key: {"dtype", "shape", "offset"}}}``, plain values that
travel beside the block. Arrays are C-ordered, little-endian, and begin at multiples of 64 bytes.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from appose import SharedMemory
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

ALIGNMENT = 64
LINUX_FOLDER = Path("/dev/shm")
_SPARE = 16 << 20  # bytes left free for others


class Planes(Protocol):
    """An array that comes plane by plane, and so is copied once."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Planes, and the size of a plane."""

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield the planes."""


def create(name: str, arrays: Mapping[str, NDArray[Any] | Planes]) -> tuple[SharedMemory, dict[str, Any]]:
    """Copy arrays into a new block.

    Parameters
    ----------
    name : str
        Name of the block; nothing of that name may exist.
    arrays : mapping of str to ndarray or Planes
        uint8, uint16, int32, float32 or float64.

    Returns
    -------
    SharedMemory
        To be given to `release` once the other side has read it.
    dict
        The layout.

    Raises
    ------
    BadInput
        Shared memory is full.
    """
    layout = _layout(name, arrays)
    _check_room(layout["size"])
    try:
        memory = SharedMemory(name=name, create=True, rsize=layout["size"])
    except OSError as error:
        raise BadInput(
            f"{_need(layout['size'])} could not be had ({error}). Close images or other programs."
        ) from error
    for key, values in arrays.items():
        place = view(memory, layout, key)
        if isinstance(values, np.ndarray):
            place[...] = values
            continue
        for number, plane in enumerate(values):
            place[number] = plane
    return memory, layout


def attach(layout: Mapping[str, Any]) -> SharedMemory:
    """Open the block of a layout, and take its name away where that is possible: then nothing is left, come what may.

    Raises
    ------
    BadInput
        The block does not exist (any more).
    """
    try:
        memory = SharedMemory(name=layout["name"], rsize=layout["size"])
    except OSError as error:
        raise BadInput(f"The pixels did not arrive ({error}); expected the shared memory {layout['name']}.") from error
    _unlink(memory)
    return memory


def view(memory: SharedMemory, layout: Mapping[str, Any], key: str) -> NDArray[Any]:
    """Return one array of a block, without a copy; it must be gone before `release`."""
    found = layout["arrays"][key]
    shape = tuple(found["shape"])
    count = math.prod(shape)
    flat = np.frombuffer(memory.buf, np.dtype(found["dtype"]), count, found["offset"]) if count else np.empty(0)
    return flat.astype(found["dtype"], copy=False).reshape(shape)


def release(memory: SharedMemory) -> None:
    """Give a block back to the system; a view that somebody still holds keeps its pages until it is gone."""
    _unlink(memory)
    try:
        memory.close()
    except BufferError:  # the pages go with the last view, the rest now
        memory._buf = memory._mmap = None
        memory.close()


def sweep() -> list[str]:
    """Remove what a Fiji that was killed left behind, where the system shows it (Linux); return the names."""
    import psutil

    removed = []
    for left in LINUX_FOLDER.glob("talanoa-*") if sys.platform.startswith("linux") else ():
        owner = left.name.split("-")[1]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            try:
                left.unlink()
            except OSError:  # another user's
                continue
            removed.append(left.name)
    return removed


def _layout(name: str, arrays: Mapping[str, NDArray[Any] | Planes]) -> dict[str, Any]:
    """Say where each array will be."""
    places, offset = {}, 0
    for key, values in arrays.items():
        places[key] = {"dtype": values.dtype.name, "shape": list(values.shape), "offset": offset}
        nbytes = math.prod(values.shape) * values.dtype.itemsize
        offset += -(-nbytes // ALIGNMENT) * ALIGNMENT
    return {"name": name, "size": max(offset, ALIGNMENT), "arrays": places}


def _check_room(size: int) -> None:
    """Refuse a block that does not fit: writing beyond the end of a full file system would end the process."""
    if not sys.platform.startswith("linux"):
        return
    free = shutil.disk_usage(LINUX_FOLDER).free
    if size + _SPARE > free:
        raise BadInput(
            f"{_need(size)} were needed and {free / 2**20:.0f} MB are free in {LINUX_FOLDER}; expected it to fit. "
            "Close images or other programs, or take a part of the image. In a container, raise --shm-size."
        )


def _need(size: int) -> str:
    """Name an amount of shared memory."""
    return f"{size / 2**20:.0f} MB of shared memory"


def _unlink(memory: SharedMemory) -> None:
    """Take the name of a block away (nothing to do on Windows, where it goes with the last handle)."""
    if sys.platform == "win32":
        return
    # NB: appose has told Python's tracker to forget the block, and unlink tells it once more.
    resource_tracker.register(memory._name, "shared_memory")
    try:
        memory.unlink()
    except FileNotFoundError:
        resource_tracker.unregister(memory._name, "shared_memory")
