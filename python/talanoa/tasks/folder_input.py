"""A folder of images: one result folder per image and one summary table; a bad image does not stop the others."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from talanoa.errors import BadInput, Cancelled, TalanoaError
from talanoa.host import PassingOn, QuietHost, stop_if_cancelled
from talanoa.tasks.common import Collecting

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.host import Host
    from talanoa.model_folder import Model
    from talanoa.request_base import Request
    from talanoa.tasks.folder_state import Row

log = logging.getLogger(__name__)

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".zarr")
# Kinds of files that lie beside images and are none: not worth a word.
COMPANIONS = (".csv", ".db", ".ijm", ".ini", ".json", ".md", ".roi", ".txt", ".xml", ".zip")
ZARR_MARKS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
SUMMARY = "summary.csv"


def is_folder_of_images(path: Path) -> bool:
    """Tell a folder of images from a file and from an OME-Zarr image (a folder, too)."""
    return path.is_dir() and path.suffix.lower() != ".zarr" and not any((path / name).exists() for name in ZARR_MARKS)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _holds_images(folder: Path) -> bool:
    return any(map(_is_image, folder.iterdir()))


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder (not of its subfolders), sorted by name.

    Raises
    ------
    BadInput
        The folder holds none.
    """
    found = sorted(filter(_is_image, folder.iterdir()))
    if not found:
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        inside = next((path for path in sorted(folder.iterdir()) if path.is_dir() and _holds_images(path)), None)
        remedy = f" Its folders do: give one of them, such as {inside}." if inside else ""
        raise BadInput(f"{folder} holds no image (found {held}); expected files such as {', '.join(SUFFIXES)}.{remedy}")
    return found


def _warn_left_out(folder: Path, host: Host) -> None:
    """Name the files that may be images of kinds that cannot be read."""
    others = [
        path.name
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() not in (*SUFFIXES, *COMPANIONS) and not path.name.startswith(".")
    ]
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        host.warn(f"Left out {len(others)} files that cannot be read: {shown}. Save microscope files as TIFF in Fiji.")


def result_names(files: list[Path]) -> list[str]:
    """Return one folder name per image: its stem, or its whole name where two images share a stem."""
    stems = [
        path.name.split(".")[0] if path.name.lower().endswith((".ome.tif", ".ome.tiff", ".ome.zarr")) else path.stem
        for path in files
    ]
    lower = [stem.lower() for stem in stems]
    return [stem if lower.count(stem.lower()) == 1 else path.name for stem, path in zip(stems, files, strict=True)]


class Doing(NamedTuple):
    """What is done with each image of a folder.

    Parameters
    ----------
    request : type of Request
        Of the task.
    load : function (text) -> model
        Reads what a request names.
    one : function (request, model, path, host) -> reply
        Does one image.
    done : str
        What is done to the images, for messages: "restored".
    """

    request: type[Request]
    load: Callable[[str], Any]
    one: Callable[[Any, Any, Path, Host], dict[str, Any]]
    done: str


def tasks_of_images() -> dict[str, Doing]:
    """Return the tasks that can be done with each image of a folder."""
    from talanoa import model_folder
    from talanoa.requests import SegmentRequest
    from talanoa.requests_predict import PredictRequest
    from talanoa.requests_restore import RestoreRequest
    from talanoa.tasks.predict import PREDICT
    from talanoa.tasks.restore import RESTORE
    from talanoa.tasks.segment import segment_file

    return {
        "segment": Doing(SegmentRequest, model_folder.load, segment_file, "segmented"),
        "restore": Doing(RestoreRequest, RESTORE.load, RESTORE.on_file, "restored"),
        "predict": Doing(PredictRequest, PREDICT.load, PREDICT.on_file, "predicted"),
    }


def _task_of(request: Any) -> str:
    """Return the name of the task that a request is for."""
    return next(name for name, doing in tasks_of_images().items() if isinstance(request, doing.request))


def run(request: Any, model: Model, host: Host) -> dict[str, Any]:
    """Do a task with each image of a folder into `request.out`, in this process or on a Dask cluster.

    Where an earlier run of the same request was interrupted, its results are kept and the other images are done.

    Returns
    -------
    dict
        ``table``: one row per image (Image, Status, with `segment` Objects, Seconds, Folder, Message); ``failures``:
        their names.
    """
    import pandas as pd

    from talanoa.tasks.folder_state import begin, end, plan_of, what_is_kept

    if not request.out:
        raise BadInput("out is missing; expected a new folder for the results of a folder of images.")
    files = images_in(Path(str(request.image)))
    _warn_left_out(Path(str(request.image)), host)
    out = Path(request.out)
    names = result_names(files)
    rows = begin(out, plan_of(request, model, files), dict(zip(names, files, strict=True)))
    if rows:
        host.warn(f"Going on with an interrupted run: {len(rows)} of {len(files)} images are done already.")
    todo = [(path, name) for path, name in zip(files, names, strict=True) if name not in rows]
    try:
        for name, row in _rows(request, model, todo, out, host, len(rows)):
            rows[name] = row
            _write_summary([rows[each] for each in names if each in rows], out)
    except Cancelled as stopped:
        raise Cancelled(what_is_kept(rows, len(files), out)) from stopped
    host.progress(len(files), len(files), "done")
    end(out)
    return _reply(pd.DataFrame([rows[name] for name in names]), out, tasks_of_images()[_task_of(request)].done)


def _rows(
    request: Any, model: Model, todo: list[tuple[Path, str]], out: Path, host: Host, done: int
) -> Iterator[tuple[str, Row]]:
    """Yield (name of the result, row) of each image as it gets done."""
    total = done + len(todo)
    if request.workers is None and request.scheduler is None:
        for number, (path, name) in enumerate(todo, done):
            stop_if_cancelled(host)
            host.progress(number, total, f"{path.name} ({number + 1} of {total})")
            yield name, one(request, model, path, out / name, host)
        return
    from talanoa import plates
    from talanoa.tasks.folder_state import failed

    plain = request.model_dump() | {"task": _task_of(request)}
    given = [(plain, str(model.folder), str(path.absolute()), str((out / name).absolute())) for path, name in todo]
    host.progress(done, total, f"Image {done} of {total}")
    try:
        for number, answer in enumerate(plates.spread(elsewhere, given, host, request.workers, request.scheduler), 1):
            path, name = todo[answer.number]
            row, warnings = answer.result or (failed(request, path, str(answer.error)), [str(answer.error)])
            for text in warnings:
                host.warn(f"{path.name}: {text}")
            host.progress(done + number, total, f"Image {done + number} of {total}")
            yield name, row
    finally:
        for rest in out.glob(".*.partial-*"):  # of a process that was ended
            shutil.rmtree(rest, ignore_errors=True)


def elsewhere(request: dict[str, Any], model: str, path: str, out: str) -> tuple[Row, list[str]]:
    """Do one image in a process of a cluster; returns its row and its warnings."""
    host = _Named(QuietHost(), Path(path).name)
    keys = dict(request)
    doing = tasks_of_images()[keys.pop("task")]
    row = one(doing.request(**keys), doing.load(model), Path(path), Path(out), host)
    return row, host.said


def one(request: Any, model: Model, path: Path, out: Path, host: Host) -> Row:
    """Do one image of the folder; an error becomes a row."""
    from talanoa.tasks.folder_state import failed, row_of

    named = Collecting(host if isinstance(host, _Named) else _Named(host, path.name))
    work = tasks_of_images()[_task_of(request)].one
    try:
        single = request.model_copy(update={"image": str(path), "out": str(out), "workers": None, "scheduler": None})
        reply = work(single, model, path, named)
    except Cancelled:
        raise
    except (TalanoaError, OSError, MemoryError, ValueError, RuntimeError) as error:
        log.info("%s failed", path, exc_info=True)
        named.warn(str(error))
        return failed(request, path, str(error))
    return row_of(path, out, reply["record"])


class _Named(PassingOn):
    """A host that says of which image a warning is, and leaves the progress to the folder."""

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host)
        self.name = name
        self.said: list[str] = []

    def progress(self, done: float, total: float, text: str) -> None:
        """Swallow: the folder's own progress is shown."""

    def warn(self, text: str) -> None:
        """Pass on with the image's name."""
        self.said.append(text)
        self.host.warn(f"{self.name}: {text}")


def _write_summary(rows: list[Row], out: Path) -> None:
    """Write the summary after each image, so that it is there whenever the run ends."""
    import pandas as pd

    from talanoa import tables

    tables.write_csv(out / SUMMARY, pd.DataFrame(rows), overwrite=True)


def _reply(rows: pd.DataFrame, out: Path, verb: str) -> dict[str, Any]:
    """Sum up."""
    failed = rows[rows["Status"] != "ok"]
    done = f"{len(rows) - len(failed)} of {len(rows)} images"
    found = f"{int(rows['Objects'].sum())} objects in {done}" if "Objects" in rows else f"{done} {verb}"
    message = f"{found}; results in {out}."
    if len(failed):
        message += f" Failed: {', '.join(failed['Image'])} (see {SUMMARY})."
    if len(failed) == len(rows):
        raise BadInput(
            f"None of the {len(rows)} images could be {verb}. {failed['Image'].iloc[0]}: {failed['Message'].iloc[0]}"
        )
    return {"message": message, "table": rows, "folder": str(out), "failures": failed["Image"].tolist()}
