"""The OME-XML that describes a TIFF file: which files hold the planes of its images, and where the metadata stand.

Writers are not always careful: the metadata stand in a companion file, a file was renamed, or all files of a set have
one identifier. The library goes by identifiers alone and then reads planes of one file as those of another; here each
file gets the text in which its own identifier is right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import tifffile

_TIFF = (".tif", ".tiff")
_BY_NAME = "file:"


def ome_xml(path: Path, text: str) -> str:
    """Return the OME-XML that describes a file, with the file's own identifier at its root.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        The OME-XML in the file.

    Returns
    -------
    str
        The text of the file, or of the companion file that it names; `text` itself where that is not there or not
        readable, or where nothing is to be changed.
    """
    whole = _with_companion(path, text)
    root = parsed(whole)
    if root is None:
        return text
    entries = list(root.iterfind("{*}Image/{*}Pixels/{*}TiffData/{*}UUID"))
    own = parsed(text)
    identity = own.get("UUID") if own is not None else None
    mine = _identity(path, entries, identity)
    if whole is text and mine == identity and not _is_ambiguous(entries):
        return text
    if _is_ambiguous(entries):
        mine = None if mine is None else _key(path.name)
        for entry in entries:
            entry.text = _key(entry.get("FileName", ""))
    if mine is None:
        root.attrib.pop("UUID", None)
    else:
        root.set("UUID", mine)
    return ElementTree.tostring(root, encoding="unicode")


def companion_of(path: Path, text: str) -> Path | None:
    """Return the file, next to this one, in which OME-XML says that the metadata stand; None: in the file itself."""
    if "BinaryOnly" not in text:
        return None
    root = parsed(text)
    only = root.find("{*}BinaryOnly") if root is not None else None
    name = only.get("MetadataFile", "") if only is not None else ""
    # a name of another folder, as a stranger's file may have it, is not followed
    return path.parent / name if name and Path(name).name == name and name != path.name else None


class OmeFiles(NamedTuple):
    """The files that OME-XML names for one image.

    Parameters
    ----------
    named : dict of str to str
        Name of each file, as written, and its identifier.
    holds_own : bool
        One of the planes lies in the file whose text was read.
    """

    named: dict[str, str]
    holds_own: bool


def files_of(path: Path, text: str) -> list[str]:
    """Return the names of the files that OME-XML names for the image whose planes a file holds, its own first."""
    for pixels, identity in _images_of(path, text):
        entries = _entries(pixels)
        if any(_text(entry) == identity for entry in entries):
            others = [entry.get("FileName", "") for entry in entries if _text(entry) != identity]
            return list(dict.fromkeys([path.name, *filter(None, others)]))
    return []


def files_of_images(path: Path, text: str) -> Iterator[OmeFiles]:
    """Yield for each image of OME-XML which files hold its planes."""
    for pixels, identity in _images_of(path, text):
        entries = _entries(pixels)
        named = {entry.get("FileName", ""): _text(entry) for entry in entries if entry.get("FileName")}
        yield OmeFiles(named, any(_text(entry) == identity for entry in entries))


def _images_of(path: Path, text: str) -> Iterator[tuple[ElementTree.Element, str | None]]:
    """Yield the Pixels of each image that describes a file, with the file's own identifier."""
    root = parsed(ome_xml(path, text))
    if root is not None:
        for pixels in root.iterfind("{*}Image/{*}Pixels"):
            yield pixels, root.get("UUID")


def _entries(pixels: ElementTree.Element) -> list[ElementTree.Element]:
    return list(pixels.iterfind("{*}TiffData/{*}UUID"))


def planes_of(text: str) -> int | None:
    """Return how many planes OME-XML declares for its first image; None: it does not say."""
    root = parsed(text)
    pixels = root.find("{*}Image/{*}Pixels") if root is not None else None
    if pixels is None:
        return None
    channel = pixels.find("{*}Channel")
    samples = channel.get("SamplesPerPixel", "1") if channel is not None else "1"
    try:
        sizes = [int(pixels.get(f"Size{axis}", 1)) for axis in "TCZ"]
        return sizes[0] * sizes[2] * max(1, sizes[1] // max(1, int(samples)))
    except ValueError:
        return None


def parsed(text: str) -> ElementTree.Element | None:
    """Return the root of OME-XML, None where it is damaged."""
    try:
        return ElementTree.fromstring(text.strip())
    except (ElementTree.ParseError, ValueError, LookupError):  # damaged, or of an unknown encoding
        return None


def _with_companion(path: Path, text: str) -> str:
    """Return the text of the companion file that a text names, else the text."""
    companion = companion_of(path, text)
    if companion is None or not companion.is_file():
        return text
    if companion.suffix.lower() not in _TIFF:
        return companion.read_text(encoding="utf-8", errors="replace")
    try:
        with tifffile.TiffFile(companion) as tif:  # it is not asked for a companion of its own
            return str((tif.ome_metadata if tif.is_ome else None) or text)
    except (OSError, ValueError, LookupError, struct.error):
        return text


def _identity(path: Path, entries: list[ElementTree.Element], identity: str | None) -> str | None:
    """Return the identifier under which the planes of a file stand in the metadata; None: they do not."""
    named = next((_text(entry) for entry in entries if entry.get("FileName", "").lower() == path.name.lower()), None)
    if named is not None:  # a name tells more than an identifier, which some writers give to all files of a set
        return named
    texts = {_text(entry) for entry in entries}
    if identity is None and len(texts) == 1:  # one file, which was renamed
        return next(iter(texts))
    return identity


def _is_ambiguous(entries: list[ElementTree.Element]) -> bool:
    """Tell whether one identifier stands for several files, or a file has none."""
    named = {(_text(entry), entry.get("FileName", "").lower()) for entry in entries}
    return len({text for text, _ in named}) < len({name for _, name in named}) or any(not text for text, _ in named)


def is_by_name(identifier: str) -> bool:
    """Tell whether a file goes by its name, as identifiers in the metadata are missing or not unique."""
    return identifier.startswith(_BY_NAME)


def _key(name: str) -> str:
    return f"{_BY_NAME}{name.lower()}"


def _text(entry: ElementTree.Element) -> str:
    return (entry.text or "").strip()
