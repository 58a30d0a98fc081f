"""A dataset for the tests, and the task `annotate` asked as a window asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from helpers import synthetic
from talanoa import image as images
from talanoa import rois, tasks
from talanoa.core.host import QuietHost


def ask(action: str, dataset: Path | None = None, **given: Any) -> dict[str, Any]:
    """Return the reply to a request; `rois` that are no text and `imp` go with it."""
    drawn = given.pop("rois", None)
    image = given.pop("imp", None)
    keys = {"task": "annotate", "action": action, **given}
    if dataset is not None:
        keys["dataset"] = str(dataset)
    if isinstance(drawn, str):
        keys["rois"], drawn = drawn, None
    return tasks.run(keys, QuietHost(), image, drawn)


def done(action: str, dataset: Path | None = None, **given: Any) -> dict[str, Any]:
    """Return the reply to a request that must be granted."""
    reply = ask(action, dataset, **given)
    assert reply["status"] == "ok", reply["message"]
    return reply


def refused(action: str, dataset: Path | None = None, **given: Any) -> str:
    """Return the message of a request that must be refused."""
    reply = ask(action, dataset, **given)
    assert reply["status"] == "error", reply["message"]
    return reply["message"]


def sources(folder: Path, number: int = 6, **kinds: Any) -> Path:
    """Write images of nuclei with a pixel size, and their true labels; returns the folder of the images."""
    (folder / "source").mkdir(parents=True)
    (folder / "truth").mkdir()
    for seed in range(number):
        picture, labels = synthetic.nuclei(seed=seed, **{"size": 96, "count": 6, **kinds})
        form = {"dims": "yx", "pixel_size": (1, 0.5, 0.5), "unit": "µm"}
        images.write(folder / "source" / f"field_{seed}.tif", images.from_array(picture, **form))
        images.write_labels(folder / "truth" / f"field_{seed}.tif", images.from_array(labels, **form))
    return folder / "source"


def dataset(folder: Path, number: int = 3, **keys: Any) -> Path:
    """Make a dataset of images of nuclei."""
    done("new", folder / "set", **keys)
    done("pick", folder / "set", source=str(sources(folder, number)))
    return folder / "set"


def truth(dataset: Path, name: str) -> rois.RoiSet:
    """Return the true outlines of an image of `dataset`."""
    return rois.from_labels(images.read_labels(dataset.parent / "truth" / f"{name}.tif"))


def square(size: int, *corners: tuple[int, int, int, int]) -> rois.RoiSet:
    """Return the outlines of rectangles (y, x, height, width)."""
    labels = np.zeros((size, size), np.int32)
    for number, (y, x, height, width) in enumerate(corners, 1):
        labels[y : y + height, x : x + width] = number
    return rois.from_labels(images.from_array(labels, "yx"))


def plane(size: int = 64) -> xr.DataArray:
    """Return an empty image."""
    return images.from_array(np.zeros((size, size), np.uint8), "yx", pixel_size=(1, 0.5, 0.5), unit="µm", name="plane")


def files(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but hidden ones, with their bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
