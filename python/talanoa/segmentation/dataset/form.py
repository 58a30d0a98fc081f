"""The form of a dataset folder: what stands in ``dataset.json``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.core.write_errors import explain_write_error
from talanoa.image.folder import SUFFIXES
from talanoa.segmentation.dataset import states
from talanoa.segmentation.dataset.states import VERSION, Entry

FILE = "dataset.json"
STATES = "states.json"  # of a further person
HIDDEN = ".talanoa"


@dataclass(frozen=True)
class Dataset:
    """A dataset folder as it was when it was opened.

    Attributes
    ----------
    root : Path
    name : str
    classes : tuple of str
        Class k of an object is ``classes[k - 1]``; empty: objects have no classes.
    pixel_size : (z, y, x) floats or None
        In `unit`; None where it is not known yet.
    unit : str
    created, author : str
    entries : tuple of Entry
        In the order in which the images were added; states are those of `annotator`.
    annotator : str
        "" for the dataset's own annotations, else the further person whose set is meant.
    extra : dict
        Keys of `dataset.json` that this version does not know; they are kept.
    """

    root: Path
    name: str
    classes: tuple[str, ...] = ()
    pixel_size: tuple[float, float, float] | None = None
    unit: str = "pixel"
    created: str = ""
    author: str = ""
    entries: tuple[Entry, ...] = ()
    annotator: str = ""
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def annotations(self) -> Path:
        """The folder that holds masks, rois and classes of the annotator."""
        return self.root / "annotators" / self.annotator if self.annotator else self.root

    @property
    def hidden(self) -> Path:
        """The folder of unsaved work and of what takes saves back."""
        return self.annotations / HIDDEN

    def image_path(self, name: str) -> Path:
        """Return the file of an image."""
        return _existing(self.root / "images", name)

    def mask_path(self, name: str) -> Path:
        """Return the file of an image's labels, there or not."""
        return _existing(self.annotations / "masks", name)

    def rois_path(self, name: str) -> Path:
        """Return the file of an image's ROIs, there or not."""
        return self.annotations / "rois" / f"{name}.zip"

    def classes_path(self, name: str) -> Path:
        """Return the file of the classes of an image's objects, there or not."""
        return self.annotations / "classes" / f"{name}.csv"

    def entry(self, name: str) -> Entry:
        """Return an image by its name, with or without suffix, or say which names there are."""
        known = {entry.name: entry for entry in self.entries}
        found = known.get(name) or known.get(Path(name).name) or known.get(Path(name).stem)
        if found is None:
            from talanoa.core.request import closest

            raise BadInput(
                f'{self.root} has no image "{name}"; expected one of its {len(known)}: {_some(known)}. '
                f"Add it with action=pick, or correct the name.{closest(name, known)}"
            )
        return found

    def annotated(self) -> list[Entry]:
        """Return the images that are done and have a mask or ROIs."""
        return [entry for entry in self.entries if entry.status == "done" and self.annotation_path(entry.name)]

    def annotation_path(self, name: str) -> Path | None:
        """Return the mask of an image, else its ROIs, else None."""
        places = (self.mask_path(name), self.rois_path(name))
        return next((place for place in places if place.is_file()), None)

    def todo(self) -> list[Entry]:
        """Return the images that are neither done nor skipped, the most uncertain first, else in their order."""
        waiting = [entry for entry in self.entries if entry.status == "todo"]
        return sorted(waiting, key=lambda entry: -_rank(entry))

    def annotators(self) -> list[str]:
        """Return the further people who have a set of their own."""
        folder = self.root / "annotators"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def with_entry(self, entry: Entry) -> Dataset:
        """Return the dataset with an image's state replaced, or the image added at the end."""
        names = [known.name for known in self.entries]
        entries = list(self.entries)
        if entry.name in names:
            entries[names.index(entry.name)] = entry
        else:
            entries.append(entry)
        return dataclasses.replace(self, entries=tuple(entries))


def is_dataset(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder is a dataset: it has `dataset.json`, or images/ beside masks/ or rois/."""
    path = Path(path)
    tree = (path / "images").is_dir() and any((path / kind).is_dir() for kind in ("masks", "rois"))
    return (path / FILE).is_file() or tree


def read(root: Path, person: str = "") -> Dataset:
    """Read the states of a dataset; `open_dataset` also completes a save that was interrupted."""
    found = Dataset(root.absolute(), root.absolute().name, annotator=person)
    header = states.read(root / FILE, states.Header) if (root / FILE).is_file() else states.plain_tree(root)
    own = states.read(found.annotations / STATES, states.States) if person else None
    return dataclasses.replace(
        found,
        name=header.name or found.name,
        classes=header.classes,
        pixel_size=header.pixel_size,
        unit=header.unit,
        created=header.created,
        author=header.author,
        entries=header.images if own is None else _with_states(header.images, own.images),
        extra=dict(header.model_extra or {}),
    )


def make_folder(path: Path) -> Path:
    """Make a folder where it is missing; say so where that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        place = next(place for place in (path, *path.parents) if place.parent.is_dir())
        raise explain_write_error(error, place) from error
    return path


def write(dataset: Dataset) -> None:
    """Write the states of a dataset: `dataset.json`, or `states.json` of a further person; whole or not at all."""
    path, text = as_file(dataset)
    make_folder(path.parent)
    with write_aside(path, overwrite=True) as aside:
        aside.write_text(text, encoding="utf-8")


def as_file(dataset: Dataset) -> tuple[Path, str]:
    """Return the file that holds the states of a dataset, and its text."""
    images = [entry.model_dump(exclude_none=True) for entry in dataset.entries]
    if dataset.annotator:
        kept = ("name", "status", "who", "when", "objects")
        own = [{key: image[key] for key in kept if key in image} for image in images if image["status"] != "todo"]
        return dataset.annotations / STATES, states.as_text({"version": VERSION, "images": own})
    content: dict[str, Any] = {
        "version": VERSION,
        "name": dataset.name,
        "classes": list(dataset.classes),
        "pixel_size": dataset.pixel_size and list(dataset.pixel_size),
        "unit": dataset.unit,
        "created": dataset.created,
        "author": dataset.author,
        **dataset.extra,
        "images": images,
    }
    return dataset.root / FILE, states.as_text(content)


def _with_states(images: tuple[Entry, ...], own: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the dataset's images with the states of another person."""
    known = {state.name: state for state in own}
    empty: dict[str, Any] = {"status": "todo", "who": "", "when": "", "objects": None}
    return tuple(
        image.model_copy(
            update={key: getattr(known[image.name], key) for key in empty} if image.name in known else empty
        )
        for image in images
    )


def _existing(folder: Path, name: str) -> Path:
    """Return the file of this name with whichever suffix is there, else the one that will be written."""
    for suffix in SUFFIXES:
        if (path := folder / f"{name}{suffix}").exists():
            return path
    return folder / f"{name}.tif"


def _rank(entry: Entry) -> float:
    return float("-inf") if entry.uncertainty is None else entry.uncertainty


def _some(names: Iterable[str], most: int = 8) -> str:
    """List names, at most `most`."""
    names = list(names)
    return ", ".join(names[:most]) + (", …" if len(names) > most else "") if names else "none yet"
