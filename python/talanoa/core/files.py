"""Files appear whole or not at all: write aside in the same folder, then rename; hashes and free names."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.leftovers import OLD, name_aside, remove, tidy
from talanoa.core.write_errors import explain_write_error

_BLOCK = 1 << 20
_JUNCTION = 0xA0000003  # Windows: a folder that is another one


@contextmanager
def write_aside(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a name beside `path` to write to; on success it is renamed to `path`, on any error it is removed.

    Parameters
    ----------
    path : path
        The file or folder to make.
    overwrite : bool
        Replace what is there. Without it an existing file or folder is an error that offers the next free name.

    Yields
    ------
    Path
        A hidden sibling of `path` with the same suffixes; the caller creates it as a file or a folder.

    Raises
    ------
    BadInput
        `path` exists, its folder does not or cannot be written, or the disk is full.
    """
    target = Path(path)
    check_target(target, overwrite)
    tidy(target.absolute().parent)
    aside = name_aside(target)
    try:
        yield aside
        check_target(target, overwrite)  # somebody may have made it meanwhile
        _move_into_place(aside, target)
    except OSError as error:
        raise explain_write_error(error, target) from error
    finally:
        remove(aside)


def check_target(path: Path, overwrite: bool) -> None:
    """Raise `BadInput` when `path` may not be written: it exists, or its folder does not."""
    parent = path.parent
    if not parent.is_dir():
        found = "a file" if parent.exists() else "no folder"
        raise BadInput(f"Found {found} at {parent}; expected a folder to write {path.name} into. Make it first.")
    if overwrite or not path.exists():
        return
    if path.is_dir() and not any(path.iterdir()):
        return  # an empty folder, such as a file dialog leaves behind, holds nothing to lose
    raise BadInput(
        f"{path} exists already; expected a new name, because results are never replaced silently. "
        f"Free is: {next_free(path).name}"
    )


def next_free(path: Path) -> Path:
    """Return `path` itself when nothing is there, else the first of name-2, name-3, … that is free."""
    if not path.exists():
        return path
    parts = path.suffixes[-2:] if path.suffixes[-2:-1] == [".ome"] else path.suffixes[-1:]
    suffix = "" if path.is_dir() and ".zarr" not in parts else "".join(parts)
    stem = path.name[: len(path.name) - len(suffix)]
    number = 2
    while (candidate := path.with_name(f"{stem}-{number}{suffix}")).exists():
        number += 1
    return candidate


def check_plain(folder: Path, remedy: str) -> None:
    """Raise `BadInput` for a folder that holds anything else than files and folders: links lead out of it.

    Parameters
    ----------
    folder : Path
        May be a link itself: that one is the user's.
    remedy : str
        What to do, for the message.
    """
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            state = path.lstat()
            link = stat.S_ISLNK(state.st_mode) or getattr(state, "st_reparse_tag", 0) == _JUNCTION
            if link or not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
                raise BadInput(
                    f"{path} is {'a link' if link else 'no file'}; expected plain files only, because what a link "
                    f"leads to would be read and copied along. {remedy}"
                )


def exists(path: Path) -> bool:
    """Tell whether something is at a path; at one that cannot be (too long, with a zero byte) there is nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_json(path: Path, what: str, remedy: str, finite: bool = True) -> Any:
    """Return the content of a JSON file.

    Parameters
    ----------
    path : Path
        The file.
    what, remedy : str
        What it should hold, and what to do where it cannot be read, for the message.
    finite : bool
        Refuse numbers that are not finite, too; JSON has none, but Python writes them.

    Raises
    ------
    BadInput
        It cannot be read, or is not JSON; the message names the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        number = _number if finite else None
        return json.loads(text, parse_int=_whole, parse_float=number, parse_constant=number)
    except (OSError, ValueError) as error:  # text that is not UTF-8 or not JSON, numbers of thousands of digits
        raise BadInput(f"{path} cannot be read as {what} ({error}). {remedy}") from error
    except RecursionError as error:
        raise BadInput(f"{path} cannot be read as {what} (lists within lists, without an end). {remedy}") from error


def _whole(text: str) -> int:
    """Return a whole number of JSON; one beyond all that is counted is a ValueError."""
    value = int(text)
    if abs(value) >= 2**64:
        raise ValueError(f"{text[:20]}... is beyond all numbers that are counted")
    return value


def _number(text: str) -> float:
    """Return a number of JSON; one that is not finite is a ValueError."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's file names and bytes in sorted order, in hex."""
    path = Path(path)
    digest = hashlib.sha256()
    files = [path] if not path.is_dir() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _move_into_place(aside: Path, target: Path) -> None:
    """Rename; a folder that is in the way is set aside first and comes back when the rename fails."""
    if target.is_dir() and not aside.is_dir():
        raise BadInput(f"Found a folder at {target}; expected the name of a file. Choose another name.")
    if not target.is_dir():
        os.replace(aside, target)  # noqa: PTH105  (a file over a file, at once on every system)
        return
    old = name_aside(target, OLD)
    target.rename(old)
    try:
        aside.rename(target)
    except OSError:
        old.rename(target)
        raise
    remove(old)


def check_new(path: Path) -> None:
    """Raise `BadInput` when a file or folder that a task shall write exists already, or cannot be made.

    Done before the work, so that no time is lost; writing checks again.
    """
    from talanoa.core.files import check_target

    check_target(path.absolute(), overwrite=False)
    if not os.access(path.absolute().parent, os.W_OK):
        raise BadInput(
            f"{path} cannot be written: you may not write to {path.absolute().parent}. Choose another place."
        )
