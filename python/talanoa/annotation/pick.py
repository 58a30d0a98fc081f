"""Pick images: copies of representative ones, or of those named, go into the dataset; originals stay as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from talanoa import image as images
from talanoa.annotation import diversity, image_parts
from talanoa.annotation.image_parts import Part
from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.image import folder as image_folder
from talanoa.image import reading
from talanoa.segmentation.dataset import form, journal
from talanoa.segmentation.dataset.form import Dataset
from talanoa.segmentation.dataset.states import Entry

DEFAULT = 20  # images of a folder


@dataclass(frozen=True)
class Picked:
    """What was picked: the dataset with it, the new images, and notes."""

    dataset: Dataset
    entries: list[Entry]
    notes: list[str] = field(default_factory=list)


def pick(
    dataset: Dataset,
    source: str | xr.DataArray,
    count: int | None = None,
    cut: str = "none",
    tile: int | None = None,
    channel: int | None = None,
    host: Host | None = None,
) -> Picked:
    """Copy images, or parts of them, into a dataset.

    Parameters
    ----------
    dataset : Dataset
    source : str or DataArray
        Image files or folders, several separated by ";", or an image that is open.
    count : int or None
        How many to choose by diversity; None: 20 of a folder, everything of files that are named.
    cut, tile
        See `parts.list_parts`.
    channel : int or None
        Channel by which to judge, counted from 1; None: the mean of all. Copies have all channels.
    host : Host, optional
        Progress, cancelling.

    Raises
    ------
    BadInput
        No images; nothing that is not in the dataset already; a file that cannot be read; the folder cannot be written.
    """
    host = host or QuietHost()
    found, folder = _sources(dataset, source)
    names, damaged = _stems(found), _Damaged(found, folder)
    known = {(entry.source, entry.part) for entry in dataset.entries if entry.source}
    every: list[Part] = []
    for number, source_of in enumerate(found):
        with damaged.left_out(number):
            every += _parts(source_of, number, names[number], cut, tile)
    offered = [part for part in every if (_path(found[part.source]), part.place) not in known]
    if not every:
        raise BadInput(damaged.sentence())
    if not offered:
        raise BadInput(f"All {len(every)} images are in the dataset {dataset.name} already; expected further ones.")
    wanted = DEFAULT if count is None and folder else count or len(offered)
    chosen, notes = _choose(dataset, found, offered, wanted, channel, host, damaged)
    with ExitStack() as written:  # after an error none of the copies remains
        added = _copy(dataset, found, chosen, host, written, damaged)
        if not added:
            raise BadInput(damaged.sentence())
        extended = journal.update(dataset, lambda current: _with_calibration(current, added))
        written.pop_all()
    notes += [damaged.sentence()] if damaged.known else []
    notes += image_folder.notes(_folders_of(found)) if folder else [image_folder.read_together(_folders_of(found))]
    notes = [note for note in notes if note]
    return Picked(extended, added, notes + _check_calibration(extended, added))


class _Damaged:
    """The images of a folder that cannot be read: they are left out, and said; one that was named is an error."""

    def __init__(self, found: Sequence[Path | xr.DataArray], folder: bool) -> None:
        self.found, self.folder = found, folder
        self.known: dict[int, str] = {}

    @contextmanager
    def left_out(self, number: int) -> Iterator[None]:
        """Note an error of the image of this number."""
        try:
            yield
        except BadInput as problem:
            if not self.folder:
                raise
            self.known[number] = str(problem)

    def sentence(self) -> str:
        """Return which images were left out, and why the first of them."""
        if not self.known:
            return ""
        names = [Path(_path(self.found[number])).name for number in self.known]
        first, count = next(iter(self.known.values())), f"{len(names)} image{'s' * (len(names) != 1)}"
        return f"{count} cannot be read and left out: {', '.join(names)}. The first: {first}"


def _folders_of(found: Sequence[Path | xr.DataArray]) -> list[Path]:
    """Return the folders in which images are."""
    return [each.parent for each in found if isinstance(each, Path)]


def _sources(dataset: Dataset, source: str | xr.DataArray) -> tuple[Sequence[Path | xr.DataArray], bool]:
    """Return the images meant, and whether a folder was among what names them."""
    if isinstance(source, xr.DataArray):
        return [source], False
    found, folder = image_parts.files_of(source)
    inside = [one for one in found if one.is_relative_to(dataset.root / "images")]
    if inside:
        raise BadInput(f"{inside[0]} belongs to the dataset already; expected images from elsewhere.")
    return found, folder


def _stems(found: Sequence[Path | xr.DataArray]) -> list[str]:
    """Return a name for each image."""
    names = [one.name if isinstance(one, Path) else str(one.attrs.get("name") or "image") for one in found]
    return [image_parts.stem_of(name) for name in names]


def _path(source: Path | xr.DataArray) -> str:
    """Return the file of an image, "" where it has none."""
    return str(source) if isinstance(source, Path) else str(source.attrs.get("source", ""))


def _parts(source: Path | xr.DataArray, number: int, stem: str, cut: str, tile: int | None) -> list[Part]:
    with image_parts.opened(source) as lazy:
        return image_parts.list_parts(number, stem, lazy.form, cut, tile)


def _choose(
    dataset: Dataset,
    found: Sequence[Path | xr.DataArray],
    offered: Sequence[Part],
    count: int,
    channel: int | None,
    host: Host,
    damaged: _Damaged,
) -> tuple[list[Part], list[str]]:
    """Choose parts by diversity; parts of one single value are not offered."""
    if count >= len(offered):
        return list(offered), []
    described: list[np.ndarray] = []
    kept: list[Part] = []
    blank = 0
    for number in sorted({part.source for part in offered}):
        with damaged.left_out(number), image_parts.opened(found[number]) as lazy:
            for part in (part for part in offered if part.source == number):
                host.progress(len(described) + blank, len(offered), "Looking at images")
                stop_if_cancelled(host)
                plane = image_parts.look(lazy, part, channel)
                if plane.min() == plane.max():
                    blank += 1
                else:
                    described.append(diversity.features(plane))
                    kept.append(part)
    notes = [f"{blank} parts of one single value were left out."] if blank else []
    return [kept[k] for k in diversity.choose(described, count, _known(dataset, channel))], notes


def _known(dataset: Dataset, channel: int | None) -> list[np.ndarray]:
    """Describe the images that the dataset has already."""
    described = []
    for entry in dataset.entries:
        path = dataset.image_path(entry.name)
        if path.is_file():
            with reading.images_of_a_dataset(), image_parts.opened(path) as lazy:
                whole = image_parts.list_parts(0, entry.name, lazy.form, "none", max(lazy.form.shape[-2:]))[0]
                described.append(diversity.features(image_parts.look(lazy, whole, channel)))
    return described


def _copy(
    dataset: Dataset,
    found: Sequence[Path | xr.DataArray],
    chosen: Sequence[Part],
    host: Host,
    written: ExitStack,
    damaged: _Damaged,
) -> list[Entry]:
    """Write the copies; `written` removes them."""
    form.make_folder(dataset.root / "images")
    taken = {entry.name.lower() for entry in dataset.entries}
    entries: list[Entry] = []
    for number in sorted({part.source for part in chosen}):
        path = _path(found[number])
        sha = file_sha256(path) if path and Path(path).exists() else ""
        with damaged.left_out(number), ExitStack() as here, image_parts.opened(found[number]) as lazy:
            own: list[Entry] = []
            for part in (part for part in chosen if part.source == number):
                host.progress(len(entries) + len(own), len(chosen), "Copying images")
                stop_if_cancelled(host)
                name = _free(part.name, taken, dataset.root / "images")
                target = dataset.root / "images" / f"{name}.tif"
                images.write(target, image_parts.read_part(lazy, part))
                here.callback(target.unlink, missing_ok=True)
                own.append(Entry(name=name, source=path, source_sha256=sha, part=part.place))
            written.push(here.pop_all())
            entries += own
    return entries


def _free(name: str, taken: set[str], folder: Path) -> str:
    """Return a name that neither the dataset nor its folder has, and take it."""
    number, free = 1, name
    while free.lower() in taken or (folder / f"{free}.tif").exists():
        number += 1
        free = f"{name}-{number}"
    taken.add(free.lower())
    return free


def _with_calibration(dataset: Dataset, added: Sequence[Entry]) -> Dataset:
    """Return the dataset with the images added; the first image tells the pixel size where the dataset has none."""
    if dataset.pixel_size is None and added:
        with reading.images_of_a_dataset(), image_parts.opened(dataset.image_path(added[0].name)) as lazy:
            size, unit = lazy.form.attrs["pixel_size"], lazy.form.attrs["unit"]
        dataset = dataclasses.replace(dataset, pixel_size=size if unit != "pixel" else None, unit=unit)
    return dataclasses.replace(dataset, entries=(*dataset.entries, *added))


def _check_calibration(dataset: Dataset, added: Sequence[Entry]) -> list[str]:
    """Say which images have another pixel size than the dataset, or none."""
    if dataset.pixel_size is None:
        return [] if not added else ["The images have no pixel size; set it in ImageJ (Image > Properties) before."]
    other = []
    for entry in added:
        with reading.images_of_a_dataset(), image_parts.opened(dataset.image_path(entry.name)) as lazy:
            here = lazy.form.attrs
        ratio = np.array(here["pixel_size"][1:]) / np.array(dataset.pixel_size[1:])
        if here["unit"] != dataset.unit or (abs(ratio - 1) > 0.02).any():
            other.append(entry.name)
    if not other:
        return []
    x = dataset.pixel_size[2]
    text = f"{len(other)} of {len(added)} images have another pixel size than the dataset ({x:g} {dataset.unit}): "
    return [f"{text}{', '.join(other[:5])}. A model sees them larger or smaller than the others."]
