"""A folder of images: one result folder per image and one summary table; a bad image does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from talanoa.core import cluster
from talanoa.core.errors import BadInput, Cancelled, TalanoaError
from talanoa.core.files import check_new
from talanoa.core.host import Collecting, PassingOn, QuietHost, stop_if_cancelled
from talanoa.image import folder as image_folder
from talanoa.image import reading
from talanoa.tasks import folder_state
from talanoa.tasks.common import explained
from talanoa.tasks.folder_state import SUMMARY, begin, failed, held, row_of, what_is_kept

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.core.host import Host
    from talanoa.core.request import Request
    from talanoa.models.folder import Model
    from talanoa.tasks.folder_state import Row

log = logging.getLogger(__name__)
_SHOWN = 5  # failed images in a message
_DOINGS: dict[str, Doing] = {}


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


def register(task: str, doing: Doing) -> None:
    """Say what a task does with each image of a folder; the module of the task says it when it is loaded."""
    _DOINGS[task] = doing


def tasks_of_images() -> dict[str, Doing]:
    """Return the tasks that can be done with each image of a folder."""
    return dict(_DOINGS)


def _task_of(request: Any) -> str:
    """Return the name of the task that a request is for."""
    return next(name for name, doing in tasks_of_images().items() if isinstance(request, doing.request))


def check_place(request: Any) -> None:
    """Raise `BadInput` where the results of a request cannot go: `out` exists and holds none of the same folder."""
    if not request.out:
        return
    folder = request.image is not None and image_folder.is_folder_of_images(Path(request.image))
    if not (folder and folder_state.is_ours(Path(request.out))):
        check_new(Path(request.out))


def run(request: Any, model: Model, host: Host) -> dict[str, Any]:
    """Do a task with each image of a folder into `request.out`, in this process or on a Dask cluster.

    What an earlier run of the same request has done is kept; images that failed, changed or were added are done.

    Returns
    -------
    dict
        ``table``: one row per image (Image, Status, with `segment` Objects, Seconds, Folder, Message); ``failures``:
        the names of the images that could not be done.
    """
    if not request.out:
        raise BadInput("out is missing; expected a new folder for the results of a folder of images.")
    folder, out = Path(str(request.image)), Path(request.out)
    images = image_folder.images_in(folder)
    for note in image_folder.notes([folder]):
        host.warn(note)
    with held(out):
        begun = begin(out, request, model, images)
        for note in begun.notes:
            host.warn(note)
        rows, names = begun.rows, list(begun.names.values())
        todo = [(each.path, begun.names[each.path.name]) for each in images]
        todo = [(path, name) for path, name in todo if name not in rows]
        try:
            for name, row in _rows(request, model, todo, out, host, len(rows)):
                rows[name] = row
                _write_summary([rows[each] for each in names if each in rows], out)
        except Cancelled as stopped:
            raise Cancelled(what_is_kept(rows, len(images), out)) from stopped
        _write_summary([rows[each] for each in names], out)
    host.progress(len(images), len(images), "done")
    return _reply([rows[name] for name in names], out, tasks_of_images()[_task_of(request)].done, host)


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
    plain = request.model_dump() | {"task": _task_of(request)}
    given = [(plain, str(model.folder), str(path.absolute()), str((out / name).absolute())) for path, name in todo]
    host.progress(done, total, f"Image {done} of {total}")
    for number, answer in enumerate(cluster.spread(elsewhere, given, host, request.workers, request.scheduler), 1):
        path, name = todo[answer.number]
        row, warnings = answer.result or (failed(request, path, str(answer.error)), [str(answer.error)])
        for text in warnings:
            host.warn(f"{path.name}: {text}")
        host.progress(done + number, total, f"Image {done + number} of {total}")
        yield name, row


def elsewhere(request: dict[str, Any], model: str, path: str, out: str) -> tuple[Row, list[str]]:
    """Do one image in a process of a cluster; returns its row and its warnings."""
    host = _Named(_Unheard(), Path(path).name)
    keys = dict(request)
    doing = tasks_of_images()[keys.pop("task")]
    request_here = doing.request(**keys)
    with reading.asked_by(request_here):
        row = one(request_here, doing.load(model), Path(path), Path(out), host)
    return row, host.said


def one(request: Any, model: Model, path: Path, out: Path, host: Host) -> Row:
    """Do one image of the folder; an error becomes a row."""
    named = Collecting(host if isinstance(host, _Named) else _Named(host, path.name))
    work = tasks_of_images()[_task_of(request)].one
    try:
        _check_link(path)
        single = request.model_copy(update={"image": str(path), "out": str(out), "workers": None, "scheduler": None})
        reply = work(single, model, path, named)
    except Cancelled:
        raise
    except Exception as error:  # whatever is wrong with one image, the others are done
        log.info("%s failed", path, exc_info=True)
        text = str(error) if isinstance(error, TalanoaError) else explained(error)
        named.warn(text)
        return failed(request, path, text)
    return row_of(path, out.name, reply["record"])


def _check_link(path: Path) -> None:
    """Raise `BadInput` for a link that leads nowhere."""
    if path.is_symlink() and not path.exists():
        raise BadInput(
            f"{path.name} is a link to {path.readlink()}, where nothing is; expected an image. Fetch the file, or "
            "connect the disk it is on."
        )


class _Unheard(QuietHost):
    """The host in a process of a cluster: warnings go with the row of the image."""

    def warn(self, text: str) -> None:
        """Keep quiet: the process that asked says it."""


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


def _write_summary(rows: Sequence[Row], out: Path) -> None:
    """Write the summary after each image, so that it is there whenever the run ends."""
    from talanoa.measure import tables

    table = _table(rows)
    if "Objects" in table:
        table["Objects"] = table["Objects"].astype("Int64")  # whole numbers, and empty where it is not known
    tables.write_csv(out / SUMMARY, table, overwrite=True)


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one row per image; how many objects a failed image has is not known (NaN)."""
    import pandas as pd

    table = pd.DataFrame(list(rows))
    return table.astype({"Objects": float}) if "Objects" in table else table


def _reply(rows: Sequence[Row], out: Path, verb: str, host: Host) -> dict[str, Any]:
    """Sum up; images that failed are named once more in a warning, which every door shows."""
    table = _table(rows)
    failed = [row for row in rows if row["Status"] != "ok"]
    done = f"{len(rows) - len(failed)} of {len(rows)} images"
    found = f"{int(table['Objects'].sum())} objects in {done}" if "Objects" in table else f"{done} {verb}"
    message = f"{found}; results in {out}."
    if len(failed) == len(rows):
        raise BadInput(
            f"None of the {len(rows)} images could be {verb}. {failed[0]['Image']}: {failed[0]['Message']} "
            f"{out / SUMMARY} lists all. With out={out} the same command again tries them anew."
        )
    if failed:
        names = [row["Image"] for row in failed]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        text = (
            f"Failed: {', '.join(names[:_SHOWN])}{more} (see {SUMMARY}). With out={out} the same command again tries "
            "them anew."
        )
        host.warn(text)
        message += f" {text}"
    return {"message": message, "table": table, "folder": str(out), "failures": [row["Image"] for row in failed]}
