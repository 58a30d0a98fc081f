"""A large volume with a 3D network of the default size: time, the network's share of it, memory, objects found again.

Usage: python benchmarks/bench_volume.py [Z Y X]     (355 500 1200 when left out)
A network (U-Net, 32 filters, 2 levels, 96 rays, grid 1, 2, 2) is trained for a few minutes on small volumes of balls;
then a volume full of such balls is segmented in a process of its own: image in memory, labels, table and outlines made.
Prints one JSON line: seconds and processor time of all, seconds in which the network ran (it runs beside the rest),
the largest memory of the process, balls drawn and objects found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

SHAPE = (355, 500, 1200)
STEP = 26  # voxels between two balls
TRAINED_ON = (32, 96, 96)
TRAINING = {"epochs": 16, "steps": 30, "lr": 1e-3, "schedule": "cosine", "batch": 1, "patch": 64, "validation": 0.25}


def balls(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy volume of balls of 8 to 10 voxels (uint8), and its labels (int32)."""
    random = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    offsets = np.stack(np.mgrid[-11:12, -11:12, -11:12], axis=-1)
    corners = [np.arange(STEP // 2, size - STEP // 2 + 1, STEP) for size in shape]
    for number, corner in enumerate(np.stack(np.meshgrid(*corners, indexing="ij"), -1).reshape(-1, 3), 1):
        centre = corner + random.integers(-2, 3, 3)
        ball = offsets[(offsets**2).sum(-1) <= random.uniform(8, 10) ** 2] + centre
        ball = ball[np.all((ball >= 0) & (ball < shape), axis=1)]
        labels[tuple(ball.T)] = number
    image = np.empty(shape, np.uint8)
    for z, plane in enumerate(labels):
        noisy = 30 + 130 * (plane > 0) + random.normal(0, 12, plane.shape)
        image[z] = np.clip(noisy, 0, 255)
    return image, labels


def write_volumes(folder: Path, count: int) -> dict[str, str]:
    """Write small volumes to train on; returns the keys that name them."""
    import tifffile

    for seed in range(count):
        for kind, values in zip(("images", "masks"), balls(TRAINED_ON, seed), strict=True):
            path = folder / kind / f"volume{seed}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            stored = values if kind == "images" else values.astype(np.uint16)
            tifffile.imwrite(path, stored, imagej=True, metadata={"axes": "ZYX"})
    return {"images": str(folder / "images"), "targets": str(folder / "masks")}


def segment(shape: tuple[int, ...]) -> dict[str, Any]:
    """Segment the large volume in this process."""
    from talanoa import image, tasks
    from talanoa.core.host import QuietHost
    from talanoa.models import folder as model_folder
    from talanoa.models.runtime import backends, types
    from talanoa.segmentation import predict

    network = [0.0]
    choose = backends.for_model

    def timed(*given: Any, **keys: Any) -> backends.Chosen:
        chosen = choose(*given, **keys)
        runner = chosen.runner

        class Timed:
            backend, device = runner.backend, runner.device

            def __call__(self, *inner: Any, **more: Any) -> types.Maps:
                started = time.perf_counter()
                found = runner(*inner, **more)
                network[0] += time.perf_counter() - started
                return found

        return backends.Chosen(Timed(), chosen.record, chosen.warning)

    predict.backends.for_model = timed
    volume, labels = balls(shape, 7)
    drawn = int(labels.max())
    del labels
    whole = image.from_array(volume, "zyx")
    model_folder.load("balls")
    with Peak() as peak:
        began, cpu = time.perf_counter(), time.process_time()
        reply = tasks.run({"task": "segment", "model": "balls", "device": "cpu"}, QuietHost(), whole)
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
    if reply["status"] != "ok":
        raise RuntimeError(reply["message"])
    return {
        "seconds": round(seconds, 1), "cpu": round(used, 1), "network_seconds": round(network[0], 1),
        "peak_mb": round(peak.bytes / 1e6), "balls": drawn, "objects": len(reply["table"]),
        "tiles": reply["record"]["used"]["tiles"], "backend": reply["record"]["used"]["backend"],
    }  # fmt: skip


class Peak:
    """The largest memory of this process, looked at ten times a second."""

    bytes = 0

    def __enter__(self) -> Peak:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(0.1):
            self.bytes = max(self.bytes, process.memory_info().rss)


def main(words: list[str]) -> None:
    """Train, then segment in a process of its own."""
    if words[:1] == ["--segment"]:
        print(json.dumps(segment(tuple(map(int, words[1:])))))
        return
    shape = tuple(map(int, words)) or SHAPE
    with tempfile.TemporaryDirectory(prefix="talanoa-bench-") as folder:
        os.environ["TALANOA_HOME"] = folder
        from talanoa.core.host import QuietHost
        from talanoa.tasks.recipes import train
        from talanoa.training.request import TrainRequest

        named = write_volumes(Path(folder) / "volumes", 8)
        made = train(TrainRequest(name="balls", device="cpu", **named, **TRAINING), QuietHost())
        command = [sys.executable, __file__, "--segment", *map(str, shape)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        line = {"bench": "large volume, default 3D network", "impl": "talanoa", "params": {"shape": list(shape)}}
        found = json.loads(done.stdout.splitlines()[-1])
        scores = made.report["validation_scores"]["0.5"]["f1"]
        print(json.dumps({**line, **found, "n": 1, "F1_validation": scores}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
