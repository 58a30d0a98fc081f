"""How fast ROIs are written, read, traced and painted, beside roifile and the loops that users have.

Usage: python benchmarks/bench_rois.py
Prints one JSON line per figure: seconds are the best of `n` runs, `median` says how steady they were.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import roifile
import skimage.measure

from talanoa import rois
from talanoa.image.form import from_array

RUNS = 5
N = 10_000
RAYS = 32


def report(bench: str, impl: str, work: Callable[[], Any], runs: int = RUNS, **facts: Any) -> float:
    """Time `work` and print a line; return the best time."""
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    line = {"bench": bench, "impl": impl, "seconds": round(min(seconds), 4), "n": runs}
    print(json.dumps({**line, "median": round(statistics.median(seconds), 4), **facts}), flush=True)
    return min(seconds)


def star_polygons() -> np.ndarray:
    """Return N star-convex polygons (N, RAYS, 2) as y, x, on a grid of 100 x 100."""
    rng = np.random.default_rng(0)
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    radius = rng.uniform(5, 9, (N, 1)) * rng.uniform(0.9, 1.1, (N, RAYS))
    center = np.stack(np.divmod(np.arange(N), 100), axis=1) * 20.0 + 10
    return (center[:, None] + radius[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)).astype(np.float32)


def write_with_roifile(path: Path, polygons: np.ndarray, names: tuple[str, ...]) -> None:
    """Write as a user of roifile does: one object a polygon, then `roiwrite`."""
    made = [
        roifile.ImagejRoi.frompoints(xy, name=name)
        for xy, name in zip(polygons[..., ::-1] + np.float32(0.5), names, strict=True)
    ]
    roifile.roiwrite(path, made, mode="w")


def trace_with_find_contours(labels: np.ndarray) -> list[np.ndarray]:
    """Trace as scripts do: a contour of each object's own box. Not pixel-exact."""
    return [
        skimage.measure.find_contours(np.pad(region.image, 1), 0.5)[0] + region.bbox[:2]
        for region in skimage.measure.regionprops(labels)
    ]


def main() -> None:
    """Measure all."""
    polygons = star_polygons()
    drawn = rois.from_polygons(polygons)
    params = {"params": {"rois": N, "vertices": RAYS}}
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Path(name) / "ours.zip", Path(name) / "theirs.zip"
        fast = report("roi zip write", "talanoa", lambda: rois.write_zip(ours, drawn, overwrite=True), **params)
        slow = report("roi zip write", "roifile", lambda: write_with_roifile(theirs, polygons, drawn.names), **params)
        print(json.dumps({"bench": "roi zip write", "impl": "ratio", "times": round(slow / fast, 1)}))
        if [roi.coordinates().tolist() for roi in roifile.roiread(ours)] != [
            roi.coordinates().tolist() for roi in roifile.roiread(theirs)
        ]:
            raise SystemExit("the two zips differ: the figures would compare different things")
        report("roi zip read", "talanoa", lambda: rois.read_zip(ours), **params)
        report("roi zip read", "roifile", lambda: [r.coordinates() for r in roifile.roiread(theirs)], **params)
    filled = rois.to_labels(drawn, (1, 1, 2000, 2000)).labels
    report("rois to labels", "talanoa", lambda: rois.to_labels(drawn, (1, 1, 2000, 2000)), **params)
    plane = filled.values[0, 0, 0]
    traced = rois.from_labels(from_array(plane, "yx"))
    params = {"params": {"objects": len(traced), "image": plane.shape, "corners": len(traced.xy)}}
    report("labels to rois", "talanoa", lambda: rois.from_labels(filled), **params)
    report("labels to rois", "skimage find_contours", lambda: trace_with_find_contours(plane), runs=2, **params)
    if not np.array_equal(rois.to_labels(traced, like=filled).labels.values, filled.values):
        raise SystemExit("tracing is not exact: its time means nothing")


if __name__ == "__main__":
    main()
