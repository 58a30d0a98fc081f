"""What a request of ImageJ goes through on the Python side, in this process or in a worker: host, task, reply.

Nothing here knows how images and events travel: `function` (Python in the JVM's process) and `worker` (beside it) do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from talanoa import rois
from talanoa.core.errors import TalanoaError
from talanoa.core.host import Collecting

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from talanoa.rois.roi_set import RoiSet

log = logging.getLogger(__name__)

PLAIN = (
    "status",
    "task",
    "message",
    "warnings",
    "request",
    "folder",
    "models",
    "text",
    "healthy",
    "model",
    "log",
    "handle",
    "thresholds",
    "advice",
    "estimate",
    "dataset",
    "status_text",
    "progress",
    "next",
    "autosave",
    "saved",
    "undone",
    "undo",
    "picked",
    "changed",
    "classes",
    "annotators",
    "report",
    "leaks",
    "losses",
    "path",
)
IMAGES = ("image", "uncertainty")  # that a task made; labels have a form of their own
SELECTING = ("segment", "train")  # tasks that look at the selection of the open image
EVERY = 0.1  # seconds between two progress events
SELECTED = "Only the selection was segmented. For the whole image: Edit > Selection > Select None."


class FijiHost:
    """The host of a task that ImageJ asked for: progress as events to its window, cancelling from there.

    Parameters
    ----------
    publish : function (event) -> None
        Gets mappings with ``kind``: "progress" (done, total, text) or "warning" (text), and what tasks publish.
    cancelled : function () -> bool
        True once the user has asked to stop.
    finish : function () -> bool
        True once the user wants the best so far.
    wanted : collection of str
        Kinds of events that are shown and cost time ("preview").
    """

    def __init__(
        self,
        publish: Callable[[Mapping[str, Any]], None],
        cancelled: Callable[[], bool],
        finish: Callable[[], bool] = lambda: False,
        wanted: Collection[str] = (),
    ) -> None:
        self._publish = publish
        self._cancelled = cancelled
        self._finish = finish
        self._wanted = frozenset(wanted)
        self._last = ("", 0.0)

    def progress(self, done: float, total: float, text: str) -> None:
        """Show progress in the status bar, ten times a second at most."""
        before, when = self._last
        now = time.monotonic()
        if text == before and now - when < EVERY and done < total:
            return
        self._last = (text, now)
        self._publish({"kind": "progress", "done": float(done), "total": float(total), "text": text})

    def cancelled(self) -> bool:
        """Return True once Escape or Cancel was pressed."""
        return self._cancelled()

    def finish_requested(self) -> bool:
        """Return True once "Stop now and keep the best" was pressed."""
        return self._finish()

    def wants(self, kind: str) -> bool:
        """Return True when ImageJ shows events of this kind."""
        return kind in self._wanted

    def warn(self, text: str) -> None:
        """Log; the window shows the warnings of the reply."""
        log.warning(text)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Pass on an event of the task."""
        self._publish({"kind": kind, **payload})


@dataclass(frozen=True)
class Attached:
    """What goes with a request besides its keys.

    Parameters
    ----------
    image : DataArray, optional
        The open image.
    selection : ndarray of bool (y, x), optional
        The area selected in it.
    rois : sequence of bytes, optional
        ROIs in ImageJ's own file format.
    names : sequence of str
        Their names.
    handle, preview
        Of a window that changes thresholds, see `talanoa.rois.given.Given`.
    """

    image: xr.DataArray | None = None
    selection: NDArray[np.bool_] | None = None
    rois: Sequence[bytes] | None = None
    names: Sequence[str] = ()
    handle: str | None = None
    preview: bool = False


def perform(task: str, keys: Mapping[str, Any], attached: Attached, host: FijiHost) -> dict[str, Any]:
    """Do a task and return the reply of `tasks.run`, with notes on what went with the request among the warnings."""
    from talanoa import tasks

    rois, notes = _decoded(attached)
    selection = attached.selection if task in SELECTING else None
    if selection is not None and task == "segment":
        notes = [*notes, SELECTED]
    window = {"handle": attached.handle, "preview": attached.preview}
    collecting = Collecting(host)
    for note in notes:
        collecting.warn(note)
    return tasks.run({"task": task, **keys}, collecting, attached.image, rois, selection, **window)


def failed(error: BaseException) -> dict[str, Any]:
    """Return the reply to a request that ended in an exception: the edge never raises into Java."""
    if isinstance(error, TalanoaError):
        return {"status": "error", "message": str(error)}
    log.error("A request of ImageJ failed", exc_info=error)
    return {"status": "error", "message": f"{type(error).__name__}: {error}"}


def label_title(labels: xr.DataArray) -> str:
    """Return the title of a label image: "<image> labels"."""
    name = str(labels.attrs.get("name") or "image")
    return name if name.endswith(" labels") else f"{name} labels"


def _decoded(attached: Attached) -> tuple[RoiSet | None, list[str]]:
    """Return the ROIs with an area, and what was left out."""
    if attached.rois is None:
        return None, []
    shape = None if attached.image is None else attached.image.shape
    read = rois.decode(list(attached.rois), list(attached.names), shape)
    return read.rois, list(read.warnings)
