"""ONNX Runtime and torch on the same networks, for planes and for volumes: what `backend=auto` rests on.

Usage: python benchmarks/bench_backends.py
Fresh weights of the methods' default sizes. Prints one JSON line for each network and backend: the best seconds of `n`
runs and the processor time (`cpu`, all threads) of the cheapest.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import torch

from talanoa.models import methods
from talanoa.models.networks.unet import on_the_coarse_grid
from talanoa.models.runtime import onnx, onnx_export
from talanoa.models.runtime import torch as torch_run

WORK: tuple[tuple[str, dict[str, Any], tuple[int, ...]], ...] = (
    ("stardist", {}, (512, 512)),
    ("care", {}, (256, 256)),
    ("stardist3d", {}, (32, 128, 128)),
    ("stardist3d", {"backbone": "resnet"}, (32, 96, 96)),
    ("care3d", {}, (16, 128, 128)),
)
RUNS = 5


def runners(name: str, keys: dict[str, Any], image: np.ndarray) -> dict[str, Any]:
    """Return both backends with the same weights."""
    method = methods.get(name)
    torch.manual_seed(0)
    net = method.build(method.config(**keys)).eval()
    graph = onnx_export.graph_of(on_the_coarse_grid(net), method.maps, image[None])
    return {
        "onnx": onnx.OnnxRunner(graph, tuple),
        "torch": torch_run.TorchRunner(net, "cpu", method.maps, tuple),
    }


def main() -> None:
    """Time each network with both."""
    for name, keys, shape in WORK:
        image = np.random.default_rng(0).random((1, *shape), np.float32)
        window = (slice(None),) * len(shape)
        for impl, runner in runners(name, keys, image).items():
            wall, cpu = [], []
            for _ in range(RUNS + 1):  # the first one gets ready
                started, used = time.perf_counter(), time.process_time()
                runner(image, window)
                wall.append(time.perf_counter() - started)
                cpu.append(time.process_time() - used)
            what = {"network": " ".join([name, *keys.values()]), "shape": list(shape)}
            line = {"bench": "network by backend", "impl": impl, "params": what}
            figures = {"seconds": round(min(wall[1:]), 3), "cpu": round(min(cpu[1:]), 3), "n": RUNS}
            print(json.dumps({**line, **figures}), flush=True)


if __name__ == "__main__":
    main()
