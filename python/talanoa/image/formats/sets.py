"""Files that form one image together: which files of a folder hold planes of the same image.

A movie or stack is often saved as a set of files: one OME-TIFF a frame, whose OME-XML names all of them (or the
companion file in which it stands), or Micro-Manager's and NDTiff's stacks, cut at 4 GB. The reader reads the whole
image, whichever file of the set it is given (`talanoa.image.read`). Whoever reads the files of a folder therefore takes
one file an image::

    for each in sets.of(files):
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

from talanoa.core.errors import BadInput
from talanoa.image.formats import ome, tiff_open

_TIFF = (".tif", ".tiff")
_FEWEST = 2  # files of a set
_SHOWN = 3  # files that a sentence names


class ImageSet(NamedTuple):
    """One image of a folder.

    Parameters
    ----------
    path : Path
        The file that stands for the image, the first by the order given (of a set that names its files: the first of
        those).
    others : tuple of Path
        Further files that hold planes of the same image, in the order given; empty for most images.
    extra : tuple of Path
        Those of the others that the set does not name: copies of its files, or files added by hand; they are not read.
    """

    path: Path
    others: tuple[Path, ...] = ()
    extra: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """The files of the set, for a message."""
        names = [path.name for path in (self.path, *self.others) if path not in self.extra]
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
    return [_set_of(paths, key) for key, paths in sets.items()]


def _set_of(paths: list[Path], key: object) -> ImageSet:
    """Return the files of one image; those that the set names come first."""
    names = key[1].names if isinstance(key, tuple) else frozenset()
    extra = tuple(path for path in paths if names and path.name.lower() not in names)
    if len(extra) == len(paths):  # all were renamed
        extra = ()
    first = next(path for path in paths if path not in extra)
    return ImageSet(first, tuple(path for path in paths if path != first), extra)


def one_per_image(files: Iterable[Path]) -> list[Path]:
    """Return the files without those that hold further planes of an image that another one stands for."""
    return [each.path for each in of(files)]


def sentence(sets: Sequence[ImageSet]) -> str:
    """Return a note for the user on the sets of several files, empty when there is none."""
    several = [each for each in sets if len(each.others) > len(each.extra)]
    extra = [path.name for each in sets for path in each.extra]
    text = ""
    if several:
        first = several[0]
        more = f", and so on for {len(several) - 1} more images" if len(several) > 1 else ""
        count = len(first.others) + 1 - len(first.extra)
        text = f"{count} files form one image and are read as one ({first}){more}."
    if extra:
        shown = ", ".join(extra[:_SHOWN]) + (f" and {len(extra) - _SHOWN} more" if len(extra) > _SHOWN else "")
        text += (
            f" Not read: {shown}. The metadata inside are those of a set of files that does not name them: copies of "
            "its files, or files added later. To read them on their own, move them into another folder."
        )
    return text.strip()


def _membership(path: Path) -> _Membership | None:
    """Return to which image a file belongs; None: it is an image of its own."""
    if path.suffix.lower() not in _TIFF or not path.is_file():
        return None
    facts = path.stat()
    return _read_membership(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=20_000)
def _read_membership(path: Path, changed: int, size: int) -> _Membership | None:
    """Read the header of a file; `changed` and `size` tell one state of it from another."""
    try:
        with tiff_open.opened(path) as tif, tiff_open.damage_explained(path):
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
    """Files that OME-XML names for the image whose planes a file holds.

    A file that the text does not name, with planes that it does not name either, belongs to the image whose files lie
    in the same folder: it was added by hand, and the text that it repeats describes the others.
    """
    images = list(ome.files_of_images(path, text))
    mine = next((each for each in images if each.holds_own), None)
    chosen = mine or next((each for each in images if any((path.parent / name).is_file() for name in each.named)), None)
    if chosen is None or len(chosen.named) < _FEWEST:
        return None
    named = sorted((name.lower(), identity) for name, identity in chosen.named.items())
    return _Membership("ome", repr(named), frozenset(name for name, _ in named))


def companion_note(path: Path, tif: tifffile.TiffFile) -> str:
    """Return a note where the metadata of a file stand in another one that is not there."""
    companion = ome.companion_of(path, (tif.ome_metadata or "") if tif.is_ome else "")
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


def foreign_note(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> str:
    """Return a note where a file of an OME-TIFF set does not carry the identifier that the set has for it."""
    if series.kind != "ome" or not series.is_multifile:
        return ""
    text = tif.ome_metadata or ""
    named = next((each.named for each in ome.files_of_images(path, text) if each.holds_own), {})
    identifiers = {name.lower(): identity for name, identity in named.items()}
    parts = {page.parent.filehandle.name: page.parent for page in series if page is not None}
    foreign = [name for name, part in parts.items() if not _belongs(part, identifiers.get(name.lower(), ""), text)]
    if not foreign:
        return ""
    shown = ", ".join(foreign[:_SHOWN]) + (f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else "")
    return (
        f"{shown}: the set of files has this name, but the file inside is another one than the set describes (was it "
        "replaced?). Its planes were read; check them, or put the right file there"
    )


def _belongs(part: tifffile.TiffFile, identifier: str, text: str) -> bool:
    """Tell whether a file is the one that a set means; where identifiers are missing, its text has to be the set's."""
    own = (part.ome_metadata or "") if part.is_ome else ""
    if ome.is_by_name(identifier) or not identifier:
        return bool(own)
    return identifier in own or (bool(own) and own == text)
