"""How long a training step takes, beside the StarDist package: batch drawing and network, in 2D and 3D.

Usage: python benchmarks/bench_train.py     (TALANOA_PEERS=<folder with an environment stardist/> for the package)
Prints one JSON line per figure. "network step" is forward, loss, backward and update on a batch that is ready;
"drawing" is the crop, its augmentation where there is one (ours) and its targets; a training draws meanwhile. Ours is
measured in single precision, as both train by default, and in bfloat16 (mixed_precision=true).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ours
import peers

STEPS = 8
CASES: dict[str, dict[str, Any]] = {
    "2D, grid 2": {"grid": (2, 2), "patch": (256, 256), "batch": 8, "rays": 32},
    "2D, grid 1": {"grid": (1, 1), "patch": (256, 256), "batch": 8, "rays": 32},
    "3D ResNet, grid 1 2 2": {"grid": (1, 2, 2), "patch": (32, 96, 96), "batch": 1, "rays": 96, "backbone": "resnet"},
    "3D U-Net, grid 1 2 2": {"grid": (1, 2, 2), "patch": (32, 96, 96), "batch": 1, "rays": 96, "backbone": "unet"},
}


def scene(shape: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (image, labels) of bright balls on noise."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.int32)
    places = np.indices(shape)
    for number in range(1, count + 1):
        centre = [rng.uniform(0, side) for side in shape]
        radius = rng.uniform(5, 9)
        window = tuple(slice(max(0, int(c - 10)), int(c + 11)) for c in centre)
        distance = sum((axis[window] - c) ** 2 for axis, c in zip(places, centre, strict=True))
        labels[window][(distance < radius**2) & (labels[window] == 0)] = number
    return ((labels > 0) + rng.normal(0, 0.2, shape)).astype(np.float32), labels


def talanoa_steps(
    case: dict[str, Any], image: np.ndarray, labels: np.ndarray, half: bool = False
) -> dict[str, Callable[[], Any]]:
    """Return our functions for one case."""
    import torch

    from talanoa.models import methods
    from talanoa.segmentation.train import star_feed
    from talanoa.segmentation.train.annotated import Annotated
    from talanoa.training import loop
    from talanoa.training.allocation import large_blocks_kept
    from talanoa.training.settings import Settings

    volume = image.ndim == 3
    method = methods.get("stardist3d" if volume else "stardist")
    keys = {"backbone": case["backbone"]} if volume else {}
    config = method.config(n_rays=case["rays"], grid=case["grid"], **keys)
    sizes = {"patch": case["patch"][-1], "batch": case["batch"]}
    slices = {"patch_z": case["patch"][0]} if volume else {}
    settings = Settings(mixed_precision=half, augment_scale=2.0, **sizes, **slices)
    device = torch.device("cpu")
    ours.KEPT.enter_context(large_blocks_kept())  # as a training does, here until the process ends
    trainer = loop.start(method, config, settings, device)
    items = [Annotated("scene", image[None], labels, ("", ""))]
    batch = loop.make_batch(items, star_feed.FEED, config, settings, True, (0, 0))
    numbers = iter(range(1, 1000))
    return {
        "network step": lambda: loop.train_step(trainer, batch, method, config, settings, next(numbers), device),
        "drawing": lambda: loop.make_batch(items, star_feed.FEED, config, settings, True, (0, next(numbers))),
        "parameters": lambda: sum(each.numel() for each in trainer.net.parameters()),
    }


def stardist_steps(case: dict[str, Any], image: np.ndarray, labels: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Return the package's functions for one case."""
    from stardist import Rays_GoldenSpiral
    from stardist.models import Config2D, Config3D, StarDist2D, StarDist3D
    from stardist.models.model2d import StarDistData2D
    from stardist.models.model3d import StarDistData3D

    shared = {"grid": case["grid"], "n_channel_in": 1, "train_batch_size": case["batch"], "use_gpu": False}
    shared |= {"train_patch_size": case["patch"]}
    data = {"batch_size": case["batch"], "patch_size": case["patch"], "grid": case["grid"], "length": 1000}
    if image.ndim == 3:
        rays = Rays_GoldenSpiral(case["rays"])
        model = StarDist3D(Config3D(rays=rays, backbone=case["backbone"], **shared), name=None, basedir=None)
        batches = StarDistData3D([image], [labels], rays=rays, foreground_prob=0.9, n_classes=None, **data)
    else:
        model = StarDist2D(Config2D(n_rays=case["rays"], **shared), name=None, basedir=None)
        batches = StarDistData2D([image], [labels], n_rays=case["rays"], foreground_prob=0.9, n_classes=None, **data)
    model.prepare_for_training()
    inputs, targets = batches[0]
    first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
    numbers = iter(range(1, 1000))
    return {
        "network step": lambda: model.keras_model.train_on_batch(first, list(targets)),
        "drawing": lambda: batches[next(numbers)],
        "parameters": model.keras_model.count_params,
    }


def report(impl: str, name: str, case: dict[str, Any], work: dict[str, Callable[[], Any]]) -> None:
    """Time drawing and network step of one case and print a line for each."""
    count = int(work["parameters"]())
    for what in ("network step", "drawing"):
        work[what]()
        seconds, cpu = [], []
        for _ in range(STEPS):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            work[what]()
            seconds.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - begin_cpu)
        params = {"case": name, "batch": case["batch"], "patch": case["patch"], "weights": count}
        line = {"bench": f"training, {what}", "impl": impl, "params": params, "n": STEPS}
        line |= {"seconds": round(min(seconds), 4), "median": round(statistics.median(seconds), 4)}
        print(json.dumps({**line, "cpu": round(min(cpu), 4)}), flush=True)


def main(stored: str = "") -> int:
    """Measure ours, then the package's in its own environment; with a file of inputs: only the package's, here."""
    if stored:
        with np.load(stored) as file:
            inputs = dict(file)
    else:
        plane, volume = scene((512, 512), 250), scene((64, 192, 192), 200)
        inputs = {"image2": plane[0], "labels2": plane[1], "image3": volume[0], "labels3": volume[1]}
    for name, case in CASES.items():
        ndim = len(case["grid"])
        given = case, inputs[f"image{ndim}"], inputs[f"labels{ndim}"]
        if stored:
            report("stardist", name, case, stardist_steps(*given))
            continue
        report("talanoa", name, case, talanoa_steps(*given))
        report("talanoa, bfloat16", name, case, talanoa_steps(*given, half=True))
    if stored:
        return 0
    return peers.measure("stardist", __file__, inputs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
