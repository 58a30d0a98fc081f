"""What the tests of the worker do again and again: start jobs like a person, read label images, compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from helpers.worker.fiji import FijiProcess

SEGMENT = "Segment Objects"


def labels_of(fiji: FijiProcess, title: str = "discs.tif labels") -> np.ndarray:
    """Wait for a label image and return its pixels as ImageJ has them."""
    fiji.wait(f"{title!r} in images()", f"{title} is open")
    path = fiji.work / f"{len(list(fiji.work.glob('*.tif')))}.tif"
    fiji.call("save", title, path.as_posix())
    return tifffile.imread(path)


def same_labels(found: np.ndarray, expected: Any) -> bool:
    """Compare with the label image of a result, bit by bit."""
    wanted = np.asarray(expected.labels).squeeze()
    return found.shape == wanted.shape and bool(np.array_equal(found.astype(np.int64), wanted))


def quick(fiji: FijiProcess, kit: Path, expected: Any) -> None:
    """Segment the small image by a macro; the labels must be those of Python alone."""
    fiji.call("show", (kit / "discs.tif").as_posix())
    fiji.call("macro", f'run("{SEGMENT}", "model=tiny device=cpu rois=none");')
    assert "discs.tif labels" in fiji.call("images"), fiji.describe()
    assert same_labels(labels_of(fiji), expected)
    fiji.run("for title in [u'discs.tif labels', u'discs.tif']: WindowManager.getImage(title).close()")


def choose(fiji: FijiProcess, **fields: Any) -> None:
    """Choose Segment Objects in the menu, fill the dialog and press OK."""
    fiji.call("choose", SEGMENT)
    fiji.wait(f"titled({SEGMENT!r}, 'GenericDialog')", "the dialog is open")
    fiji.call("fill", SEGMENT, {"Model": "tiny", "Device": "cpu", **fields})
    confirm(fiji)


def confirm(fiji: FijiProcess) -> None:
    """Press OK in the dialog until it closes: on a busy machine a window may come up below the mouse meanwhile."""
    closed = f"titled({SEGMENT!r}, 'GenericDialog') is None"
    for _ in range(3):
        fiji.call("press", SEGMENT, "OK", "GenericDialog")
        try:
            fiji.wait(closed, "the dialog is closed", 10)
        except AssertionError:
            continue
        return
    fiji.wait(closed, "the dialog is closed")


def begin(fiji: FijiProcess, kit: Path, **fields: Any) -> None:
    """Begin a job on the large image from the menu, and wait until it reports progress."""
    fiji.call("show", (kit / "large.tif").as_posix())
    choose(fiji, **fields)
    working(fiji)


def working(fiji: FijiProcess) -> None:
    """Wait until the running job is at its tiles or later."""
    fiji.wait(f"status().startswith({SEGMENT!r} + ': ')", "the job is running")
