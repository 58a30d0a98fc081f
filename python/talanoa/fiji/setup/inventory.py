"""Which files Talanoa has put into an ImageJ folder, and changes to that folder that happen wholly or not at all."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.core.write_errors import explain_write_error

NAME = "inventory.json"  # in the Jython package
Source = bytes | Path


@dataclass(frozen=True)
class Inventory:
    """What is installed.

    Attributes
    ----------
    talanoa : str
        Version of the package.
    files : dict of str -> str
        SHA-256 of each file by its path in the ImageJ folder, with forward slashes.
    folders : list of str
        Folders that were made for them.
    """

    talanoa: str
    files: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[str] = ()
    version: int = 1

    def to_bytes(self) -> bytes:
        """Return the inventory as the JSON of its file."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()

    def missing(self, root: Path) -> list[str]:
        """Return the files that are no longer there."""
        return [name for name in self.files if not (root / name).is_file()]

    def changed(self, root: Path) -> list[str]:
        """Return the files that somebody has changed since."""
        there = (name for name in self.files if (root / name).is_file())
        return [name for name in there if file_sha256(root / name) != self.files[name]]


def read(path: Path) -> Inventory | None:
    """Return the inventory in a file, None where there is none.

    Raises
    ------
    BadInput
        The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Inventory(found["talanoa"], dict(found["files"]), list(found["folders"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} could not be read ({error!r}); expected the list of the files that Talanoa installed. "
            f"Remove the folder {path.parent} and install again."
        ) from error


@dataclass(frozen=True)
class Changes:
    """Changes to a folder, by relative paths.

    Attributes
    ----------
    write : dict of str -> bytes or Path
        Files to write (in place of what is there): their bytes, or a file to copy.
    remove : list of str
        Files to remove.
    rename : dict of str -> str
        Files to rename first.
    """

    write: Mapping[str, Source] = field(default_factory=dict)
    remove: Sequence[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)


def carry_out(root: Path, changes: Changes) -> None:
    """Change a folder, wholly or not at all: everything is written aside first, and moved back after a failure.

    Raises
    ------
    BadInput
        Something could not be written or moved; the folder is as it was.
    """
    stage = root / f".talanoa-{uuid.uuid4().hex[:8]}.partial"
    try:
        for left in root.glob(".talanoa-*.partial"):  # of a run that was killed
            shutil.rmtree(left)
        stage.mkdir()
        fresh = [_write(stage / f"new-{number}", source) for number, source in enumerate(changes.write.values())]
        with _undone_on_failure() as move:
            for name, other in changes.rename.items():
                move(root / name, root / other)
            for number, name in enumerate((*changes.remove, *changes.write)):
                if (root / name).exists():
                    move(root / name, stage / f"old-{number}")
            for name, file in zip(changes.write, fresh, strict=True):
                move(file, root / name)
    except OSError as error:
        raise _explain(error, root) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _undone_on_failure() -> Iterator[Callable[[Path, Path], None]]:
    """Give a function that moves a file and makes the folders for it; after an error all is moved back."""
    moved: list[tuple[Path, Path]] = []
    made: list[Path] = []

    def move(old: Path, new: Path) -> None:
        """Move a file, and note what there is to be undone."""
        missing = [folder for folder in (new.parent, *new.parent.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            made.append(folder)
        old.rename(new)
        moved.append((old, new))

    try:
        yield move
    except BaseException:
        for old, new in reversed(moved):
            new.rename(old)
        for folder in reversed(made):
            folder.rmdir()
        raise


def remove_empty(root: Path, folders: Sequence[str]) -> None:
    """Remove those of the folders that hold nothing, the deepest first."""
    for folder in sorted((root / name for name in folders), key=lambda path: len(path.parts), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _write(path: Path, source: Source) -> Path:
    """Write bytes, or copy a file, and return where."""
    if isinstance(source, Path):
        shutil.copyfile(source, path)
    else:
        path.write_bytes(source)
    return path


def _explain(error: OSError, root: Path) -> BadInput:
    """Return a message with a remedy; Windows refuses to replace what a running ImageJ uses."""
    if os.name == "nt" and isinstance(error, PermissionError):
        return BadInput(
            f"{error.filename or root} cannot be changed ({error.strerror}); expected that nobody uses it. "
            "Close ImageJ and try again. Nothing was changed."
        )
    explained = explain_write_error(error, root / "Talanoa")
    return BadInput(f"{explained} Nothing was changed in {root}.")
