"""The Python side as one Java object: a `java.util.function.Function` from a request map to a reply map.

ImageJ's side (Jython, `fiji_scripts/lib/talanoa_fiji/client.py`) finds it in SciJava's ObjectService. It never raises
into Java: an exception would lose its message on the way. Images, ROIs and tables cross as whole arrays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from talanoa.fiji.bridge.dispatch import IMAGES, PLAIN, SELECTING, Attached, FijiHost, failed, label_title, perform
from talanoa.fiji.bridge.packing import pack_rois, pack_table, plain, to_java, unpack_rois

log = logging.getLogger(__name__)

NAME = "Talanoa"  # the client knows the Function by it
# what a request carries besides its keys
ATTACHED = ("task", "imp", "rois", "events", "cancelled", "finish", "wanted", "handle", "preview")


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
        ``task`` and its keys; ``imp`` (ij.ImagePlus), ``rois`` (packed ROIs), ``events`` (Consumer), ``cancelled`` and
        ``finish`` (BooleanSupplier), ``wanted`` (kinds of events that are shown), each optional.

    Returns
    -------
    java.util.Map
        ``status``, ``message``, ``warnings``, ``request``, ``labels`` (ij.ImagePlus), ``rois`` and ``table`` (packed),
        and plain values of the task; see `reply_to_java`.
    """
    try:
        return reply_to_java(_run(request))
    except Exception as error:  # noqa: BLE001  (the edge: an exception would lose its message on the way into Java)
        return to_java(failed(error))


def _run(request: Any) -> Mapping[str, Any]:
    """Convert what goes with a request, and do its task."""
    from talanoa.fiji.bridge import convert

    keys = {str(key): plain(request.get(key)) for key in request.keySet() if str(key) not in ATTACHED}
    task, imp, packed = str(request.get("task")), request.get("imp"), request.get("rois")
    image = selection = pieces = None
    names: list[str] = []
    if imp is not None:
        image = convert.to_dataarray(imp)
        selection = convert.selection_mask(imp) if task in SELECTING else None
    if hasattr(packed, "get"):
        pieces, names = unpack_rois(packed)
    elif packed is not None:
        keys["rois"] = plain(packed)  # a mode, or a file
    handle, preview = request.get("handle"), bool(request.get("preview"))
    attached = Attached(image, selection, pieces, names, None if handle is None else str(handle), preview)
    return perform(task, keys, attached, _host(request))


def _host(request: Any) -> FijiHost:
    """Return the host of a request: its events go to a java.util.function.Consumer, BooleanSuppliers end it."""
    import jpype

    events, cancelled, finish = (request.get(key) for key in ("events", "cancelled", "finish"))

    def publish(event: Mapping[str, Any]) -> None:
        """Hand an event to whoever asked for events."""
        if events is None:
            return
        try:
            events.accept(to_java({key: plain(value) for key, value in event.items()}))
        except jpype.JException as error:  # a window that was closed must not end the task
            log.warning("An event could not be shown: %s", error)

    def says_yes(supplier: Any) -> bool:
        return supplier is not None and bool(supplier.getAsBoolean())

    wanted = [str(kind) for kind in request.get("wanted") or ()]
    return FijiHost(publish, lambda: says_yes(cancelled), lambda: says_yes(finish), wanted)


def reply_to_java(reply: Mapping[str, Any]) -> Any:
    """Turn a reply of `tasks.run` into a java.util.Map.

    Labels and images that the task made become an ij.ImagePlus, ROIs and tables packed arrays (`pack_rois`,
    `pack_table`); other values stay as they are where Java has them (text, numbers, lists, maps).
    """
    from talanoa.fiji.bridge import convert

    java = to_java({key: plain(reply[key]) for key in PLAIN if reply.get(key) is not None})
    if reply["status"] != "ok":
        return java
    if reply.get("labels") is not None:
        java.put("labels", convert.labels_to_imageplus(reply["labels"], label_title(reply["labels"])))
    for key in IMAGES:
        if (made := reply.get(key)) is not None:
            java.put(key, convert.to_imageplus(made, str(made.attrs["name"])))
    if reply.get("rois") is not None:
        java.put("rois", pack_rois(reply["rois"]))
    if reply.get("table") is not None:
        java.put("table", pack_table(reply["table"]))
    return java
