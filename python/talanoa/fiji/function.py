"""The Python side as one Java object: a `java.util.function.Function` from a request map to a reply map.

ImageJ's side (Jython, `fiji_scripts/lib/talanoa_fiji/client.py`) finds it in SciJava's ObjectService. It never raises
into Java: an exception would lose its message on the way. Images, ROIs and tables cross as whole arrays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from talanoa.errors import TalanoaError
from talanoa.fiji.packing import pack_rois, pack_table, plain, to_java, unpack_rois

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger(__name__)

NAME = "Talanoa"  # the client knows the Function by it
ATTACHED = ("task", "imp", "rois", "events", "cancelled")  # what a request carries besides its keys
PLAIN = ("status", "task", "message", "warnings", "request", "folder", "models", "text", "healthy", "model")
EVERY = 0.1  # seconds between two progress events


class FijiHost:
    """The host of a task that ImageJ asked for: progress as events to its window, cancelling from there.

    Parameters
    ----------
    events : java.util.function.Consumer or None
        Gets maps with ``kind``: "progress" (done, total, text) or "warning" (text), and what tasks publish.
    cancelled : java.util.function.BooleanSupplier or None
        True once the user has asked to stop.
    """

    def __init__(self, events: Any = None, cancelled: Any = None) -> None:
        self._events = events
        self._cancelled = cancelled
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
        return self._cancelled is not None and bool(self._cancelled.getAsBoolean())

    def warn(self, text: str) -> None:
        """Log; the window shows the warnings of the reply."""
        log.warning(text)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Pass on what can cross to Java as it is."""
        self._publish({"kind": kind, **{key: plain(value) for key, value in payload.items()}})

    def _publish(self, event: Mapping[str, Any]) -> None:
        import jpype

        if self._events is None:
            return
        try:
            self._events.accept(to_java(event))
        except jpype.JException as error:  # a window that was closed must not end the task
            log.warning("An event could not be shown: %s", error)


def make_function() -> Any:
    """Return the Python side as a java.util.function.Function; the JVM must run."""
    return _function(answer, f"{NAME} (Python in this process)")


def _function(apply: Callable[[Any], Any], name: str) -> Any:
    """Return a Python function as a java.util.function.Function.

    NB: a proxy of JPype has no default methods; Java's callers expect them.
    """
    import jpype

    methods = {
        "apply": apply,
        "andThen": lambda after: _function(lambda value: after.apply(apply(value)), f"{name}, then {after}"),
        "compose": lambda before: _function(lambda value: apply(before.apply(value)), f"{before}, then {name}"),
        "toString": lambda: name,
    }
    return jpype.JProxy("java.util.function.Function", dict=methods)


def answer(request: Any) -> Any:
    """Do the task of a request map and return the reply map; never raises.

    Parameters
    ----------
    request : java.util.Map
        ``task`` and its keys; ``imp`` (ij.ImagePlus), ``rois`` (packed ROIs), ``events`` (Consumer), ``cancelled``
        (BooleanSupplier), each optional.

    Returns
    -------
    java.util.Map
        ``status``, ``message``, ``warnings``, ``request``, ``labels`` (ij.ImagePlus), ``rois`` and ``table`` (packed),
        and plain values of the task; see `reply_to_java`.
    """
    try:
        return reply_to_java(_run(request))
    except TalanoaError as error:
        return to_java({"status": "error", "message": str(error)})
    except Exception as error:  # the edge: an exception would lose its message on the way into Java
        log.exception("A request of ImageJ failed")
        return to_java({"status": "error", "message": f"{type(error).__name__}: {error}"})


def _run(request: Any) -> Mapping[str, Any]:
    """Convert what goes with a request, and do its task."""
    from talanoa import tasks
    from talanoa.fiji import convert

    host = FijiHost(request.get("events"), request.get("cancelled"))
    keys = {str(key): plain(request.get(key)) for key in request.keySet() if str(key) not in ATTACHED}
    task, imp, packed = str(request.get("task")), request.get("imp"), request.get("rois")
    image = selection = None
    if imp is not None:
        image = convert.to_dataarray(imp)
        selection = convert.selection_mask(imp) if task == "segment" else None
    rois, notes = (None, []) if not hasattr(packed, "get") else unpack_rois(packed)
    if packed is not None and rois is None:
        keys["rois"] = plain(packed)  # a mode, or a file
    if selection is not None:
        notes = [*notes, "Only the selection was segmented. For the whole image: Edit > Selection > Select None."]
    reply = tasks.run({"task": task, **keys}, host, image, rois, selection)
    return {**reply, "warnings": [*notes, *reply["warnings"]]}


def reply_to_java(reply: Mapping[str, Any]) -> Any:
    """Turn a reply of `tasks.run` into a java.util.Map.

    Labels become an ij.ImagePlus, ROIs and tables packed arrays (`pack_rois`, `pack_table`); other values stay as they
    are where Java has them (text, numbers, lists, maps).
    """
    from talanoa.fiji import convert

    java = to_java({key: plain(reply[key]) for key in PLAIN if reply.get(key) is not None})
    if reply["status"] != "ok":
        return java
    if reply.get("labels") is not None:
        java.put("labels", convert.labels_to_imageplus(reply["labels"], _label_title(reply["labels"])))
    if reply.get("rois") is not None:
        java.put("rois", pack_rois(reply["rois"]))
    if reply.get("table") is not None:
        java.put("table", pack_table(reply["table"]))
    return java


def _label_title(labels: xr.DataArray) -> str:
    """Return the title of a label image: "<image> labels"."""
    name = str(labels.attrs.get("name") or "image")
    return name if name.endswith(" labels") else f"{name} labels"
