"""Annotations of other programs become those of a dataset: files pair with its images by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from talanoa import image as images
from talanoa.annotation import objects as objects_module
from talanoa.annotation import save
from talanoa.annotation.importers.labels import import_labels
from talanoa.annotation.objects import Objects
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.image import pairing, reading
from talanoa.image.folder import is_image
from talanoa.image.formats import sets
from talanoa.segmentation.dataset.form import Dataset
from talanoa.segmentation.dataset.states import Entry

if TYPE_CHECKING:
    import xarray as xr

DONE = "done already, left as it is"
log = logging.getLogger(__name__)
SUFFIXES = (".tif", ".tiff", ".png", ".zip", ".roi", ".geojson", ".json", ".npy", ".geojson.gz", "_outlines.txt")


@dataclass(frozen=True, eq=False)
class Read:
    """A foreign annotation: its objects, and what was noted."""

    objects: Objects
    notes: list[str] = field(default_factory=list)


def read(
    path: Path, like: xr.DataArray | None, classes: Sequence[str], mask: str = "refuse", colours: str = "refuse"
) -> Read:
    """Read the annotation of one image; see `import_labels`. Classes are matched by name with those of the dataset."""
    found = import_labels(path, like, mask, colours)
    number, notes = _classes(found.class_names, found.class_of, classes)
    return Read(objects_module.from_labels(found.labels, classes=number), [*found.notes, *notes])


def pair(dataset: Dataset, folder: Path) -> tuple[list[tuple[Entry, Path]], list[str], list[str]]:
    """Pair the files of a folder with the images of a dataset.

    ``cells_01_cp_masks.png``, ``cells_01_rois.zip`` and ``cells_01.tif`` all belong to the image ``cells_01``.

    Returns
    -------
    pairs : list of (Entry, Path)
    files, images : list of str
        Names without a partner.

    Raises
    ------
    BadInput
        Nothing pairs; two files for one image.
    """
    known = {entry.name.lower(): entry for entry in dataset.entries}
    found: dict[str, Path] = {}
    lonely: list[str] = []
    for path in sets.one_per_image(path for path in sorted(folder.iterdir()) if _is_annotation(path)):
        name = next((name for name in pairing.names_of(path) if name in known), None)
        if name is None:
            lonely.append(path.name)
        elif name in found:
            raise BadInput(
                f"{found[name].name} and {path.name} in {folder} both belong to the image {known[name].name}; expected "
                "one annotation for each image. Remove or rename one of them."
            )
        else:
            found[name] = path
    images_left = [entry.name for name, entry in known.items() if name not in found]
    if not found:
        raise BadInput(
            f"No file in {folder} has the name of an image of the dataset. Files: {_some(lonely)}; images: "
            f"{_some(images_left)}. Expected equal names, endings such as _masks or _rois apart. Rename the files."
        )
    return [(known[name], path) for name, path in found.items()], lonely, images_left


def _is_annotation(path: Path) -> bool:
    """Return whether a file may hold the annotation of an image."""
    ends = path.name.lower().endswith((".geojson.gz", "_outlines.txt"))
    return is_image(path, SUFFIXES) or (ends and path.is_file() and not path.name.startswith("."))


def import_folder(
    dataset: Dataset, pairs: Sequence[tuple[Entry, Path]], who: str, mask: str, colours: str, host: Host
) -> list[tuple[str, str, int, str]]:
    """Save the annotations of many images; images that are done stay as they are.

    Returns
    -------
    list of (image, file, objects, note)
        Objects are 0 where nothing was saved; the note says why.
    """
    rows = []
    for number, (entry, path) in enumerate(pairs):
        host.progress(number, len(pairs), "Importing annotations")
        stop_if_cancelled(host)
        if entry.status == "done":
            rows.append((entry.name, path.name, 0, DONE))
            continue
        try:
            with reading.images_of_a_dataset():
                like = images.read(dataset.image_path(entry.name))
            found = read(path, like, dataset.classes, mask, colours)
            if not found.objects.count:
                raise BadInput("no objects")
            save.save(dataset, entry.name, found.objects, who)
        except Exception as error:  # whatever is wrong with one file, the others are imported
            if isinstance(error, Cancelled):
                raise
            log.info("%s was not imported", path, exc_info=True)
            text = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
            rows.append((entry.name, path.name, 0, text))
        else:
            rows.append((entry.name, path.name, found.objects.count, " ".join([*found.notes, *found.objects.notes])))
    return rows


def _classes(
    names: Sequence[str], class_of: Mapping[int, int], classes: Sequence[str]
) -> tuple[dict[int, int], list[str]]:
    """Return the class of each label in the dataset's numbers, and notes on what has none."""
    if not names:
        return dict(class_of), []
    known = {name.lower(): number for number, name in enumerate(classes, 1)}
    number = {label: known.get(names[k - 1].lower(), 0) for label, k in class_of.items() if 0 < k <= len(names)}
    unknown = [name for name in names if name.lower() not in known]
    if not unknown:
        return number, []
    has = f"has the classes {', '.join(classes)}" if classes else "has no classes"
    return number, [f"The classes {', '.join(unknown)} of the file were left out: the dataset {has}."]


def _some(names: Sequence[str], most: int = 10) -> str:
    """List names, at most `most`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
