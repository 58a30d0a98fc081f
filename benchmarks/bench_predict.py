"""How fast objects are found with a StarDist network, and in how much memory, beside the StarDist package.

Usage: python benchmarks/bench_predict.py     (TALANOA_PEERS=<folder with an environment stardist/> for the package)
Both run the shipped network `nuclei` on the same image, from its intensities to the label image, each size in a process
of its own. Prints one JSON line per figure: the best seconds of `n` runs and their processor time (`cpu`, all threads),
the largest memory of the process (`peak_mb`), and the seconds from its start to the first labels (`first`). Where
ONNX Runtime runs the network, torch is measured, too. `objects` lets the results be compared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peers
import psutil

SIZES = {1024: 5, 4096: 2}  # pixels a side: runs
TILES = {1024: 1, 4096: 4}  # along each axis, for the package; ours are what it plans itself
BACKENDS = ("onnx", "torch")


def picture() -> np.ndarray:
    """Return 1024 x 1024 pixels with a thousand blurred nuclei and noise."""
    from bench_geometry import nuclei
    from scipy import ndimage

    random = np.random.default_rng(0)
    labels = nuclei(1024, 1000, 0)
    bright = random.uniform(0.4, 1, labels.max() + 1).astype(np.float32)
    bright[0] = 0.05
    clean = ndimage.gaussian_filter(bright[labels], 1.2)
    return (random.poisson(clean * 60) / 60 + random.normal(0, 0.04, labels.shape)).astype(np.float32)


def keras_weights() -> dict[str, np.ndarray]:
    """Return the shipped network's convolutions as Keras has them, in the order of its layers."""
    from talanoa.models import folder as model_folder

    state = model_folder.load("nuclei").network().state_dict()
    arrays: dict[str, np.ndarray] = {}
    for number, (name, value) in enumerate(state.items()):
        array = value.numpy()
        arrays[f"{number:03d} {name}"] = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
    return arrays


def talanoa_work(image: np.ndarray, backend: str) -> Callable[[], int]:
    """Return what finds the objects of an image with our package and counts them."""
    from talanoa.core.host import QuietHost
    from talanoa.image.form import from_array
    from talanoa.models import folder as model_folder
    from talanoa.segmentation.predict import segment
    from talanoa.segmentation.request import SegmentRequest

    model, settings = model_folder.load("nuclei"), SegmentRequest(device="cpu", backend=backend)
    data = from_array(image)
    return lambda: int(segment(data, model, settings, QuietHost()).labels.max())


def stardist_work(image: np.ndarray, folder: Path) -> Callable[[], int]:
    """Return what finds the objects of an image with the package and counts them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from csbdeep.utils import normalize
    from stardist.models import Config2D, StarDist2D

    model = StarDist2D(Config2D(n_rays=32, grid=(2, 2)), name="same", basedir=None)
    with np.load(folder / "weights.npz") as stored:
        model.keras_model.set_weights([stored[name] for name in sorted(stored)])
    thresholds = json.loads((folder / "thresholds.json").read_text())
    tiles = (TILES[len(image)],) * 2 if TILES[len(image)] > 1 else None
    keys: dict[str, Any] = {"prob_thresh": thresholds["prob"], "nms_thresh": thresholds["nms"], "n_tiles": tiles}
    return lambda: int(model.predict_instances(normalize(image, 1, 99.8), **keys, show_tile_progress=False)[0].max())


def measure(impl: str, size: int, folder: Path) -> None:
    """Measure one implementation on one size, in this process, and print its line."""
    image = np.tile(np.load(folder / "image.npy"), (size // 1024, size // 1024))
    name, _, backend = impl.partition(" ")
    work = talanoa_work(image, backend) if name == "talanoa" else stardist_work(image, folder)
    objects = work()
    first = time.time() - psutil.Process().create_time()
    seconds, cpu = [], []
    for _ in range(SIZES[size]):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    line = {"bench": "objects of an image", "impl": impl, "params": {"size": f"{size} x {size}"}, "n": len(seconds)}
    line |= {"seconds": round(min(seconds), 3), "median": round(statistics.median(seconds), 3)}
    line |= {"cpu": round(min(cpu), 3), "first": round(first, 2), "peak_mb": peak_memory(), "objects": objects}
    print(json.dumps(line), flush=True)


def peak_memory() -> int:
    """Return the largest memory that this process has had, in MB."""
    if sys.platform == "win32":
        return round(psutil.Process().memory_info().peak_wset / 2**20)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def main(*arguments: str) -> int:
    """Measure all, each in a process of its own; with arguments: one implementation and size, here."""
    if arguments:
        impl, size, folder = arguments
        measure(impl, int(size), Path(folder))
        return 0
    runs = [(sys.executable, f"talanoa {backend}") for backend in BACKENDS]
    if (peer := peers.python_of("stardist")) is not None:
        runs.append((str(peer), "stardist"))
    with tempfile.TemporaryDirectory() as name:
        from talanoa.models import folder as model_folder

        folder = Path(name)
        np.save(folder / "image.npy", picture())
        np.savez(folder / "weights.npz", **keras_weights())
        (folder / "thresholds.json").write_text(json.dumps(model_folder.load("nuclei").thresholds))
        statuses = [
            subprocess.run([python, __file__, impl, str(size), name], check=False).returncode
            for size in SIZES
            for python, impl in runs
        ]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
