"""How fast 10,000 objects are measured, beside `skimage.measure.regionprops_table`.

Usage: python benchmarks/bench_measure.py
Prints one JSON line per figure: the best seconds of `n` runs and the best seconds of processor time (`cpu`). Ours are
all 20 columns of `talanoa.measure.tables.measure` with an image; the peer's are 13 properties that answer the same
questions.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import skimage.measure
from bench_geometry import nuclei

from talanoa.image.form import from_array
from talanoa.measure import tables

SIZE, OBJECTS = 3072, 10_000
PROPERTIES = (
    "label", "area", "centroid", "bbox", "eccentricity", "major_axis_length", "minor_axis_length", "orientation",
    "perimeter", "solidity", "mean_intensity", "max_intensity", "min_intensity",
)  # fmt: skip


def report(impl: str, work: Callable[[], Any], runs: int, **params: Any) -> float:
    """Time `work`, print a line and return the processor time."""
    seconds, cpu = [], []
    for _ in range(runs):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    line = {"bench": "measurements", "impl": impl, "seconds": round(min(seconds), 4), "cpu": round(min(cpu), 4)}
    print(json.dumps({**line, "n": runs, "params": {"objects": OBJECTS, "size": SIZE, **params}}), flush=True)
    return min(cpu)


def main() -> int:
    labels = nuclei(SIZE, OBJECTS, 5)
    image = np.random.default_rng(0).gamma(2.0, 1.0, labels.shape).astype(np.float32) + (labels > 0)
    given = from_array(labels), from_array(image)
    columns = tables.measure(*given).shape[1] - 3  # without Label, Name, Frame
    ours = report("talanoa", lambda: tables.measure(*given), 5, columns=columns)
    peer = report(
        "skimage regionprops_table",
        lambda: skimage.measure.regionprops_table(labels, image, properties=PROPERTIES),
        1,
        properties=len(PROPERTIES),
    )
    print(json.dumps({"bench": "measurements", "impl": "ratio of processor time", "times": round(peer / ours, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
