"""How fast the 2D kernels are, beside the StarDist package: distances, probability, suppression, drawing.

Usage: python benchmarks/bench_geometry.py     (TALANOA_PEERS=<folder with an environment stardist/> for the package)
Prints one JSON line per figure: the best seconds of `n` runs and the best seconds of processor time (`cpu`, all
threads), on inputs that are the same bits for both. With "busy: 2", two other processes compute all the while. `kept`,
`sum`, `objects` let the results be compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import peers

RUNS = 5
MOST_SECONDS = 20.0  # for the runs of one figure
RAYS = 32
Inputs = dict[str, np.ndarray]
Work = dict[str, Callable[..., Any]]


def nuclei(size: int, n: int, seed: int) -> np.ndarray:
    """Return a label image of `n` wavy ellipses with radii of 7 to 13 pixels that touch but do not overlap."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((size, size), np.int32)
    number = 0
    for _ in range(60 * n):
        number += place_nucleus(labels, number + 1, rng)
        if number == n:
            break
    return labels


def place_nucleus(labels: np.ndarray, number: int, rng: np.random.Generator) -> bool:
    """Draw a nucleus at a random place and tell whether it was free."""
    size = len(labels)
    centre_y, centre_x, radius = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(7, 13)
    reach = int(radius * 1.6) + 2
    window = tuple(slice(max(0, int(c) - reach), min(size, int(c) + reach + 1)) for c in (centre_y, centre_x))
    y, x = np.mgrid[window]
    angle = np.arctan2(y - centre_y, x - centre_x)
    long, turn = rng.uniform(0, 0.3), rng.uniform(0, np.pi)
    wavy = rng.uniform(-0.07, 0.07) * np.cos(3 * angle + rng.uniform(0, 6.28))
    inside = np.hypot(y - centre_y, x - centre_x) <= radius * (1 + long * np.cos(2 * (angle - turn)) + wavy)
    if labels[window][inside].any():
        return False
    labels[window][inside] = number
    return True


def candidates(n: int) -> Inputs:
    """Return candidates as a trained network gives them, ten for each nucleus, all probabilities different."""
    from scipy.ndimage import gaussian_filter

    from talanoa.models import geometry

    size = round(1024 * np.sqrt(n / 10_000) / 64) * 64
    labels = nuclei(size, n // 10, 0)
    rng = np.random.default_rng(7)
    noise = gaussian_filter(rng.normal(0, 0.3, labels.shape), 1)
    prob = geometry.edge_probability(labels) + noise
    place = np.sort(rng.choice(np.argsort(prob.ravel())[::-1][: n * 8], n, replace=False))
    points = np.stack(np.unravel_index(place, labels.shape), 1).astype(np.int32)
    distances = geometry.star_distances(labels, RAYS)[tuple(points.T)]
    noisy = distances * rng.normal(1, 0.05, (n, 1)) + rng.normal(0, 0.5, distances.shape)
    rank = np.empty(n, np.float32)
    rank[np.argsort(prob.ravel()[place], kind="stable")] = np.linspace(0.1, 1, n, dtype=np.float32)
    return {
        f"points{n}": points,
        f"distances{n}": np.maximum(noisy, 1e-3).astype(np.float32),
        f"prob{n}": rank,
        f"shape{n}": np.array(labels.shape),
    }


def talanoa_work() -> Work:
    """Return our functions."""
    from talanoa.models import geometry

    def draw(distances: np.ndarray, points: np.ndarray, prob: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        return geometry.render_polygons(geometry.polygon_corners(distances, points), prob, shape)

    return {
        "distances": lambda labels, grid: geometry.star_distances(labels, RAYS, grid),
        "probability": geometry.edge_probability,
        "suppress": lambda distances, prob, points: geometry.suppress_overlaps(distances, prob, points, 0.4),
        "draw": draw,
    }


def stardist_work() -> Work:
    """Return the package's functions."""
    from stardist.geometry import polygons_to_label, star_dist
    from stardist.nms import non_maximum_suppression_sparse
    from stardist.utils import edt_prob

    return {
        "distances": lambda labels, grid: star_dist(labels, RAYS, grid=grid),
        "probability": edt_prob,
        "suppress": lambda distances, prob, points: non_maximum_suppression_sparse(
            distances, prob, points, nms_thresh=0.4
        )[3],
        "draw": lambda distances, points, prob, shape: polygons_to_label(distances, points, shape=shape, prob=prob),
    }


def report(bench: str, impl: str, work: Callable[[], Any], **facts: Any) -> Any:
    """Time `work`, print a line and return its result."""
    result = work()
    seconds, cpu = [], []
    while len(seconds) < RUNS and (not seconds or sum(seconds) < MOST_SECONDS):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    line = {"bench": bench, "impl": impl, "seconds": round(min(seconds), 5), "cpu": round(min(cpu), 5)}
    line |= {"n": len(seconds), "median": round(statistics.median(seconds), 5), **facts}
    print(json.dumps(line | summary(bench, result)), flush=True)
    return result


def summary(bench: str, result: np.ndarray) -> dict[str, Any]:
    """Return what lets two results be compared."""
    if bench.startswith("suppression"):
        return {"kept": len(result), "sum": int(np.sum(result))}
    if bench.startswith(("polygons", "polyhedra")):
        return {"objects": len(np.unique(result)) - 1, "pixels": int(np.count_nonzero(result))}
    return {"sum": round(float(np.sum(result, dtype=float)), 1)}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let other processes compute meanwhile."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(impl: str, work: Work, inputs: Inputs) -> None:
    """Time all functions."""
    labels = inputs["labels"]
    for grid in ((1, 1), (2, 2)):
        params = {"size": 1024, "objects": int(labels.max()), "rays": RAYS, "grid": grid}
        report("star distances 2D", impl, lambda grid=grid: work["distances"](labels, grid), params=params)
    report("object probability 2D", impl, lambda: work["probability"](labels), params={"size": 1024})
    for n in (10_000, 50_000):
        distances, prob, points, sides = (inputs[f"{key}{n}"] for key in ("distances", "prob", "points", "shape"))
        params = {"candidates": n, "rays": RAYS}

        def suppress(given: tuple[np.ndarray, ...] = (distances, prob, points)) -> np.ndarray:
            return work["suppress"](*given)

        kept = report("suppression 2D", impl, suppress, params=params)
        with busy(2):
            report("suppression 2D", impl, suppress, params={**params, "busy": 2})
        for some in (kept, np.arange(n)) if n == 50_000 else (kept,):
            given = distances[some], points[some], prob[some], tuple(map(int, sides))
            draw = lambda given=given: work["draw"](*given)  # noqa: E731
            report("polygons to label image", impl, draw, params={"polygons": len(some), "image": given[3]})


def many(n: int) -> None:
    """Suppress very many candidates, everywhere on 2048 x 2048 pixels."""
    rng = np.random.default_rng(0)
    distances = (rng.uniform(7, 13, (n, 1)) * rng.uniform(0.9, 1.1, (n, RAYS))).astype(np.float32)
    points, prob = rng.integers(0, 2048, (n, 2)), rng.random(n)
    suppress = talanoa_work()["suppress"]
    report("suppression 2D", "talanoa", lambda: suppress(distances, prob, points), params={"candidates": n})


def start_up() -> None:
    """Time how long the kernels take to be there in a fresh process, compiled and kept before."""
    code = "import time; t = time.perf_counter(); from talanoa.models import geometry; geometry.warm_up()"
    code += "; print(time.perf_counter() - t)"
    seconds = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(4)][1:]
    line = {"bench": "kernels ready (import, machine code kept)", "impl": "talanoa", "seconds": round(min(seconds), 3)}
    print(json.dumps({**line, "n": 3}), flush=True)


def main(stored: str = "") -> int:
    """Measure ours, then the package's in its own environment; with a file of inputs: only the package's, here."""
    if stored:
        from importlib.metadata import version

        with np.load(stored) as inputs:
            measure(f"stardist {version('stardist')}", stardist_work(), dict(inputs))
        return 0
    inputs = {"labels": nuclei(1024, 1000, 0), **candidates(10_000), **candidates(50_000)}
    start_up()
    measure("talanoa", talanoa_work(), inputs)
    many(700_000)
    return peers.measure("stardist", __file__, inputs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
