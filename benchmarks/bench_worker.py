"""The Python worker beside ImageJ, as users have it: a Java of its own, driven from outside.

Usage: python benchmarks/bench_worker.py     (needs Xvfb and openbox; about three minutes)
Prints one JSON line per figure. Aims: memory after job 200 within 5 % of that after job 20, median of the last 20 jobs
within 10 % of the first 20, first result of the sample within 8 s of a cold click and 1.5 s warm, cancelled within 1 s.
Java takes its heap whole at its start, so that "Java MB" shows what else grows.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from talanoa.core import resources
from talanoa.tasks.sample import shipped

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from helpers.worker.fiji import FijiProcess, until

JOBS, EARLY = 200, 20
WHOLE_HEAP = ("-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch")  # Java would touch its heap bit by bit, which is no growth
STACK = (20, 2048, 2048)  # z, y, x of uint16: 168 MB
SEGMENT = 'IJ.run("Segment Objects", "model={model} device=cpu rois=none")'
PROPERTY = "-Dtalanoa.python"


def report(bench: str, seconds: float, **facts: Any) -> None:
    """Print one line."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    line = {"bench": bench, "impl": "talanoa", "seconds": round(seconds, 4), "load": load}
    print(json.dumps({**line, **facts}), flush=True)


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def clean(fiji: FijiProcess) -> None:
    """Close the label images and empty the Results."""
    fiji.call("close", "nuclei.tif")


def clicks(fiji: FijiProcess) -> None:
    """From the command to the label image of the shipped sample: Python not started yet, then warm."""
    fiji.call("show", str(shipped.path("nuclei")))
    job = SEGMENT.format(model="nuclei")
    report("first result after a cold click", timed(lambda: fiji.run(job)), n=1, aim=8.0)
    warm = []
    for _ in range(7):
        clean(fiji)
        warm.append(timed(lambda: fiji.run(job)))
    clean(fiji)
    report("result when warm", min(warm), n=len(warm), median=round(statistics.median(warm), 4), aim=1.5)


def memory(fiji: FijiProcess) -> dict[str, float]:
    """Return the memory of both processes in MB, after both have tidied up."""
    heap = fiji.call("used_memory") / 2**20
    worker = fiji.worker()
    return {
        "worker MB": round(worker.memory_info().rss / 2**20, 1),
        "Java heap MB": round(heap, 1),
        "Java MB": round(psutil.Process(fiji.pid).memory_info().rss / 2**20, 1),
    }


def many_jobs(fiji: FijiProcess) -> None:
    """The same job again and again: neither memory nor time may grow."""
    seconds, early = [], {}
    for number in range(1, JOBS + 1):
        seconds.append(timed(lambda: fiji.run(SEGMENT.format(model="nuclei"))))
        clean(fiji)
        if number == EARLY:
            early = memory(fiji)
    late = memory(fiji)
    first, last = statistics.median(seconds[:EARLY]), statistics.median(seconds[-EARLY:])
    facts = {"n": EARLY, "params": {"jobs": JOBS}}
    report("jobs in a row: the first 20", min(seconds[:EARLY]), median=round(first, 4), **facts, **early)
    growth = {f"{key} grown by %": round(100 * (late[key] / early[key] - 1), 1) for key in early}
    facts["median grown by %"] = round(100 * (last / first - 1), 1)
    report("jobs in a row: the last 20", min(seconds[-EARLY:]), median=round(last, 4), **facts, **late, **growth)


def cancel(fiji: FijiProcess) -> None:
    """From Escape to the end of the job, a large one."""
    fiji.run("IJ.run('Scale...', 'x=8 y=8 width=4096 height=4096 interpolation=None create title=large')")
    seconds = []
    for _ in range(3):
        fiji.run("IJ.showStatus('')\nIJ.selectWindow(WindowManager.getIDList()[-1])")
        running = fiji.send(code=SEGMENT.format(model="nuclei"))
        fiji.wait("status().startswith('Segment Objects: ')", "the job is running")
        fiji.call("press_escape")
        begin = time.perf_counter()
        running.exception(120)
        seconds.append(time.perf_counter() - begin)
    report(
        "cancel: from Escape to the end",
        min(seconds),
        n=3,
        median=round(statistics.median(seconds), 4),
        aim=1.0,
    )
    clean(fiji)


STACK_THERE_AND_BACK = """
import jarray
from java.lang import System
from ij.process import ShortProcessor
from talanoa_fiji import block, images

def measure(imp):
    begin = System.nanoTime()
    data = block.Block(images.shapes(imp))
    try:
        images.fill(imp, data)
        there = System.nanoTime() - begin
        layout = data.layout()
        reply = block.Reply(layout)
        begin = System.nanoTime()
        plane = imp.getWidth() * imp.getHeight()
        stack = ImageStack(imp.getWidth(), imp.getHeight(), imp.getStackSize())
        for k in range(imp.getStackSize()):
            stack.setPixels(reply.get(u"pixels", k * plane, plane), k + 1)
        back = System.nanoTime() - begin
        reply.close()
    finally:
        data.close()
    return there / 1e9, back / 1e9
"""


def stack(fiji: FijiProcess) -> None:
    """A stack into shared memory and out of it, on ImageJ's side; a label stack comes back the same way."""
    frames, height, width = STACK
    fiji.run("from ij import ImageStack\n" + STACK_THERE_AND_BACK)
    fiji.run(f"imp = IJ.createImage('stack', '16-bit ramp', {width}, {height}, {frames})")
    found = [fiji.value("measure(imp)") for _ in range(5)]
    facts = {"n": 5, "params": {"shape": STACK, "dtype": "uint16", "MB": 2 * frames * height * width // 10**6}}
    for name, values in zip(("to the worker", "from the worker"), zip(*found, strict=True), strict=True):
        report(f"stack {name} (shared memory)", min(values), median=round(statistics.median(values), 4), **facts)


def main() -> int:
    missing = [program for program in ("Xvfb", "openbox") if shutil.which(program) is None]
    if missing:
        print(f"{', '.join(missing)} not found", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        options = ["-XX:+UseParallelGC", *WHOLE_HEAP, f"{PROPERTY}={sys.executable}"]
        with FijiProcess(Path(folder), scripts=resources.fiji_scripts(), options=options) as fiji:
            for figure in (clicks, many_jobs, cancel, stack):
                figure(fiji)
            worker = fiji.worker()
        until(lambda: not worker.is_running(), "the worker has ended", 30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
