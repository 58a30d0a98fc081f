"""How long a proposal takes, as a window asks for one on every move of a slider, and which nuclei threshold is faster.

Usage: python benchmarks/bench_proposals.py
Prints one JSON line per figure. The plane is the sample image, repeated: about 400 nuclei in 1024 x 1024 pixels, and
2136 x 2136 pixels, the size of the published images, for the recipes.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

PROPOSALS: dict[str, dict[str, Any]] = {
    "huang": {},
    "otsu, solidity 0.8, border dropped": {"threshold": "otsu", "solidity": 0.8, "border": "drop"},
    "otsu, no watershed": {"threshold": "otsu", "watershed": False},
    "adaptive": {"threshold": "adaptive"},
    "huang, rolling ball 50": {"background": "rolling_ball"},
}
RECIPES = {
    "nuclei, local threshold": ("nuclei", ""),
    "nuclei, minimum threshold": ("nuclei", "threshold=minimum"),
    "er": ("er", ""),
    "golgi": ("golgi", ""),
    "gfp": ("gfp", ""),
    "primary": ("primary", ""),
}


def plane(side: int) -> np.ndarray:
    """Return the sample image repeated to a side, with noise that is not repeated."""
    from talanoa import image
    from talanoa.tasks.sample import shipped

    sample = image.read(shipped.path("nuclei")).values[0, 0, 0]
    times = -(-side // len(sample))
    wide = np.tile(sample, (times, times))[:side, :side]
    return wide + np.random.default_rng(0).integers(0, 3, wide.shape).astype(wide.dtype)


def measure(bench: str, impl: str, side: int, work: Callable[[], Any], runs: int = 5) -> None:
    """Time a function and print the best and the median."""
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    line = {"bench": bench, "impl": impl, "params": {"side": side}, "n": runs}
    print(json.dumps({**line, "seconds": round(min(seconds), 4), "median": round(statistics.median(seconds), 4)}))


def main() -> int:
    """Print the figures."""
    from talanoa.annotation.propose import propose
    from talanoa.annotation.request_propose import ProposeRequest
    from talanoa.core.request import parse
    from talanoa.image.form import from_array
    from talanoa.segmentation.classical import recipes

    small, large = plane(1024), plane(2136)
    given = from_array(small)
    for name, keys in PROPOSALS.items():
        request = parse(ProposeRequest, keys).request
        measure("proposal", name, 1024, lambda request=request: propose(given, request))
    for name, (recipe, parameters) in RECIPES.items():
        work = lambda recipe=recipe, parameters=parameters: recipes.segment(large, recipe, parameters)  # noqa: E731
        measure("classical segmentation", name, 2136, work, 3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
