"""How fast images and tables cross between numpy and ImageJ, beside pyimagej where a full ImageJ2 is at hand.

Usage: python benchmarks/bench_bridge.py     (TALANOA_FIJI=<Fiji folder> measures pyimagej in the same run)
Prints one JSON line per figure: seconds are the best of `n` runs, `median` says how steady they were.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from talanoa.fiji.bridge.convert import labels_to_imageplus, to_dataarray, to_imageplus
from talanoa.fiji.bridge.convert_table import from_results_table, to_results_table
from talanoa.fiji.setup.runtime import Runtime, start
from talanoa.image.form import from_array

FIJI = os.environ.get("TALANOA_FIJI")
RUNS = 7
STACK = (20, 2048, 2048)  # z, y, x of uint16: 168 MB
ROWS = 25_000
# pyimagej needs ImageJ2, which Maven Central does not have. These were measured with ImageJ2 2.17.0, pyimagej 1.8.0,
# Java 17 and the same stack, on another day; they are printed only when pyimagej cannot be run here.
QUOTED = {"to ImageJ": 1.2, "to ImageJ, native stack": 3.8, "from ImageJ": 6.2}


def report(bench: str, impl: str, work: Callable[[], Any], runs: int = RUNS, **facts: Any) -> None:
    """Time `work` and print a line; results are dropped before the next run."""
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
        del result
        collect()
    line = {"bench": bench, "impl": impl, "seconds": round(min(seconds), 4), "n": runs}
    print(json.dumps({**line, "median": round(statistics.median(seconds), 4), **facts}), flush=True)


def collect() -> None:
    """Let Java drop what is no longer used: its memory is not part of the figure."""
    import jpype

    jpype.JClass("java.lang.System").gc()


def image_figures(imagej: Runtime) -> None:
    """Time the stack both ways."""
    stack = np.random.default_rng(0).integers(0, 65536, STACK).astype(np.uint16)
    image = from_array(stack, "zyx", pixel_size=(1.0, 0.2, 0.2), unit="µm", name="stack")
    facts = {"params": {"shape": STACK, "dtype": "uint16", "MB": stack.nbytes // 10**6}}
    imp = to_imageplus(image)
    if not np.array_equal(to_dataarray(imp).values[0, 0], stack):
        raise SystemExit("the stack did not survive the way there and back")
    report("to ImageJ, native stack", "talanoa", lambda: to_imageplus(image), **facts)
    report("from ImageJ", "talanoa", lambda: to_dataarray(imp), **facts)
    report("to ImageJ, native stack", "JPype slices", lambda: by_slices(stack), runs=3, **facts)
    report("from ImageJ", "JPype arrays", lambda: by_arrays(imp), runs=3, **facts)
    report("copy in memory (the floor)", "numpy", lambda: stack.copy(), **facts)
    if imagej.gateway is not None:
        pyimagej_figures(imagej, image, imp, facts)
    else:
        for bench, seconds in QUOTED.items():
            note = "quoted from an earlier run, not measured here: ImageJ2 is not on Maven Central"
            print(json.dumps({"bench": bench, "impl": "pyimagej", "seconds": seconds, "note": note, **facts}))


def pyimagej_figures(imagej: Runtime, image: Any, imp: Any, facts: dict[str, Any]) -> None:
    """Time pyimagej's own conversions of the same stack, on the running ImageJ2."""
    ij = imagej.gateway
    named = image.isel(t=0, c=0).rename(z="pln", y="row", x="col")
    named.attrs = {}
    report("to ImageJ", "pyimagej", lambda: ij.py.to_imageplus(named), runs=3, stack="virtual", **facts)
    report("to ImageJ, native stack", "pyimagej", lambda: ij.py.to_imageplus(named).duplicate(), runs=3, **facts)
    report("from ImageJ", "pyimagej", lambda: np.asarray(ij.py.from_java(imp)), runs=3, **facts)


def by_slices(stack: np.ndarray) -> Any:
    """Build a native stack the plain way, by slice assignment."""
    import jpype

    planes, height, width = stack.shape
    found = jpype.JClass("ij.ImageStack")(width, height, planes)
    for index, plane in enumerate(stack, start=1):
        array = jpype.JArray(jpype.JShort)(plane.size)
        array[:] = plane.reshape(-1).view(np.int16)
        found.setPixels(array, index)
    return found


def by_arrays(imp: Any) -> np.ndarray:
    """Read a stack the plain way, by numpy's view of a Java array."""
    stack = imp.getStack()
    planes = [np.asarray(stack.getPixels(index + 1)).view(np.uint16) for index in range(stack.getSize())]
    return np.stack(planes).reshape(-1, imp.getHeight(), imp.getWidth())


def other_figures() -> None:
    """Time a label image, a colour time-lapse, many small planes and a table."""
    random = np.random.default_rng(1)
    labels = from_array(random.integers(0, 25_000, (4096, 4096)).astype(np.int32))
    facts = {"params": {"shape": (4096, 4096), "dtype": "int32"}}
    report("labels to ImageJ", "talanoa", lambda: labels_to_imageplus(labels), **facts)
    colour = from_array(random.integers(0, 256, (20, 3, 1024, 1024)).astype(np.uint8), "tcyx", rgb=True)
    imp = to_imageplus(colour)
    facts = {"params": {"shape": (20, 1024, 1024), "dtype": "RGB"}}
    report("to ImageJ, native stack", "talanoa", lambda: to_imageplus(colour), **facts)
    report("from ImageJ", "talanoa", lambda: to_dataarray(imp), **facts)
    many = from_array(random.integers(0, 256, (2000, 2, 64, 64)).astype(np.uint8), "tcyx")
    small = to_imageplus(many)
    facts = {"params": {"shape": (2000, 2, 64, 64), "dtype": "uint8"}}
    report("to ImageJ, native stack", "talanoa", lambda: to_imageplus(many), **facts)
    report("from ImageJ", "talanoa", lambda: to_dataarray(small), **facts)


def table_figures() -> None:
    """Time a table as large as 25,000 objects give."""
    random = np.random.default_rng(2)
    columns: dict[str, Any] = {"Label": np.arange(ROWS), "Name": [f"T0001_L{row:05d}" for row in range(ROWS)]}
    made = pd.DataFrame({**columns, **{f"C{index}": random.random(ROWS) for index in range(20)}})
    rt = to_results_table(made)
    facts = {"params": {"rows": ROWS, "columns": made.shape[1]}}
    report("table to ResultsTable", "talanoa", lambda: to_results_table(made), **facts)
    report("ResultsTable to table", "talanoa", lambda: from_results_table(rt), **facts)


def main() -> int:
    begin = time.perf_counter()
    imagej = start(FIJI, java_options=("-Xmx4g",))
    seconds = round(time.perf_counter() - begin, 2)
    print(json.dumps({"bench": f"start ImageJ ({imagej.kind})", "impl": "talanoa", "seconds": seconds, "n": 1}))
    image_figures(imagej)
    other_figures()
    table_figures()
    return 0


if __name__ == "__main__":
    sys.exit(main())
