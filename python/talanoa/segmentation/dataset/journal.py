"""Several files appear together or not at all: prepared aside, begun by one rename, completed also after a crash.

.talanoa/begun-<id>/    files being prepared; nothing counts yet
.talanoa/commit/        prepared completely; whoever opens the dataset next completes it
.talanoa/undo/<number>/ what the files were before each of the last saves
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel

from talanoa.core import lock
from talanoa.core.errors import BadInput
from talanoa.core.files import read_json
from talanoa.core.write_errors import explain_write_error
from talanoa.segmentation.dataset import form
from talanoa.segmentation.dataset.form import Dataset
from talanoa.segmentation.dataset.names import check_name
from talanoa.segmentation.dataset.states import Entry

COMMIT, PLAN, UNDO = "commit", "plan.json", "undo"
MOST_UNDO = 20
WAIT = 10.0  # seconds for another process that is saving


@dataclass
class Change:
    """What a save will change, while it is prepared.

    Attributes
    ----------
    folder : Path
        Where the new files are prepared.
    entry : Entry
        The state of the image afterwards.
    moves : dict of str
        Name in `folder` -> place, relative to the annotations.
    remove : list of str
        Files that are gone afterwards, relative to the annotations.
    keep : str
        Number under which `folder`/undo is kept, "" for none.
    drop : str
        Number of the undo that is used up.
    """

    folder: Path
    entry: Entry
    moves: dict[str, str] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    keep: str = ""
    drop: str = ""


@contextmanager
def change(dataset: Dataset, entry: Entry) -> Iterator[Change]:
    """Prepare a change; at the end of the block it is carried out, after an error nothing of it remains.

    Raises
    ------
    BadInput
        The folder cannot be written, or another process is writing.
    """
    form.make_folder(dataset.hidden)
    with _alone(dataset.hidden):
        begun = form.make_folder(dataset.hidden / f"begun-{uuid.uuid4().hex[:8]}")
        try:
            prepared = Change(begun, entry)
            yield prepared
            _begin(dataset, prepared)
            complete(dataset)
        except OSError as error:
            raise explain_write_error(error, dataset.annotations) from error
        finally:
            shutil.rmtree(begun, ignore_errors=True)


def update(dataset: Dataset, change_it: Callable[[Dataset], Dataset]) -> Dataset:
    """Change the states of a dataset as they are now on disk, while no other process does; return it as it is then."""
    form.make_folder(dataset.hidden)
    with _alone(dataset.hidden):
        complete(dataset)
        changed = change_it(form.read(dataset.root, dataset.annotator))
        form.write(changed)
    return changed


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; wait a while for one that is writing."""
    with lock.hold(folder, "annotation", patience=WAIT):
        yield


def complete(dataset: Dataset) -> None:
    """Complete the change that was begun, if there is one.

    Raises
    ------
    BadInput
        It cannot be completed because the folder may not be written.
    """
    commit = dataset.hidden / COMMIT
    if not (commit / PLAN).is_file():
        return
    plan = read_plan(commit / PLAN, Plan)
    try:
        _carry_out(dataset, commit, plan)
    except OSError as error:
        raise BadInput(
            f"A save in {dataset.annotations} was interrupted and cannot be completed: {error.strerror or error}. Its "
            "mask and ROIs may not belong together yet. Make the folder writable, close what has its files open, and "
            "open it again."
        ) from error


class Plan(BaseModel):
    """What a change is to do."""

    entry: Entry
    moves: dict[str, str]
    remove: list[str]
    keep: str
    drop: str


class Undo(BaseModel):
    """What taking back a save brings back."""

    entry: Entry
    files: list[str]


def read_plan(path: Path, kind: type[Plan] | type[Undo]) -> dict[str, Any]:
    """Read what a change was to do, or what an undo brings back.

    Raises
    ------
    BadInput
        It is damaged, or names files that are none of an annotation: a dataset may come from a stranger.
    """
    plan = read_json(path, "what an interrupted save leaves behind", f"Delete {path.parent}: what is saved stays.")
    try:
        kind.model_validate(plan)
        places = [*plan.get("moves", {}).values(), *plan.get("remove", []), *plan.get("files", [])]
        names = [*plan.get("moves", {}), *filter(None, (plan.get("keep"), plan.get("drop")))]
        if not all(_is_ours(place) for place in places) or any(Path(name).name != name for name in names):
            raise ValueError("files outside of the annotation")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path} cannot be used ({error}); expected what an interrupted save leaves behind. Delete {path.parent}: "
            "what is saved stays."
        ) from error
    return dict(plan)


def _is_ours(place: str) -> bool:
    """Tell whether a path is that of a file of an annotation."""
    path = PurePosixPath(place)
    kinds = ("masks", "rois", "classes", f"{form.HIDDEN}/autosave")
    return path.parent.as_posix() in kinds and not check_name(path.stem) and "\\" not in place


def undo_numbers(dataset: Dataset) -> list[str]:
    """Return the numbers of the saves that can be taken back, the last one last."""
    folder = dataset.hidden / UNDO
    return sorted(path.name for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []


def _begin(dataset: Dataset, prepared: Change) -> None:
    """Write the plan and rename the folder: from here on the change will happen."""
    plan = {
        "entry": prepared.entry.model_dump(),
        "moves": prepared.moves,
        "remove": prepared.remove,
        "keep": prepared.keep,
        "drop": prepared.drop,
    }
    (prepared.folder / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    prepared.folder.rename(dataset.hidden / COMMIT)


def _carry_out(dataset: Dataset, commit: Path, plan: dict[str, Any]) -> None:
    """Do what is not done yet of a plan; doing it twice changes nothing."""
    for name, place in plan["moves"].items():
        if (commit / name).exists():
            target = dataset.annotations / place
            form.make_folder(target.parent)
            _replace(commit / name, target)
    for place in plan["remove"]:
        (dataset.annotations / place).unlink(missing_ok=True)
    current = form.read(dataset.root, dataset.annotator)
    form.write(current.with_entry(Entry.model_validate(plan["entry"])))
    if plan["keep"] and (commit / UNDO).is_dir():
        form.make_folder(dataset.hidden / UNDO)
        _replace(commit / UNDO, dataset.hidden / UNDO / plan["keep"])
    outdated = undo_numbers(dataset)[:-MOST_UNDO]
    for number in [*outdated, *([plan["drop"]] if plan["drop"] else [])]:
        shutil.rmtree(dataset.hidden / UNDO / number, ignore_errors=True)
    _replace(commit, dataset.hidden / f"begun-{uuid.uuid4().hex[:8]}")  # at once, then slowly
    for leftover in dataset.hidden.glob("begun-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _replace(source: Path, target: Path) -> None:
    """Rename; somebody who opened the dataset meanwhile may have done it already."""
    try:
        os.replace(source, target)  # noqa: PTH105  (a file over a file, at once on every system)
    except FileNotFoundError:
        if source.exists():
            raise
