"""The Python side as a process beside ImageJ: ``python -m talanoa.fiji.worker``, started by `talanoa_fiji/worker.py`.

It speaks Appose's protocol (JSON lines) on what were stdin and stdout; pixels, ROIs and tables travel in shared memory,
one block each way. It ends with ImageJ, or when nothing was asked for a while.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import numpy as np

from talanoa.core.errors import Cancelled
from talanoa.core.logs import log_path, start_log_file
from talanoa.core.version import __version__
from talanoa.fiji.bridge import shared_block
from talanoa.fiji.bridge.dispatch import IMAGES, PLAIN, SELECTING, Attached, FijiHost, failed, label_title, perform
from talanoa.fiji.bridge.packing import roi_arrays, table_columns
from talanoa.models.runtime import backends

if TYPE_CHECKING:
    from appose import SharedMemory

log = logging.getLogger("talanoa.fiji.worker")  # the module runs as __main__

LONG = ("segment", "train", "evaluate", "restore", "predict")  # one of these at a time; the others answer at once
IDLE_MINUTES = 30.0
_CHECK = 0.05  # seconds between two looks at a waiting job
_SEPARATOR = "\x1f"  # between texts of a list: ASCII's own


class Job:
    """One running request.

    Parameters
    ----------
    task : appose.python_worker.Task
        Carries events to ImageJ and knows whether it asks to stop.
    request : mapping
        See `Worker.answer`.
    """

    def __init__(self, task: Any, request: Mapping[str, Any]) -> None:
        self.task = task
        self.request = request
        self.finish = False
        wanted = request.get("wanted") or ()
        self.host = FijiHost(self._publish, lambda: task.cancel_requested, lambda: self.finish, wanted)

    def _publish(self, event: Mapping[str, Any]) -> None:
        self.task.update(info=wire(event))


class Worker:
    """What this process knows: running jobs, blocks that ImageJ has not read yet, when it was last asked."""

    def __init__(self) -> None:
        self.started = self.asked = time.monotonic()
        self.jobs: dict[str, Job] = {}
        self.done = 0
        self._blocks: dict[str, SharedMemory] = {}
        self._one_long_job = threading.Lock()

    def hello(self) -> dict[str, Any]:
        """Say who this is, and how it is: for the first request of ImageJ, and for the Doctor."""
        import psutil

        return {
            "talanoa": __version__,
            "python": sys.executable,
            "pid": os.getpid(),
            "seconds": time.monotonic() - self.started,
            "done": self.done,
            "running": [job.request["task"] for job in self.jobs.values()],
            "megabytes": psutil.Process().memory_info().rss / 2**20,
            "log": str(log_path()),
        }

    def answer(self, task: Any, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do a request of ImageJ; never raises.

        Parameters
        ----------
        task : appose.python_worker.Task
            The call.
        request : mapping
            ``id``, ``task``, ``keys``, ``reply`` (name for the block of the reply), ``wanted`` (kinds of events that
            are shown); optional: ``block`` (layout of what goes along: pixels, tables, mask, roi_bytes, roi_start,
            roi_names), ``image`` (arriving facts, see `talanoa.fiji.bridge.image_facts`), ``handle``, ``preview``.

        Returns
        -------
        dict
            ``reply``: plain values of the task, and where there are any ``labels`` (leaving facts), ``headings`` and
            ``columns``, ``rows`` and ``unit`` of a table, ``traced`` of ROIs, ``block`` (layout).
        """
        job = Job(task, request)
        self.asked = time.monotonic()
        self.jobs[request["id"]] = job
        try:
            with self._turn(job), self._attached(request) as attached:
                reply = perform(request["task"], request["keys"], attached, job.host)
            return {"reply": self._packed(reply, request)}
        except Cancelled as error:
            return {"reply": {"status": "cancelled", "message": str(error)}}
        except Exception as error:  # noqa: BLE001  (the edge: ImageJ gets a message, never a traceback)
            return {"reply": wire(failed(error))}
        finally:
            del self.jobs[request["id"]]
            self.done += 1
            self.asked = time.monotonic()

    def finish(self, identity: str) -> None:
        """Let a training end early and keep the best."""
        job = self.jobs.get(identity)
        if job is not None:
            job.finish = True

    def release(self, identity: str) -> None:
        """Give back the block of a reply that ImageJ has read."""
        memory = self._blocks.pop(identity, None)
        if memory is not None:
            shared_block.release(memory)

    def end(self, why: str) -> None:
        """End this process now, whatever runs; nothing stays in shared memory."""
        log.info("The worker ends: %s", why)
        for identity in list(self._blocks):
            self.release(identity)
        logging.shutdown()
        os._exit(0)  # a running job would keep the process

    def end_when_idle(self, minutes: float) -> None:
        """Wait, and end the process once nothing has run or been asked for so long."""
        while True:
            left = self.asked + 60 * minutes - time.monotonic()
            if left <= 0 and not self.jobs:
                self.end(f"nothing was asked for {minutes:g} minutes")
            time.sleep(min(max(left, 1.0), 60.0))

    @contextlib.contextmanager
    def _turn(self, job: Job) -> Iterator[None]:
        """Wait until no other long job runs; raise `Cancelled` when the user gives up waiting."""
        if job.request["task"] not in LONG:
            yield
            return
        while not self._one_long_job.acquire(timeout=_CHECK):
            if job.task.cancel_requested:
                raise Cancelled("Stopped while waiting; nothing was written.")
        try:
            yield
        finally:
            self._one_long_job.release()

    @contextlib.contextmanager
    def _attached(self, request: Mapping[str, Any]) -> Iterator[Attached]:
        """Open what goes with a request while it is worked on."""
        if not request.get("block"):
            yield Attached(handle=request.get("handle"), preview=bool(request.get("preview")))
            return
        memory = shared_block.attach(request["block"])
        try:
            yield _read(memory, request)
        finally:
            shared_block.release(memory)

    def _packed(self, reply: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        """Return a reply as plain values; what is large goes into a block."""
        plain = {key: wire(reply[key]) for key in PLAIN if reply.get(key) is not None}
        if reply["status"] != "ok":
            return plain
        arrays: dict[str, np.ndarray | shared_block.Planes] = {}
        _pack_images(reply, plain, arrays)
        _pack_rois(reply.get("rois"), plain, arrays)
        _pack_table(reply.get("table"), plain, arrays)
        if arrays:
            memory, plain["block"] = shared_block.create(request["reply"], arrays)
            self._blocks[request["id"]] = memory
        return plain


def _read(memory: SharedMemory, request: Mapping[str, Any]) -> Attached:
    """Return the image, the selection and the ROIs of a request."""
    from talanoa.fiji.bridge import image_facts

    layout, found = request["block"], request.get("image")
    image = selection = pieces = None
    names: list[str] = []
    if found is not None:
        grey = shared_block.view(memory, layout, "grey_values") if "grey_values" in layout["arrays"] else None
        image = image_facts.to_form(
            found, shared_block.view(memory, layout, "pixels"), shared_block.view(memory, layout, "tables"), grey
        )
        mask = shared_block.view(memory, layout, "mask") if "mask" in layout["arrays"] else None
        selection = image_facts.selection_mask(found, mask) if request["task"] in SELECTING else None
    if "roi_start" in layout["arrays"]:
        data = shared_block.view(memory, layout, "roi_bytes").tobytes()
        start = shared_block.view(memory, layout, "roi_start").tolist()
        pieces = [data[first:last] for first, last in itertools.pairwise(start)]
        names = _split(shared_block.view(memory, layout, "roi_names"), len(pieces))
    return Attached(image, selection, pieces, names, request.get("handle"), bool(request.get("preview")))


def _pack_images(
    reply: Mapping[str, Any], plain: dict[str, Any], arrays: dict[str, np.ndarray | shared_block.Planes]
) -> None:
    """Add the label image, as ImageJ shows it, and the images that a task made."""
    from talanoa.fiji.bridge import image_facts
    from talanoa.image.labels import display_form

    leaving = {}
    if (labels := reply.get("labels")) is not None:
        leaving["labels"] = image_facts.from_form(display_form(labels), label_title(labels))
    for key in IMAGES:
        if (made := reply.get(key)) is not None:
            leaving[key] = image_facts.from_form(made, str(made.attrs["name"]))
    for key, image in leaving.items():
        plain[key] = wire(image.facts)
        arrays[f"{key}_pixels"] = image
        arrays[f"{key}_tables"] = image.tables


def _pack_rois(rois: Any, plain: dict[str, Any], arrays: dict[str, np.ndarray | shared_block.Planes]) -> None:
    """Add ROIs as a few arrays."""
    if rois is None:
        return
    arrays.update(roi_arrays(rois))
    arrays["names"] = _joined(rois.names)
    plain["traced"] = bool(rois.traced)


def _pack_table(table: Any, plain: dict[str, Any], arrays: dict[str, np.ndarray | shared_block.Planes]) -> None:
    """Add a table: columns of numbers, or of text."""
    if table is None:
        return
    from talanoa.measure.tables import shown_unit

    plain["headings"], plain["columns"], plain["rows"] = [str(name) for name in table.columns], [], len(table)
    plain["unit"] = shown_unit(table)
    for number, values in enumerate(table_columns(table)):
        text = isinstance(values, list)
        arrays[f"column{number}"] = _joined(values) if isinstance(values, list) else values
        plain["columns"].append("text" if text else "numbers")


def _joined(texts: Sequence[str]) -> np.ndarray:
    """Return texts as the bytes of one."""
    return np.frombuffer(_SEPARATOR.join(texts).encode(), np.uint8)


def _split(data: np.ndarray, count: int) -> list[str]:
    """Return the texts of `_joined`."""
    return data.tobytes().decode().split(_SEPARATOR) if count else []


def wire(value: Any) -> Any:
    """Return a value as JSON has it; numbers that JSON lacks (NaN, infinity) become text."""
    if isinstance(value, Mapping):
        return {str(key): wire(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [wire(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else str(float(value))
    return value if value is None else str(value)


class _Lines:
    """Where Appose's lines go: whole lines, also from several threads."""

    def __init__(self, stream: TextIOWrapper) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def say(self, line: str, flush: bool = True, file: Any = None) -> None:
        """Write a line; what Appose writes elsewhere (its warnings) is logged."""
        if file is not None:
            log.warning("%s", line)
            return
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()


def _take_streams() -> tuple[TextIOWrapper, TextIOWrapper]:
    """Return stdin and stdout for the protocol alone.

    Whatever else reads or writes them, native libraries too, gets an empty input and the error stream. (On Windows a
    library that asks for its standard input while a thread reads it would wait for ever.)
    """
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _warm_up() -> None:
    """Load what the first segmentation needs while the user fills the dialog."""
    started = time.perf_counter()
    try:
        import talanoa.measure.tables
        import talanoa.segmentation.predict  # noqa: F401
        from talanoa.models import geometry

        geometry.warm_up()
        geometry.warm_up3d()  # a quarter of a second, once it was compiled by `get_ready`
    except ImportError as error:  # the first request will say so to the user
        log.warning("The libraries could not be loaded ahead: %s", error)
    log.info("The worker is warm after %.1f s", time.perf_counter() - started)


def get_ready() -> None:
    """Compile the kernels and export the shipped model's network, so that the first job need not."""
    from talanoa.models import folder, geometry

    geometry.warm_up()
    geometry.warm_up3d()
    backends.for_model(folder.load("nuclei"), "cpu", "auto")


def main(arguments: Sequence[str] | None = None) -> None:
    """Answer requests until ImageJ ends or nothing was asked for a while."""
    parser = argparse.ArgumentParser(prog="python -m talanoa.fiji.worker")
    parser.add_argument("--idle-minutes", type=float, default=IDLE_MINUTES)
    parser.add_argument("--get-ready", action="store_true", help="prepare for the first job, and end")
    parsed = parser.parse_args(arguments)
    if parsed.get_ready:
        get_ready()
        return
    requests, answers = _take_streams()
    start_log_file()
    logging.captureWarnings(True)
    log.info("Talanoa %s, worker %d, %s", __version__, os.getpid(), sys.executable)
    for name in shared_block.sweep():
        log.warning("Removed %s from shared memory: the Fiji that made it is gone", name)

    from appose import python_worker

    sys.stdin = requests
    python_worker.print = _Lines(answers).say  # Appose writes its answers with print
    worker, loop = Worker(), python_worker.Worker()
    for name in ("hello", "answer", "finish", "release"):
        loop.exports[name] = getattr(worker, name)
    for target, given in ((_warm_up, ()), (worker.end_when_idle, (parsed.idle_minutes,))):
        threading.Thread(target=target, args=given, daemon=True).start()
    loop.run()
    worker.end("ImageJ has ended")


if __name__ == "__main__":
    main()
