"""Unsaved work: the ROIs of the image in work, written at every change, so that a crash loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from talanoa import rois
from talanoa.core.errors import BadInput
from talanoa.rois.roi_set import RoiSet, empty
from talanoa.segmentation.dataset.form import Dataset, make_folder

FOLDER = "autosave"


def place(name: str) -> str:
    """Return where the unsaved work on an image is, relative to the annotations."""
    return f".talanoa/{FOLDER}/{name}.zip"


def write(dataset: Dataset, name: str, work: RoiSet) -> dict[str, Any] | None:
    """Keep the ROIs of an image as unsaved work; without ROIs the kept ones are dropped."""
    path = dataset.annotations / place(dataset.entry(name).name)
    if not len(work):
        remove(dataset, name)
        return None
    make_folder(path.parent)
    rois.write_zip(path, work, overwrite=True)
    return _described(path, len(work))


def find(dataset: Dataset, name: str) -> dict[str, Any] | None:
    """Return name, when and objects of unsaved work on an image that differs from what is saved; else None."""
    path = dataset.annotations / place(name)
    if not path.is_file():
        return None
    work = read_rois(path)
    return None if same(work, read_rois(dataset.rois_path(name))) else _described(path, len(work))


def find_all(dataset: Dataset) -> list[dict[str, Any]]:
    """Return all unsaved work of a dataset."""
    folder = dataset.hidden / FOLDER
    kept = {path.stem for path in folder.glob("*.zip")} if folder.is_dir() else set()
    found = [find(dataset, entry.name) for entry in dataset.entries if entry.name in kept]
    return [one for one in found if one]


def restore(dataset: Dataset, name: str) -> RoiSet:
    """Return the unsaved work on an image.

    Raises
    ------
    BadInput
        There is none.
    """
    path = dataset.annotations / place(name)
    if not path.is_file():
        raise BadInput(f"There is no unsaved work on {name}; expected an autosave. Open the image with action=next.")
    return read_rois(path)


def remove(dataset: Dataset, name: str) -> None:
    """Drop the unsaved work on an image."""
    (dataset.annotations / place(name)).unlink(missing_ok=True)


def read_rois(path: Path) -> RoiSet:
    """Return the ROIs of a file; no file, or one without entries, has none."""
    if not path.is_file() or path.stat().st_size <= len(_EMPTY_ZIP):
        return empty()
    return rois.read_zip(path, as_drawn=True).rois


def same(one: RoiSet, other: RoiSet) -> bool:
    """Tell whether two sets have the same outlines at the same places with the same groups; names may differ."""
    keys = ("path_start", "roi_start", "group")
    return (
        len(one) == len(other)
        and all(np.array_equal(getattr(one, key), getattr(other, key)) for key in keys)
        and (np.array_equal(one.xy, other.xy))
    )


_EMPTY_ZIP = b"PK\5\6" + bytes(18)


def _described(path: Path, objects: int) -> dict[str, Any]:
    when = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"name": path.stem, "when": when, "objects": objects}
