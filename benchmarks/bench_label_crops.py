"""How long the crops of in silico labelling take: turned and scaled ones of 256 x 256 out of images of 2136 x 2136.

Usage: python benchmarks/bench_label_crops.py
Prints one JSON line per figure: seconds for one crop of transmitted light with its stain (the kernel alone; scipy's
map_coordinates for the same places; the whole feed with filters and disturbances). A training draws them meanwhile, in
a thread of its own; 18,432 crops an epoch are those of Pankova 2022.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIDE, FIELD, CROPS = 256, 2136, 200


def timed(name: str, impl: str, draw: Callable[[], Any]) -> None:
    """Print how long a crop takes, over many of them."""
    draw()
    seconds = []
    for _ in range(CROPS):
        started = time.perf_counter()
        draw()
        seconds.append(time.perf_counter() - started)
    row = {"bench": name, "impl": impl, "params": f"{SIDE} of {FIELD}", "seconds": round(min(seconds), 6)}
    sys.stdout.write(json.dumps({**row, "median": round(statistics.median(seconds), 6), "n": CROPS}) + "\n")


def main() -> None:
    """Time the kernel, scipy and the feed."""
    from scipy.ndimage import map_coordinates

    from talanoa.labelling.data.field import LabelField
    from talanoa.labelling.train import feed
    from talanoa.labelling.train.crops import CropAugmentation, cut, drawn_place
    from talanoa.training.settings import Settings

    rng = np.random.default_rng(0)
    image, target = (rng.random((1, FIELD, FIELD), np.float32) for _ in range(2))
    field, plain = LabelField("field", image, target), CropAugmentation()
    settings = Settings(patch=SIDE, batch=1)

    def kernel() -> Any:
        place = drawn_place(field.shape, SIDE, plain, rng)
        return cut(image, place, SIDE), cut(target, place, SIDE)

    def scipys() -> Any:
        where = drawn_place(field.shape, SIDE, plain, rng).coordinates(SIDE)
        return [map_coordinates(each[0], where, order=1, mode="nearest") for each in (image, target)]

    timed("labelling: cut a pair of crops", "talanoa", kernel)
    timed("labelling: cut a pair of crops", "scipy", scipys)
    timed("labelling: draw a pair for training", "talanoa", lambda: feed.crop_of(field, settings, plain, rng))


if __name__ == "__main__":
    main()
