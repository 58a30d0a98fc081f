"""A model in a zip: unpacked into a folder of its own, with nothing written outside of it."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, gettempdir

from talanoa.core import files, leftovers
from talanoa.core.errors import BadInput
from talanoa.core.write_errors import explain_write_error

LARGEST = 4 * 2**30  # bytes that a model may unpack to
_BLOCK = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, NotImplementedError, RuntimeError,
    ValueError, LookupError, AttributeError, OverflowError,
)  # fmt: skip
MARKS = ("config.json", "model.json")  # of the original StarDist, of ours


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Give the model folder that a path means: itself or the only one in it, or in a zip.

    Parameters
    ----------
    path : Path
        Folder or zip.

    Yields
    ------
    Path
        Folder with ``config.json`` or ``model.json``; that of a zip is gone afterwards.

    Raises
    ------
    BadInput
        Neither folder nor zip, damaged, unsafe, no model in it or several.
    """
    if path.is_dir():
        place = _model_in(path, path)
        files.check_plain(place, "Copy the model with the files themselves.")
        yield place
        return
    if not path.is_file():
        raise BadInput(f"folder: found {str(path)!r}, which is no folder and no file; expected a model folder or zip.")
    leftovers.tidy_temporary(Path(gettempdir()))
    with TemporaryDirectory(prefix=leftovers.temporary_prefix()) as name:
        place = Path(name) / (path.stem or "model")
        _unpack(path, place)
        yield _model_in(place, path)


def _unpack(path: Path, place: Path) -> None:
    """Write the files of a zip below a new folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            for member in members:
                _check(member, path)
            if (total := sum(member.file_size for member in members)) > LARGEST:
                raise BadInput(f"{path.name} unpacks to {total / 2**30:.0f} GB; expected a model of less than 4 GB.")
            for member in members:
                _write(place.joinpath(*_inside(member).parts), _blocks(archive, member))
    except _DAMAGE as error:
        raise BadInput(f"{path.name} is no zip file or a damaged one ({error}). Copy it again.") from error


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as source:
        while block := source.read(_BLOCK):
            yield block


def _write(target: Path, blocks: Iterator[bytes]) -> None:
    """Write a file; what is wrong with the source is not what is wrong with the disk."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("wb")
    except OSError as error:
        raise explain_write_error(error, target) from error
    with file:
        for block in blocks:
            try:
                file.write(block)
            except OSError as error:
                raise explain_write_error(error, target) from error


def _inside(member: zipfile.ZipInfo) -> PurePosixPath:
    """Return a file's path in the zip; some programs on Windows write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def _check(member: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a file that would land elsewhere, and links."""
    name = _inside(member)
    unsafe = name.is_absolute() or ".." in name.parts or any(letter in str(name) for letter in ':*?"<>|')
    if unsafe or stat.S_ISLNK(member.external_attr >> 16):
        raise BadInput(
            f"{path.name} holds {member.filename!r}, which would be written outside of its folder; expected the plain "
            "files of a model. Do not use this file."
        )


def _model_in(folder: Path, shown: Path) -> Path:
    """Return the folder itself or the one below it that holds a model."""
    if any((folder / mark).is_file() for mark in MARKS):
        return folder
    found = sorted({one.parent for mark in MARKS for one in _below(folder, mark)})
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        names = ", ".join(one.relative_to(folder).as_posix() for one in found[:5])
        raise BadInput(f"{shown} holds {len(found)} models ({names}); expected one. Unpack it and name one of them.")
    if (folder / "saved_model.pb").is_file() or _below(folder, "saved_model.pb"):
        raise BadInput(
            f"{shown} is an export for the Fiji plugin of StarDist (TensorFlow SavedModel), which cannot be imported. "
            "Import the folder that it was exported from, with config.json and weights_best.h5."
        )
    raise BadInput(
        f"{shown} holds no model; expected config.json with weights_best.h5 (StarDist), or model.json with "
        "weights.safetensors (Talanoa), in it or in one folder below."
    )


def _below(folder: Path, name: str) -> list[Path]:
    """Return the files of a name one and two folders below."""
    return [one for depth in ("*", "*/*") for one in folder.glob(f"{depth}/{name}") if one.is_file()]
