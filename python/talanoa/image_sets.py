"""Files that form one image together: which files of a folder hold planes of the same image.

A movie or stack is often saved as a set of files: one OME-TIFF a frame, whose OME-XML names all of them (or the
companion file in which it stands), or Micro-Manager's and NDTiff's stacks, cut at 4 GB. The reader reads the whole
image, whichever file of the set it is given (`talanoa.image.read`). Whoever reads the files of a folder therefore takes
one file an image::

    for each in image_sets.of(files):
        image.read(each.path)      # the whole image
        each.others                # files with further planes of it: neither read nor counted on their own

Only headers are read, and they are remembered until a file changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import tifffile

from talanoa import image_ome
from talanoa.errors import BadInput

_TIFF = (".tif", ".tiff")
_FEWEST = 2  # files of a set
_SHOWN = 3  # files that a sentence names


class ImageSet(NamedTuple):
    """One image of a folder.

    Parameters
    ----------
    path : Path
        The file that stands for the image, the first by the order given.
    others : tuple of Path
        Further files that hold planes of the same image, in the order given; empty for most images.
    """

    path: Path
    others: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """The files of the set, for a message."""
        names = [path.name for path in (self.path, *self.others)]
        if len(names) <= _SHOWN:
            return ", ".join(names)
        return f"{names[0]}, {names[1]}, ... {names[-1]}"


class _Membership(NamedTuple):
    """To which image the planes of a file belong: equal for the files of one set."""

    kind: str
    image: str
    names: frozenset[str]


def of(files: Iterable[Path]) -> list[ImageSet]:
    """Return one entry per image for image files.

    Parameters
    ----------
    files : paths
        Image files (also OME-Zarr folders), of one or several folders. A file that cannot be read is an image of its
        own: whoever reads it says what is wrong.

    Returns
    -------
    list of ImageSet
        In the order of the files; a file is in exactly one entry.
    """
    sets: dict[object, list[Path]] = {}
    known: dict[tuple[Path, str], object] = {}  # files that a set names already: their own text is not read again
    for path in files:
        key = known.get((path.parent, path.name.lower()))
        if key is None:
            found = _membership(path)
            key = path if found is None else (path.parent, found)
            if found is not None and found.kind == "ome":
                known |= {(path.parent, name): key for name in found.names if (path.parent, name) not in known}
        sets.setdefault(key, []).append(path)
    return [ImageSet(paths[0], tuple(paths[1:])) for paths in sets.values()]


def one_per_image(files: Iterable[Path]) -> list[Path]:
    """Return the files without those that hold further planes of an image that another one stands for."""
    return [each.path for each in of(files)]


def sentence(sets: Sequence[ImageSet]) -> str:
    """Return a note for the user on the sets of several files, empty when there is none."""
    several = [each for each in sets if each.others]
    if not several:
        return ""
    first = several[0]
    more = f", and so on for {len(several) - 1} more images" if len(several) > 1 else ""
    return f"{len(first.others) + 1} files form one image and are read as one ({first}){more}."


def _membership(path: Path) -> _Membership | None:
    """Return to which image a file belongs; None: it is an image of its own."""
    if path.suffix.lower() not in _TIFF or not path.is_file():
        return None
    facts = path.stat()
    return _read_membership(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=20_000)
def _read_membership(path: Path, changed: int, size: int) -> _Membership | None:
    """Read the header of a file; `changed` and `size` tell one state of it from another."""
    from talanoa import image_tiff

    try:
        with image_tiff.opened(path) as tif, image_tiff.damage_explained(path):
            if tif.is_mmstack:
                return _micro_manager(path, tif.micromanager_metadata or {})
            if tif.is_ndtiff and (path.parent / "NDTiff.index").is_file():
                return _Membership("ndtiff", re.sub(r"(_\d+)?$", "", path.stem), frozenset())
            if tif.is_ome:
                return _ome(path, tif.ome_metadata or "")
    except BadInput:
        return None
    return None


def _micro_manager(path: Path, metadata: dict) -> _Membership | None:
    """Files of one acquisition that hold the same positions."""
    summary, index = metadata.get("Summary"), metadata.get("IndexMap")
    if "_MMStack" not in path.name or summary is None or index is None:
        return None
    positions = ",".join(map(str, sorted({int(number) for number in index[:, 3]})))
    return _Membership("micro-manager", f"{path.name.split('_MMStack')[0]}:{positions}", frozenset())


def _ome(path: Path, text: str) -> _Membership | None:
    """Files that OME-XML names for the image whose planes a file holds."""
    for number, names in enumerate(image_ome.files_of_images(path, text)):
        if names is not None:
            return _Membership("ome", str(number), frozenset(map(str.lower, names))) if len(names) > 1 else None
    return None


def companion_note(path: Path, tif: tifffile.TiffFile) -> str:
    """Return a note where the metadata of a file stand in another one that is not there."""
    companion = image_ome.companion_of(path, (tif.ome_metadata or "") if tif.is_ome else "")
    if companion is None:
        return ""
    return (
        f"the metadata of this image stand in {companion.name}, which is not next to it or cannot be read: the planes "
        "of this one file were read, without calibration. Put the two into one folder"
    )


def set_note(path: Path, series: tifffile.TiffPageSeries) -> str:
    """Return a note where an image was read from several files."""
    if not series.is_multifile:
        return ""
    names = list(dict.fromkeys(Path(page.parent.filehandle.path).name for page in series if page is not None))
    if len(names) < _FEWEST:
        return ""
    return f"{path.name} is one of {len(names)} files that form one image; all of them were read"
