"""The folder of a segmentation in blocks that runs or was interrupted: what is done of it, and for which request."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core import lock, resume
from talanoa.core.errors import BadInput
from talanoa.core.host import Host
from talanoa.core.record import jsonable
from talanoa.core.write_errors import explain_write_error
from talanoa.models.methods.star_convex import Candidates, join

CANDIDATES = "candidates"
RESULT = "result"
README = "READ ME.txt"
_TEXT = """This folder holds an unfinished segmentation of a large image.

To go on with it, give the same command again (same image, model, settings and result folder): what is done here is not
done again. When the result is complete it is moved to its place and this folder disappears.
To forget it, delete this folder.
"""


class Store:
    """Arrays of blocks in files that appear whole or not at all.

    Parameters
    ----------
    folder : Path
        The unfinished work.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, kind: str, block: int, suffix: str = ".npz") -> Path:
        """Return the file of a kind of a block; a thousand blocks share a subfolder."""
        return self.folder / kind / f"{block // 1000:06d}" / f"{block:09d}{suffix}"

    def has(self, kind: str, block: int) -> bool:
        """Tell whether something is stored."""
        return self.path(kind, block).is_file()

    def save(self, kind: str, block: int, **arrays: Any) -> None:
        """Store arrays; what was stored before is replaced."""
        path = self.path(kind, block)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_suffix(".partial")
            with aside.open("wb") as stream:
                np.savez(stream, **arrays)
            aside.replace(path)
        except OSError as error:
            raise explain_write_error(error, path) from error

    def load(self, kind: str, block: int, *names: str) -> dict[str, NDArray[Any]]:
        """Return arrays, all or those named."""
        with np.load(self.path(kind, block), allow_pickle=False) as stored:
            return {name: stored[name] for name in names or stored.files}

    def save_candidates(self, kind: str, block: int, found: Candidates, **more: Any) -> None:
        """Store candidates, and more arrays with them."""
        self.save(kind, block, **_arrays(found), **more)

    def load_candidates(self, kind: str, block: int, config: Any) -> Candidates:
        """Return candidates that were stored."""
        none = join([], config)
        known = {field.name for field in fields(none)}
        arrays: dict[str, Any] = {name: values for name, values in self.load(kind, block).items() if name in known}
        return replace(none, **arrays)

    def mark(self, name: str, **facts: Any) -> None:
        """Note that a step is complete."""
        path = self.folder / f"{name}.json"
        aside = path.with_suffix(".partial")
        aside.write_text(json.dumps(jsonable(facts)), encoding="utf-8")
        aside.replace(path)

    def marked(self, name: str) -> dict[str, Any] | None:
        """Return what was noted of a step; None when it is not complete."""
        path = self.folder / f"{name}.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _arrays(found: Candidates) -> dict[str, NDArray[Any]]:
    """Return the fields of candidates that are arrays."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def folder_for(out: Path) -> Path:
    """Return where the work for a result folder lies until it is complete."""
    return out.with_name(out.name + ".unfinished")


@contextmanager
def opened(
    out: Path, plan: Mapping[str, Any], host: Host, what: str = "segmentation", text: str = _TEXT
) -> Iterator[Store]:
    """Hold the folder of the unfinished work for `out`, new or begun with the same plan.

    Parameters
    ----------
    out : Path
        The result folder to be.
    plan : mapping
        What defines the work: request, model, image, blocks; JSON.
    host : Host
        Cancelling.
    what, text : str
        What the work is called, and what is written into the folder for those who find it.

    Raises
    ------
    BadInput
        Another process works there, or the work was begun with another plan; the message names what differs.
    """
    folder = folder_for(out)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, folder) from error
    with lock.hold(folder, what, host):
        _check_plan(folder, plan, text)
        try:
            yield Store(folder)
        except BadInput as problem:
            if not isinstance(problem.__cause__, OSError):
                raise
            text = f"{problem} What is done is kept in {folder}: the same command goes on with it."
            raise BadInput(text) from problem


def count(store: Store) -> int:
    """Return how many blocks have been through the network."""
    return sum(1 for _ in (store.folder / CANDIDATES).rglob("*.npz"))


def finish(store: Store, out: Path) -> None:
    """Move the complete result to its place and remove the rest."""
    try:
        if out.is_dir():
            out.rmdir()  # an empty folder, as a file dialog leaves behind
        os.rename(store.folder / RESULT, out)  # noqa: PTH104  (raises where something is there)
    except OSError as error:
        raise explain_write_error(error, out) from error


def remove(folder: Path) -> None:
    """Remove the folder of work that is complete."""
    shutil.rmtree(folder, ignore_errors=True)


def _check_plan(folder: Path, plan: Mapping[str, Any], text: str) -> None:
    """Compare the plan with that of the work begun here; note it for new work."""
    if resume.is_begun(folder):
        resume.check_same(folder, plan)
        return
    if not all(lock.is_of_lock(file) for file in folder.iterdir()):
        raise BadInput(f"{folder} is needed for unfinished work, but holds other files. Choose another result folder.")
    (folder / README).write_text(text, encoding="utf-8")
    resume.note(folder, plan)
