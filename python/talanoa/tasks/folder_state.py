"""What is done of a folder of images, and what an interrupted run was begun with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import result, unfinished

if TYPE_CHECKING:
    from talanoa.model_folder import Model
    from talanoa.request_base import Request

Row = dict[str, Any]
_NOT_COMPARED = {"out", "image", "model", "workers", "scheduler"}  # they do not change what comes out


def plan_of(request: Request, model: Model, files: Sequence[Path]) -> dict[str, Any]:
    """Return what defines a run: settings, model, and size and time of each image."""
    stats = {path.name: path.stat() for path in files}
    return {
        "request": request.model_dump(exclude=_NOT_COMPARED),
        "model": {"name": model.name, "sha256": model.sha256},
        "images": {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()},
    }


def begin(out: Path, plan: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Row]:
    """Make the folder of the results, or go on with an interrupted run.

    Parameters
    ----------
    out : Path
        Folder of the results; new, empty, or left by an interrupted run.
    plan : mapping
        See `plan_of`.
    files : mapping of str to Path
        The image of each result.

    Returns
    -------
    dict
        The rows of the images that are done.

    Raises
    ------
    BadInput
        The interrupted run was begun with another plan.
    """
    if not unfinished.is_begun(out):
        out.mkdir(exist_ok=True)
        unfinished.note(out, plan)
        return {}
    unfinished.check_same(out, plan)
    done = {name: path for name, path in files.items() if (out / name / result.RECORD).is_file()}
    return {name: row_of(path, out / name, result.read_record(out / name)) for name, path in done.items()}


def end(out: Path) -> None:
    """Note that the run is complete."""
    (out / unfinished.PLAN).unlink()


def row_of(path: Path, out: Path, record: Mapping[str, Any]) -> Row:
    """Return the row of an image that is done."""
    counted = {"Objects": record["objects"]} if "objects" in record else {}
    facts = {**counted, "Seconds": record["times"]["total"]}
    return {"Image": path.name, "Status": "ok", **facts, "Folder": out.name, "Message": " ".join(record["warnings"])}


def failed(request: Request, path: Path, message: str) -> Row:
    """Return the row of an image that could not be done."""
    counted = {"Objects": 0} if "prob_thresh" in type(request).model_fields else {}
    return {"Image": path.name, "Status": "error", **counted, "Seconds": 0.0, "Folder": "", "Message": message}


def what_is_kept(rows: Mapping[str, Row], count: int, out: Path) -> str:
    """Return what a user who stopped should know; a folder without any result is removed."""
    if not rows:
        end(out)
        out.rmdir()
        return "Stopped on request; nothing was written."
    return (
        f"Stopped on request after {len(rows)} of {count} images; their results are in {out}. The same command again "
        "goes on with the others."
    )
