"""CARE beside CSBDeep: a training step and the restoration of an image, in 2D and 3D, with the same networks.

Usage: python benchmarks/bench_care.py [PART OF A CASE ...]     (TALANOA_PEERS=<folder with stardist/> for CSBDeep)
Prints one JSON line per figure, each from a process of its own: the best seconds of `n` runs, their processor
time (`cpu`, all threads) and the largest memory of the process (`peak_mb`). A step is forward, loss, backward, update
on a batch that is ready, of 16 patches of 128² (3D: 4 of 16 x 64²); "talanoa bfloat16" is mixed_precision=true. A
restoration goes from intensities to intensities. OMP_NUM_THREADS limits the threads of both packages.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

CASES: dict[str, dict[str, Any]] = {
    "step 2D, kernel 5": {"batch": (16, 128, 128), "kernel": 5},
    "step 2D, kernel 3": {"batch": (16, 128, 128), "kernel": 3},
    "step 3D": {"batch": (4, 16, 64, 64), "kernel": 3},
    "restore 1024²": {"image": (1024, 1024), "kernel": 5},
    "restore 1024², kernel 3": {"image": (1024, 1024), "kernel": 3},
    "restore 4096², kernel 3": {"image": (4096, 4096), "kernel": 3, "tiles": (4, 4)},
    "restore 32 x 256 x 256": {"image": (32, 256, 256), "kernel": 3},
}
IMPLEMENTATIONS = {"talanoa": "", "talanoa bfloat16": "", "csbdeep": "stardist"}


def talanoa(impl: str, case: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return our work on a case, and what more to say of it."""
    import ours

    rng = np.random.default_rng(0)
    keys = {"unet_kernel_size": case["kernel"]}
    if "image" in case:
        return ours.restore(
            "care" if len(case["image"]) == 2 else "care3d", keys, rng.random(case["image"], np.float32)
        ), {}
    size = (case["batch"][0], 1, *case["batch"][1:])
    method = "care" if len(size) == 4 else "care3d"
    x, y = (rng.random(size, np.float32) for _ in range(2))
    work, weights = ours.train_step(method, keys, x, (y,), impl.endswith("bfloat16"))
    return work, {"weights": weights}


def csbdeep(case: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the package's work on a case."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from csbdeep.models import CARE, Config

    rng = np.random.default_rng(0)
    shape = case.get("image", case.get("batch", ())[1:])
    axes = "YX" if len(shape) == 2 else "ZYX"
    model = CARE(Config(axes, unet_kern_size=case["kernel"], train_tensorboard=False), "same", basedir=None)
    if "image" in case:
        image = rng.random(shape, np.float32)
        return lambda: model.predict(image, axes, n_tiles=case.get("tiles")), {}
    model.prepare_for_training()
    x, y = (rng.random((*case["batch"], 1), np.float32) for _ in range(2))
    return lambda: model.keras_model.train_on_batch(x, y), {"weights": model.keras_model.count_params()}


def main(*arguments: str) -> int:
    """Measure all cases, or those asked for; with --one: an implementation and a case, here."""
    import alone

    if arguments[:1] != ("--one",):
        return alone.run_all(__file__, CASES, IMPLEMENTATIONS, arguments)
    impl, name = arguments[1:]
    case = CASES[name]
    if impl == "talanoa bfloat16" and "image" in case:
        return 0
    work, more = csbdeep(case) if impl == "csbdeep" else talanoa(impl, case)
    alone.report("CARE, " + name.split(" ")[0], impl, name, work, 2 if "4096" in name else 5, **more)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
