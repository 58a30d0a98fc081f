"""Saving an annotation: mask, ROI zip and classes of an image appear together; the last saves can be taken back."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from talanoa import image as images
from talanoa import rois
from talanoa.annotation import autosave
from talanoa.annotation.objects import Objects, check_classes
from talanoa.core.errors import BadInput
from talanoa.image import lazy as image_lazy
from talanoa.image import reading
from talanoa.rois.roi_set import RoiSet
from talanoa.segmentation.dataset import journal, names
from talanoa.segmentation.dataset.form import Dataset, read
from talanoa.segmentation.dataset.states import Entry

if TYPE_CHECKING:
    import xarray as xr

_WHAT = "what.json"  # of an undo: the image, its state before, and its unsaved work


def save(dataset: Dataset, name: str, objects: Objects, who: str = "") -> tuple[Dataset, list[str]]:
    """Write the annotation of an image: `masks/<name>.tif`, `rois/<name>.zip`, `classes/<name>.csv`.

    Parameters
    ----------
    dataset : Dataset
    name : str
        An image of the dataset.
    objects : Objects
        Labels of the image's size.
    who : str
        Who annotated it.

    Returns
    -------
    dataset : Dataset
        With the image done.
    notes : list of str

    Raises
    ------
    BadInput
        Another size than the image; groups of ROIs that are no class; the folder cannot be written.
    """
    entry, notes = dataset.entry(name), check_classes(objects, dataset.classes)
    form = check_size(dataset, entry, objects)
    outlines = rois.bound_in(objects.rois, *(int(form.sizes[dim]) for dim in "czt"))
    done = entry.model_copy(
        update={"status": "done", "who": names.person(who), "when": names.now(), "objects": objects.count}
    )
    with journal.change(dataset, done) as change:
        _keep(dataset, entry, change)
        images.write_labels(change.folder / "mask.tif", objects.labels)
        change.moves["mask.tif"] = f"masks/{entry.name}.tif"
        rois.write_zip(change.folder / "rois.zip", outlines)
        change.moves["rois.zip"] = f"rois/{entry.name}.zip"
        if dataset.classes:
            _write_classes(change.folder / "classes.csv", objects.classes)
            change.moves["classes.csv"] = f"classes/{entry.name}.csv"
        change.remove += [place for place in _present(dataset, entry.name) if place not in change.moves.values()]
    autosave.remove(dataset, entry.name)
    return read(dataset.root, dataset.annotator), notes


def skip(dataset: Dataset, name: str) -> Dataset:
    """Mark an image as skipped; its annotation, if it has one, stays."""
    entry = dataset.entry(name).model_copy(update={"status": "skipped"})
    with journal.change(dataset, entry):
        pass  # only the state changes
    return read(dataset.root, dataset.annotator)


def undo(dataset: Dataset) -> tuple[Dataset, Entry, RoiSet]:
    """Take back the last save: the files are as before it, and what was saved is unsaved work again.

    Returns
    -------
    dataset : Dataset
    entry : Entry
        The image, in its state before.
    work : RoiSet
        What the save had written; it is autosaved.

    Raises
    ------
    BadInput
        There is nothing to take back.
    """
    known = journal.undo_numbers(dataset)
    if not known:
        raise BadInput(f"There is no save to take back in {dataset.annotations}; expected a save before.")
    kept = dataset.hidden / journal.UNDO / known[-1]
    what = journal.read_plan(kept / _WHAT, journal.Undo)
    entry = Entry.model_validate(what["entry"])
    lost = [place for place in what["files"] if not (kept / place.replace("/", "-")).is_file()]
    if lost:
        raise BadInput(
            f"{kept} cannot be taken back: {', '.join(lost[:5])} of before the save is gone. Delete that folder: what "
            "is saved stays."
        )
    path = dataset.rois_path(entry.name)
    work = autosave.read_rois(path)
    with journal.change(dataset, entry) as change:
        change.drop = known[-1]
        for place in what["files"]:
            flat = place.replace("/", "-")
            shutil.copy2(kept / flat, change.folder / flat)
            change.moves[flat] = place
        change.remove += [place for place in _present(dataset, entry.name) if place not in what["files"]]
        if len(work):
            shutil.copy2(path, change.folder / "work.zip")
            change.moves["work.zip"] = autosave.place(entry.name)
    return read(dataset.root, dataset.annotator), entry, work


def check_size(dataset: Dataset, entry: Entry, objects: Objects) -> xr.DataArray:
    """Return the form of an image; refuse labels of another size."""
    form = image_form(dataset, entry)
    found, expected = ({dim: int(one.sizes[dim]) for dim in "tzyx"} for one in (objects.labels, form))
    if found != expected:
        raise BadInput(
            f"The annotation of {entry.name} has the size {_size(found)}, the image {_size(expected)} (frames x slices "
            "x height x width); expected the same. Is it the annotation of another image?"
        )
    return form


def image_form(dataset: Dataset, entry: Entry) -> xr.DataArray:
    """Return sizes and calibration of an image of a dataset; its values are zeros that take no memory."""
    path = dataset.image_path(entry.name)
    if not path.is_file():
        raise BadInput(f"The image {path} is gone; expected the images of the dataset in {path.parent}. Put it back.")
    with reading.images_of_a_dataset(), image_lazy.open_image(path) as lazy:
        return lazy.form


def _present(dataset: Dataset, name: str) -> list[str]:
    """Return the files of an image's annotation that exist, relative to the annotations."""
    paths = (dataset.mask_path(name), dataset.rois_path(name), dataset.classes_path(name))
    return [path.relative_to(dataset.annotations).as_posix() for path in paths if path.is_file()]


def _keep(dataset: Dataset, entry: Entry, change: journal.Change) -> None:
    """Keep what the files and the state are now, for `undo`."""
    kept = change.folder / journal.UNDO
    kept.mkdir()
    present = _present(dataset, entry.name)
    for place in present:
        shutil.copy2(dataset.annotations / place, kept / place.replace("/", "-"))
    what = {"entry": entry.model_dump(), "files": present}
    (kept / _WHAT).write_text(json.dumps(what), encoding="utf-8")
    known = journal.undo_numbers(dataset)
    change.keep = f"{int(known[-1]) + 1 if known else 1:06d}"


def _write_classes(path: Path, classes: dict[int, int]) -> None:
    """Write the class of each label."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", "class"])
        writer.writerows(sorted(classes.items()))


def _size(sizes: dict[str, int]) -> str:
    return " x ".join(str(sizes[dim]) for dim in "tzyx")
