"""StarDist 3D on real volumes: trained on one volume, how many of its objects are found again.

Usage: python benchmarks/bench_stardist3d.py [NAME …]     (TALANOA_DATA=<folder that holds the sets>; NAME: see SETS)
Prints one JSON line for each set. These are scores on the volume that was TRAINED ON (both sets have only one): they
say that network, targets, training and decoding fit together, not how good a model is on other volumes. The network
is narrower than the original's (`filters`, `depth`), so that two CPU cores train it in minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from talanoa import image as images
from talanoa.core.host import QuietHost
from talanoa.measure.metrics.matching import match_images
from talanoa.models import folder as model_folder
from talanoa.segmentation.predict import segment
from talanoa.segmentation.request import SegmentRequest
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest

DATA = Path(os.environ.get("TALANOA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
IOU = (0.5, 0.7, 0.9)
SETS: dict[str, dict[str, Any]] = {
    # dense tissue, 51 nuclei of about 7 x 15 x 15 voxels
    "stardist_testdata": {
        "image": "img3d.tif", "mask": "mask3d.tif",
        "keys": {"epochs": 60, "steps": 50, "lr": 1e-3, "filters": 16, "batch": 1},
    },
    # 8 nuclei of an embryo, about 16 x 16 x 16 voxels of 1.75 x 0.8 x 0.8 µm
    "qcanet_nuclei3d": {
        "image": "dev/images/8_cell_stage.tif", "mask": "dev/masks/8_cell_stage.tif",
        "keys": {
            "epochs": 20, "steps": 30, "lr": 2e-3, "filters": 12, "depth": 1, "n_rays": 64,
            "patch": 32, "patch_z": 32, "batch": 1, "augment_scale": 1.1,
        },
    },
}  # fmt: skip


def main(names: list[str]) -> None:
    """Train and score each set."""
    with tempfile.TemporaryDirectory(prefix="talanoa-bench-") as folder:
        os.environ["TALANOA_HOME"] = folder
        for name in names or SETS:
            sys.stdout.write(json.dumps(measure(name, Path(folder))) + "\n")
            sys.stdout.flush()


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Train on the volume of a set and segment it with the model."""
    given, home = SETS[name], DATA / name
    for kind in ("image", "mask"):
        place = folder / name / f"{kind}s"
        place.mkdir(parents=True)
        shutil.copyfile(home / given[kind], place / "volume.tif")
    request = TrainRequest(
        images=str(folder / name / "images"), targets=str(folder / name / "masks"), name=name, device="cpu",
        schedule="cosine", **given["keys"],
    )  # fmt: skip
    start, cpu = time.perf_counter(), time.process_time()
    reply = train(request, QuietHost())
    trained, used = time.perf_counter() - start, time.process_time() - cpu
    found, truth, seconds = apply(reply.name, home / given["image"], home / given["mask"])
    counts = match_images([(truth, found)], IOU)
    return {
        "bench": f"StarDist 3D trained on {name}, scores on the volume trained on",
        "impl": "talanoa",
        "params": {**given["keys"], "objects": int(len(np.unique(truth)) - 1), "voxels": list(truth.shape)},
        "seconds": round(trained, 1),
        "cpu": round(used, 1),
        "n": 1,
        "segment_seconds": round(seconds, 2),
        "F1": {f"{iou:g}": round(each.f1, 4) for iou, each in counts.items()},
        "AP": {f"{iou:g}": round(each.accuracy, 4) for iou, each in counts.items()},
        "anisotropy": model_folder.load(reply.name).config["anisotropy"],
    }


def apply(model: str, image: Path, mask: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the labels found, those of the mask, and the seconds it took."""
    start = time.perf_counter()
    found = segment(images.read(image), model_folder.load(model), SegmentRequest(device="cpu"), QuietHost())
    seconds = time.perf_counter() - start
    return found.labels.values[0, 0], images.read_labels(mask).values[0, 0], seconds


if __name__ == "__main__":
    main(sys.argv[1:])
