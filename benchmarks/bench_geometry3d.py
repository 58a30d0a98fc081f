"""How fast the 3D kernels are, beside the StarDist package: distances, probability, suppression, drawing.

Usage: python benchmarks/bench_geometry3d.py     (TALANOA_PEERS=<folder with an environment stardist/> for the package)
Prints one JSON line per figure: the best seconds of `n` runs and the best seconds of processor time (`cpu`, all
threads), on inputs that are the same bits for both. `kept`, `sum`, `objects`, `pixels` let the results be compared.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import peers
from bench_geometry import Inputs, Work, report

RAYS = 96
SHAPE = (64, 192, 192)
FLAT = (2.0, 1.0, 1.0)  # voxel sizes of a second set of rays
THRESHOLD = 0.4


def nuclei(shape: tuple[int, int, int] = SHAPE, n: int = 200, seed: int = 0) -> np.ndarray:
    """Return a label image of `n` ellipsoids with radii of 7 to 11 voxels that touch but do not overlap."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    number = 0
    for _ in range(80 * n):
        center = rng.uniform(0, 1, 3) * shape
        radii = rng.uniform(7, 11) * np.array([0.8, 1, 1]) * rng.uniform(0.85, 1.15, 3)
        low = np.maximum(0, (center - radii - 1).astype(int))
        high = np.minimum(shape, (center + radii + 2).astype(int))
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        away = [(axis - c) / r for axis, c, r in zip(np.mgrid[window], center, radii, strict=True)]
        inside = sum(each**2 for each in away) <= 1
        if not labels[window][inside].any():
            number += 1
            labels[window][inside] = number
        if number == n:
            break
    return labels


def candidates(labels: np.ndarray, every: float, n: int | None, seed: int = 3) -> tuple[np.ndarray, ...]:
    """Return candidates as a trained network gives them: distances, probabilities, points.

    All voxels whose probability exceeds `every`, or `n` of them, with noise.
    """
    from talanoa.models import geometry

    rng = np.random.default_rng(seed)
    probability = geometry.edge_probability3d(labels).ravel()
    place = np.flatnonzero(probability > every)
    if n:
        place = np.sort(rng.choice(place, n, replace=False))
    points = np.stack(np.unravel_index(place, labels.shape), 1).astype(np.int32)
    distances = geometry.star_distances3d(labels, geometry.golden_spiral(RAYS))[tuple(points.T)]
    noise = rng.normal(1, 0.05, (len(place), 1)), rng.normal(0, 0.4, (len(place), RAYS))
    noisy = np.maximum(distances * noise[0] + noise[1], 1e-3).astype(np.float32)
    rank = np.empty(len(place), np.float32)  # no two equal: ties may go either way
    rank[np.argsort(probability[place] + rng.normal(0, 0.1, len(place)))] = np.linspace(0.1, 1, len(place))
    return noisy, rank, points


def talanoa_work() -> Work:
    """Return our functions."""
    from talanoa.models import geometry

    rays = {sizes: geometry.golden_spiral(RAYS, sizes) for sizes in (None, FLAT)}
    even = rays[None]
    return {
        "distances": lambda labels, grid, sizes: geometry.star_distances3d(labels, rays[sizes], grid),
        "probability": lambda labels: geometry.edge_probability3d(labels, FLAT),
        "suppress": lambda distances, prob, points: geometry.suppress_overlaps3d(
            distances, prob, points, even, THRESHOLD
        ),
        "draw": lambda distances, prob, points: geometry.render_polyhedra(distances, points, even, prob, SHAPE),
    }


def stardist_work() -> Work:
    """Return the package's functions."""
    from stardist.geometry import polyhedron_to_label, star_dist3D
    from stardist.nms import non_maximum_suppression_3d_sparse
    from stardist.rays3d import Rays_GoldenSpiral
    from stardist.utils import edt_prob

    rays = {sizes: Rays_GoldenSpiral(RAYS, anisotropy=sizes) for sizes in (None, FLAT)}
    even = rays[None]
    return {
        "distances": lambda labels, grid, sizes: star_dist3D(labels, rays[sizes], grid=grid),
        "probability": lambda labels: edt_prob(labels, anisotropy=FLAT),
        "suppress": lambda distances, prob, points: non_maximum_suppression_3d_sparse(
            distances, prob, points, even, nms_thresh=THRESHOLD
        )[3],
        "draw": lambda distances, prob, points: polyhedron_to_label(
            distances, points, even, SHAPE, prob=prob, verbose=False
        ),
    }


def measure(impl: str, work: Work, inputs: Inputs) -> None:
    """Time all functions."""
    labels = inputs["labels"]
    for grid, sizes in (((1, 1, 1), None), ((1, 2, 2), None), ((1, 2, 2), FLAT)):
        params = {"image": SHAPE, "objects": int(labels.max()), "rays": RAYS, "grid": grid, "voxel": sizes or (1, 1, 1)}
        report(
            "star distances 3D",
            impl,
            lambda grid=grid, sizes=sizes: work["distances"](labels, grid, sizes),
            params=params,
        )
    report("object probability 3D", impl, lambda: work["probability"](labels), params={"image": SHAPE, "voxel": FLAT})
    for step in (4, 1):
        given = tuple(inputs[key][::step] for key in ("distances", "prob", "points"))
        params = {"candidates": len(given[0]), "rays": RAYS}
        kept = report("suppression 3D", impl, lambda given=given: work["suppress"](*given), params=params)
    given = tuple(each[kept] for each in given)
    params = {"polyhedra": len(kept), "rays": RAYS, "image": SHAPE}
    report("polyhedra to label image", impl, lambda: work["draw"](*given), params=params)


def many(labels: np.ndarray) -> None:
    """Suppress what a network with a low threshold gives: nearly every voxel of every object."""
    given = candidates(labels, 0.15, None)
    suppress = talanoa_work()["suppress"]
    report("suppression 3D", "talanoa", lambda: suppress(*given), params={"candidates": len(given[0]), "rays": RAYS})


def start_up() -> None:
    """Time how long the kernels take to be there in a fresh process, compiled and kept before."""
    code = "import time; t = time.perf_counter(); from talanoa.models import geometry; geometry.warm_up3d()"
    code += "; print(time.perf_counter() - t)"
    seconds = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(4)][1:]
    line = {
        "bench": "3D kernels ready (import, machine code kept)",
        "impl": "talanoa",
        "seconds": round(min(seconds), 3),
    }
    print(json.dumps({**line, "n": 3}), flush=True)


def main(stored: str = "") -> int:
    """Measure ours, then the package's in its own environment; with a file of inputs: only the package's, here."""
    if stored:
        with np.load(stored) as inputs:
            measure("stardist", stardist_work(), dict(inputs))
        return 0
    labels = nuclei()
    inputs = {
        "labels": labels,
        **dict(zip(("distances", "prob", "points"), candidates(labels, 0.5, 2000), strict=True)),
    }
    start_up()
    measure("talanoa", talanoa_work(), inputs)
    many(labels)
    return peers.measure("stardist", __file__, inputs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
