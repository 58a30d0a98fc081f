"""How fast 25,000 ROIs reach ImageJ's ROI Manager, into an empty one and into one that holds 25,000 already.

Usage: python benchmarks/bench_roimanager.py     (Xvfb is started where there is no display)
Prints one JSON line per figure: seconds are the best of `n` runs, from Python's arrays to a manager that shows all on
the image. Beside it: ImageJ's own `RoiManager.open` of a zip, and `RoiManager.addRoi` one by one (a tenth of the ROIs).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from talanoa import rois
from talanoa.core import resources
from talanoa.fiji.bridge import packing
from talanoa.fiji.setup import runtime
from talanoa.image.form import from_array

COUNT = 25_000
SIDE, CELL = 3200, 20  # a field of 160 x 160 cells
RUNS = 3

BULK = """
#@ String lib
#@ java.util.Map packed
#@ Object imp
#@output Double seconds
import sys, time
sys.path.insert(0, lib)
from talanoa_fiji import rois, show
begin = time.time()
show.to_manager(rois.unpack(packed, imp), imp, False)
seconds = time.time() - begin
"""

ONE_BY_ONE = """
#@ String lib
#@ java.util.Map packed
#@ Object imp
#@output Double seconds
import sys, time
sys.path.insert(0, lib)
from ij.plugin.frame import RoiManager
from talanoa_fiji import rois
begin = time.time()
manager = RoiManager.getRoiManager()
manager.runCommand(imp, "Show All without labels")
for roi in rois.unpack(packed, imp):
    manager.addRoi(roi)
seconds = time.time() - begin
"""


@contextmanager
def xvfb() -> Iterator[str]:
    """Start Xvfb on a free number and yield its name."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1050x24"], pass_fds=(write,), stderr=subprocess.DEVNULL
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        name = ":" + pipe.readline().strip()
    try:
        yield name
    finally:
        server.terminate()
        server.wait()


def field() -> Any:
    """Return a label image with 25,000 discs, every tenth of them with a hole."""
    rows, columns = np.mgrid[:CELL, :CELL] - CELL / 2 + 0.5
    disc = np.hypot(rows, columns) < CELL * 0.42
    ring = disc & (np.hypot(rows, columns) > 3)
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number in range(1, COUNT + 1):
        top, left = np.array(divmod(number - 1, SIDE // CELL)) * CELL
        shape = ring if number % 10 == 0 else disc
        labels[top : top + CELL, left : left + CELL][shape] = number
    return from_array(labels, name="field")


def report(bench: str, impl: str, seconds: list[float], **facts: Any) -> None:
    """Print a figure."""
    line = {"bench": bench, "impl": impl, "seconds": round(min(seconds), 3), "n": len(seconds)}
    print(json.dumps({**line, "median": round(statistics.median(seconds), 3), **facts}), flush=True)


def timed(started: runtime.Runtime, script: str, made: rois.RoiSet, imp: Any) -> float:
    """Bring ROIs into the manager and return the seconds, packing included."""
    begin = time.perf_counter()
    packed = packing.pack_rois(made)
    packing_seconds = time.perf_counter() - begin
    lib = (resources.fiji_scripts() / "lib").as_posix()
    outputs = started.run_script(script, {"lib": lib, "packed": packed, "imp": imp})
    return packing_seconds + float(outputs["seconds"])


def measure(started: runtime.Runtime, folder: Path) -> None:
    """Time all ways."""
    import jpype

    started.show()
    imp = jpype.JClass("ij.IJ").createImage("field", "8-bit black", SIDE, SIDE, 1)
    imp.show()
    manager = jpype.JClass("ij.plugin.frame.RoiManager").getRoiManager()
    made = rois.from_labels(field())
    facts = {"params": {"rois": COUNT, "composite": COUNT // 10, "vertices": len(made.xy)}}
    empty, holding = [], []
    for _ in range(RUNS):
        manager.reset()
        empty.append(timed(started, BULK, made, imp))
        holding.append(timed(started, BULK, made, imp))
        if manager.getCount() != 2 * COUNT:
            raise SystemExit(f"{manager.getCount()} ROIs arrived; expected {2 * COUNT}")
    report("25,000 ROIs into an empty manager", "talanoa", empty, **facts)
    report("25,000 ROIs into a manager that holds 25,000", "talanoa", holding, **facts)
    path = folder / "field.zip"
    rois.write_zip(path, made)
    opening = []
    for _ in range(RUNS):
        manager.reset()
        begin = time.perf_counter()
        manager.open(str(path))
        opening.append(time.perf_counter() - begin)
    report("25,000 ROIs into an empty manager", "ImageJ RoiManager.open (zip)", opening, **facts)
    manager.reset()
    some = made[np.arange(COUNT // 10)]
    part = {"params": {"rois": len(some), "note": "a tenth of the ROIs"}}
    report(
        "2,500 ROIs into an empty manager", "ImageJ RoiManager.addRoi", [timed(started, ONE_BY_ONE, some, imp)], **part
    )


def main() -> int:
    """Run the benchmark on the display that is there, else in a process of its own on Xvfb."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        # NB: the JVM ends its process with an error when its display goes, so it has to go first.
        with xvfb() as name:
            return subprocess.run(
                [sys.executable, __file__], env={**os.environ, "DISPLAY": name}, check=False
            ).returncode
    with tempfile.TemporaryDirectory() as folder:
        measure(runtime.start(mode="gui", prefs=Path(folder) / "preferences"), Path(folder))
    sys.stdout.flush()
    os._exit(0)  # windows are open; ImageJ would wait for the user


if __name__ == "__main__":
    sys.exit(main())
