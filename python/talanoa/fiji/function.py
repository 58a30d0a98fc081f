"""The Python side as one Java object: a `java.util.function.Function` from a request map to a reply map.

ImageJ's side (Jython, `fiji_scripts/lib/talanoa_fiji/client.py`) finds it in SciJava's ObjectService. It never raises into
Java: an exception would lose its message on the way. Images, ROIs and tables cross as whole arrays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.errors import TalanoaError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from talanoa.rois import RoiSet

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
    import jpype

    @jpype.JImplements("java.util.function.Function")
    class Side:
        @jpype.JOverride
        def apply(self, request: Any) -> Any:
            return answer(request)

        @jpype.JOverride
        def andThen(self, after: Any) -> Any:
            return _chained(lambda value: after.apply(answer(value)))

        @jpype.JOverride
        def compose(self, before: Any) -> Any:
            return _chained(lambda value: answer(before.apply(value)))

        @jpype.JOverride
        def toString(self) -> str:
            return f"{NAME} (Python in this process)"

        @jpype.JOverride
        def equals(self, other: Any) -> bool:
            return self is other

        @jpype.JOverride
        def hashCode(self) -> int:
            return id(self) & 0x7FFFFFFF

    return Side()


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
    except Exception as error:  # noqa: BLE001 - the edge: an exception in Java would have lost its message
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


def pack_rois(rois: RoiSet) -> Any:
    """Pack ROIs for `talanoa_fiji.rois.unpack`.

    Returns
    -------
    java.util.Map
        x, y (int[] when all outlines are traced, else float[]), path_start, roi_start, position (int[]), names
        (String[]), traced (Boolean).
    """
    import jpype

    from talanoa.fiji import pixels

    kind = np.int32 if rois.traced else np.float32
    java = jpype.JClass("java.util.HashMap")()
    for key, values in (
        ("x", rois.xy[:, 0].astype(kind)),
        ("y", rois.xy[:, 1].astype(kind)),
        ("path_start", rois.path_start.astype(np.int32)),
        ("roi_start", rois.roi_start.astype(np.int32)),
        ("position", rois.position.astype(np.int32)),
    ):
        java.put(key, pixels.to_java(np.ascontiguousarray(values)))
    java.put("names", jpype.JArray(jpype.JString)(list(rois.names)))
    java.put("traced", jpype.JBoolean(rois.traced))
    return java


def unpack_rois(packed: Any) -> tuple[RoiSet, list[str]]:
    """Read what `talanoa_fiji.rois.pack` packed: ImageJ's own file format, one ROI after the other.

    Returns
    -------
    RoiSet
        The ROIs with an area.
    list of str
        What was left out, and why.
    """
    from talanoa import rois

    data = bytes(packed.get("bytes"))
    start = [int(value) for value in packed.get("start")]
    pieces = [data[first:last] for first, last in zip(start, start[1:], strict=False)]
    read = rois.decode(pieces, [str(name) for name in packed.get("names")])
    return read[0], list(read[1])


def pack_table(table: pd.DataFrame) -> Any:
    """Pack a table for ImageJ's Results: the column Name becomes the row label.

    Returns
    -------
    java.util.Map
        headings (String[]), columns (list of double[] or String[]), labels (String[] or null).
    """
    import jpype

    from talanoa.fiji import pixels

    text = jpype.JArray(jpype.JString)
    java, columns = jpype.JClass("java.util.HashMap")(), jpype.JClass("java.util.ArrayList")()
    headings = [str(name) for name in table.columns if name != "Name"]
    for name in headings:
        values = table[name]
        if values.dtype.kind in "biuf":
            columns.add(pixels.to_java(np.ascontiguousarray(values.to_numpy(np.float64))))
        else:
            columns.add(text([str(value) for value in values]))
    java.put("headings", text(headings))
    java.put("columns", columns)
    java.put("labels", text([str(name) for name in table["Name"]]) if "Name" in table else None)
    return java


def plain(value: Any) -> Any:
    """Return a Java or numpy value as a plain Python one: text, number, bool, None, list, dict."""
    import jpype

    if value is None or isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins":
        return value
    if isinstance(value, (jpype.JClass("java.lang.Boolean"), np.bool_)):
        return bool(value)
    if isinstance(value, (jpype.JClass("java.lang.Double"), jpype.JClass("java.lang.Float"), np.floating)):
        return float(value)
    if isinstance(value, (jpype.JClass("java.lang.Number"), np.integer)):
        return int(value)
    if isinstance(value, (Mapping, jpype.JClass("java.util.Map"))):
        return {str(key): plain(value[key]) for key in value}
    if isinstance(value, (list, tuple, jpype.JClass("java.util.List"))):
        return [plain(one) for one in value]
    return str(value)


def to_java(value: Any) -> Any:
    """Return a plain Python value as Java has it: maps are java.util.HashMap, lists java.util.ArrayList."""
    import jpype

    if isinstance(value, Mapping):
        java = jpype.JClass("java.util.HashMap")()
        for key, one in value.items():
            java.put(str(key), to_java(one))
        return java
    if isinstance(value, (list, tuple)):
        java = jpype.JClass("java.util.ArrayList")()
        for one in value:
            java.add(to_java(one))
        return java
    if isinstance(value, bool):
        return jpype.JClass("java.lang.Boolean")(value)
    if isinstance(value, int):
        return jpype.JClass("java.lang.Long")(value) if abs(value) > 2**31 - 1 else jpype.JClass("java.lang.Integer")(value)
    if isinstance(value, float):
        return jpype.JClass("java.lang.Double")(value)
    return value


def _chained(function: Any) -> Any:
    """Return another java.util.function.Function."""
    import jpype

    return jpype.JProxy("java.util.function.Function", dict={"apply": function, "toString": lambda: f"after {NAME}"})


def _label_title(labels: xr.DataArray) -> str:
    """Return the title of a label image: "<image> labels"."""
    name = str(labels.attrs.get("name") or "image")
    return name if name.endswith(" labels") else f"{name} labels"
