"""Make an image that is larger than memory into a file, frame by frame; interrupted, it goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from talanoa.core.errors import BadInput
from talanoa.image.formats.tiff_frames import FrameFile
from talanoa.models.runtime.frames import ImageWork
from talanoa.models.runtime.store import RESULT, Store

UNCERTAINTY = "uncertainty.tif"
DONE = "frames"
README = """This folder holds the unfinished work on a large image.

To go on with it, give the same command again (same image, model, settings and result folder): frames that are done are
not done again. When the result is complete it is moved to its place and this folder disappears.
To forget it, delete this folder.
"""


def write(work: ImageWork, store: Store) -> Path:
    """Make all frames into the result folder of a store; frames that are there already are not done again.

    Parameters
    ----------
    work : ImageWork
        What to do; its record is complete afterwards.
    store : Store
        The folder of the unfinished work.

    Returns
    -------
    Path
        The folder with the image (``restored.tif``, ``predicted.tif``) and, where it is asked for, ``uncertainty.tif``.

    Raises
    ------
    BadInput
        The disk has not room enough; a pixel is no number.
    Cancelled
        Stopped by the user; the store keeps what is done.
    """
    folder = store.folder / RESULT
    folder.mkdir(exist_ok=True)
    done = store.marked(DONE)
    if done is None:
        _check_room(work, folder)
    image = FrameFile(folder / f"{work.made}.tif", work.shape, work.kind, work.attrs(work.made))
    spread = None
    if work.request.uncertainty:
        spread = FrameFile(folder / UNCERTAINTY, work.spread_shape, np.dtype(np.float32), work.attrs("uncertainty"))
    first = int(done["done"]) if done else 0
    if done:
        work.skip(map(image.get, range(first)), done["numbers"])
    for number, frame in enumerate(work.frames(first), first):
        image.put(number, frame.values)
        if spread is not None and frame.uncertainty is not None:
            spread.put(number, frame.uncertainty)
        store.mark(DONE, done=number + 1, numbers=work.numbers.state())
    return folder


def done_in(store: Store) -> int:
    """Return how many frames are done."""
    return int((store.marked(DONE) or {"done": 0})["done"])


def _check_room(work: ImageWork, folder: Path) -> None:
    """Raise `BadInput` when the disk cannot hold the result."""
    needed = np.prod(work.shape, dtype=float) * work.kind.itemsize
    needed += np.prod(work.spread_shape, dtype=float) * (4 if work.request.uncertainty else 0)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BadInput(
            f"The result takes {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free at {folder.parent}; expected "
            "room for it. Free some space, choose a folder on another disk, or take dtype=uint16."
        )
