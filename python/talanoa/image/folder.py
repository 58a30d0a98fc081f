"""The images of a folder: which of its files are images, and which of them form one image together.

Whoever reads a folder of images (predictions, trainings, evaluations, annotation) lists it here, so that all of them
mean the same images by it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.image.formats import sets
from talanoa.image.formats.sets import ImageSet

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".zarr")
EXACT = (".tif", ".tiff", ".png", ".zarr")  # that keep the number of an object in each pixel
ROI_SUFFIXES = (".zip", ".roi")
# Kinds of files that lie next to images and are none: not worth a word.
COMPANIONS = frozenset(
    {".csv", ".db", ".geojson", ".ijm", ".index", ".ini", ".json", ".md", ".ome", ".roi", ".txt", ".xml", ".zip"}
)
ZARR_MARKS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
_SUFFIX = re.compile(r"(\.ome)?\.(tiff?|png|jpe?g|bmp|gif|zarr)$", re.IGNORECASE)
_ROI_SET = re.compile(r"(?<=.)[ _-]?RoiSet$", re.IGNORECASE)  # the name that ImageJ's ROI Manager offers
_SHOWN = 5  # names in a message


def is_folder_of_images(path: Path) -> bool:
    """Tell a folder of images from a file and from an OME-Zarr image (a folder, too)."""
    return path.is_dir() and not _is_zarr(path)


def is_image(path: Path, suffixes: Collection[str] = SUFFIXES) -> bool:
    """Tell whether a file of a folder, or an OME-Zarr in it, is an image by its name.

    A link that leads nowhere is one: who reads it says what is wrong. A folder named like a file, hidden files and
    those that macOS keeps next to others (``._cells.tif``) are none.
    """
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return ".zarr" in suffixes and _is_zarr(path)
    return path.suffix.lower() in suffixes


def list_images(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[ImageSet]:
    """Return the images of a folder (not of its subfolders) by name: one entry per image, which may be several files.

    Parameters
    ----------
    folder : Path
    suffixes : collection of str
        Endings of image files, lower case.
    """
    return sets.of(path for path in sorted(folder.iterdir()) if is_image(path, suffixes))


def images_in(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[ImageSet]:
    """Return what `list_images` does.

    Raises
    ------
    BadInput
        The folder holds no image.
    """
    found = list_images(folder, suffixes)
    if not found:
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:_SHOWN]) or "nothing"
        inside = next((path for path in sorted(folder.iterdir()) if path.is_dir() and _holds_images(path)), None)
        remedy = f" Its folders do: give one of them, such as {inside}." if inside else ""
        raise BadInput(f"{folder} holds no image (found {held}); expected files such as {', '.join(suffixes)}.{remedy}")
    return found


def by_name(folder: Path, suffixes: Collection[str] = SUFFIXES) -> dict[str, ImageSet]:
    """Return the images of a folder, or its ROI files, by their names; see `name_of`.

    Raises
    ------
    BadInput
        Two of them have one name.
    """
    found: dict[str, ImageSet] = {}
    for each in list_images(folder, suffixes):
        name = name_of(each.path)
        if name in found:
            raise BadInput(
                f"{found[name].path.name} and {each.path.name} in {folder} share one name. Remove one of them."
            )
        found[name] = each
    return found


def name_of(path: Path) -> str:
    """Return the name by which an image, its label image and its ROI file belong together.

    >>> name_of(Path("cells.ome.tif")), name_of(Path("cells_RoiSet.zip"))
    ('cells', 'cells')
    """
    if path.suffix.lower() in ROI_SUFFIXES:
        return _ROI_SET.sub("", path.stem)
    return stem_of(path.name)


def left_out(folder: Path) -> str:
    """Return a note that names what may be images and cannot be read: of other kinds, folders named like files."""
    files, folders = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or is_image(path):
            continue
        if path.is_dir():
            folders += [path.name] if path.suffix.lower() in SUFFIXES else []
        elif path.suffix.lower() not in COMPANIONS:
            files.append(path.name)
    found = []
    if files:
        count = f"{len(files)} file{'s' * (len(files) != 1)}"
        found.append(
            f"Left out {count} in {folder.name} that cannot be read: {_some(files)}. Save microscope files as TIFF in "
            "Fiji."
        )
    if folders:
        count = f"{len(folders)} folder{'s' * (len(folders) != 1)}"
        found.append(f"Left out {count} in {folder.name} named like images: {_some(folders)}.")
    return " ".join(found)


def notes(folders: Iterable[Path]) -> list[str]:
    """Return what the user should know of the files of folders of images: see `left_out` and `read_together`."""
    places = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    return [note for note in (*map(left_out, places), read_together(places)) if note]


def read_together(folders: Iterable[Path], suffixes: Collection[str] = SUFFIXES) -> str:
    """Return a note on the files of folders that form one image, empty where each file is an image of its own."""
    return sets.sentence([each for folder in folders if folder.is_dir() for each in list_images(folder, suffixes)])


def stem_of(name: str) -> str:
    """Return the name of an image without its ending.

    >>> stem_of("cells.d1.ome.tif"), stem_of("cells.zarr"), stem_of("results")
    ('cells.d1', 'cells', 'results')
    """
    return _SUFFIX.sub("", name) or name


def _is_zarr(path: Path) -> bool:
    return path.suffix.lower() == ".zarr" or any((path / name).exists() for name in ZARR_MARKS)


def _holds_images(folder: Path) -> bool:
    return any(map(is_image, folder.iterdir()))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
