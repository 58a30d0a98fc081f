"""The one format of a dataset folder: images, label masks and ROIs under one name, and `dataset.json` about them.

    images/<name>.tif     calibrated copies of the images, or of parts of them
    masks/<name>.tif      label images, 0 = background
    rois/<name>.zip       the same objects as ROIs for ImageJ; the ROI's group is the number of its class
    classes/<name>.csv    label, class; only where the dataset has classes
    dataset.json          version, name, classes, pixel size, who made it and when, and the state of each image
    annotators/<person>/  masks, rois, classes and states of a further person
    .talanoa/             unsaved work, and what is needed to take saves back

A tree of ``images/`` and ``masks/`` without `dataset.json` is read, too; its images pair by name.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.core.files import next_free
from talanoa.segmentation.dataset import journal, states
from talanoa.segmentation.dataset import names as naming
from talanoa.segmentation.dataset.form import FILE, Dataset, is_dataset, make_folder, read, write
from talanoa.segmentation.dataset.states import Entry

FOLDERS = ("images", "masks", "rois")


def open_dataset(path: str | os.PathLike[str], annotator: str | None = None) -> Dataset:
    """Open a dataset folder.

    Parameters
    ----------
    path : path
        The folder, or its `dataset.json`.
    annotator : str, optional
        A further person, whose own set of annotations is meant.

    Returns
    -------
    Dataset
        As the files are now. A save that was interrupted is completed first.

    Raises
    ------
    BadInput
        No such folder, not a dataset, a damaged `dataset.json`, one of a later version.
    """
    root = Path(path).expanduser()
    root = root.parent if root.name == FILE else root
    if not root.is_dir():
        raise BadInput(f"There is no folder {root}; expected a dataset. Make it first: talanoa annotate new {root}")
    if not is_dataset(root):
        raise BadInput(
            f"{root} holds no {FILE} and no images/ beside masks/ or rois/; expected a dataset folder. "
            f"Make one: talanoa annotate new <new folder>"
        )

    person = naming.check_annotator(annotator) if annotator else ""
    journal.complete(Dataset(root.absolute(), "", annotator=person))
    return read(root, person)


def create(
    path: str | os.PathLike[str],
    classes: Iterable[str] = (),
    pixel_size: tuple[float, float, float] | None = None,
    unit: str | None = None,
    who: str = "",
) -> Dataset:
    """Make a new dataset folder, or take over a tree of images/ and masks/ that has no `dataset.json` yet.

    Raises
    ------
    BadInput
        The folder is a dataset already, holds something else, or cannot be written; class names that are not unique.
    """
    root = Path(path).expanduser().absolute()
    if (root / FILE).exists():
        raise BadInput(f"{root} is a dataset already; expected a new folder. Open it, or choose another name.")
    if root.exists() and not root.is_dir():
        raise BadInput(f"Found a file at {root}; expected a new folder. Choose another name.")
    entries: tuple[Entry, ...] = ()
    if root.is_dir() and any(root.iterdir()):
        if not (root / "images").is_dir():
            raise BadInput(
                f"{root} is not empty; expected a new or empty folder, or one with images/ (and masks/) to take over. "
                f"Free is: {next_free(root).name}"
            )
        entries = states.plain_tree(root).images
    names = naming.check_classes(classes)
    dataset = Dataset(root, root.name, names, pixel_size, unit or "pixel", naming.now(), naming.person(who), entries)
    for name in FOLDERS:
        make_folder(root / name)
    write(dataset)
    return dataset


def read_classes(path: Path) -> dict[int, int]:
    """Return {label: class} of a classes file; 0 is an object without a class."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    try:
        return {int(label): int(number) for label, number in rows[1:]}
    except ValueError as error:
        raise BadInput(f"{path} cannot be read ({error}); expected two columns of numbers, label,class.") from error
