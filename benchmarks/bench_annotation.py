"""How much of an annotation is there before a person begins: proposals by threshold, then by models of growing sets.

Usage: python benchmarks/bench_annotation.py [EPOCHS STEPS]     (TALANOA_DATA=<folder that holds dsb2018_fluo>)
A loop of annotating and training is played with the true masks of dsb2018_fluo: a model is trained on the first 4
images, the next one goes on from it on 8, the third on 16. Each proposes objects for the test images. "clicks saved" is
the share of the true objects that are already right (one proposed object with an IoU of at least 0.5; 0.7 is stricter);
"to delete" is the number of proposed objects without a true one, per true object. The trainings are short (default 10
epochs of 40 steps each, about 9 minutes in all on two cores); the shipped model, trained on 365 images of that set, is
the reference. One seed, one choice of images: figures of small sets scatter by a few per cent.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("TALANOA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "dsb2018_fluo"
ROUNDS = (4, 8, 16)
THRESHOLDS: dict[str, dict[str, Any]] = {
    "huang": {"threshold": "huang"},
    "otsu": {"threshold": "otsu"},
    "li": {"threshold": "li"},
    "triangle": {"threshold": "triangle"},
    "adaptive": {"threshold": "adaptive"},
    "otsu, no watershed": {"threshold": "otsu", "watershed": False},
}
TRAINING = {"patch": 128, "batch": 4, "grid": 2, "lr": 1e-3, "schedule": "cosine", "device": "cpu", "validation": 0.2}
IOU = (0.5, 0.7)
Proposer = Callable[[np.ndarray], np.ndarray]


def pairs(part: str) -> list[tuple[Path, Path]]:
    """Return (image, mask) files of "train" or "test"."""
    images = sorted((DATA / part / "images").glob("*.tif"))
    return [(path, path.parent.with_name("masks") / path.name) for path in images]


def proposer(**keys: Any) -> Proposer:
    """Return a function that proposes labels (y, x) for an image (y, x)."""
    from talanoa.annotation.propose import propose
    from talanoa.annotation.request_propose import ProposeRequest
    from talanoa.core.request import parse
    from talanoa.image.form import from_array

    request = parse(ProposeRequest, keys).request
    return lambda image: propose(from_array(image), request).labels.values[0, 0, 0]


def report(impl: str, work: Proposer, data: list[tuple[np.ndarray, np.ndarray]], **more: Any) -> None:
    """Propose for every image and print what is right, missing and too much."""
    from talanoa.measure.metrics.matching import match_images

    work(data[0][0])  # what is compiled or loaded once
    start = time.perf_counter()
    found = [(truth, work(image)) for image, truth in data]
    seconds = (time.perf_counter() - start) / len(data)
    counts = match_images(found, IOU)
    true = counts[0.5].true_positives + counts[0.5].false_negatives
    line = {
        "bench": "objects right before correction",
        "impl": impl,
        "params": {"images": len(data), "objects": true},
        "seconds": round(seconds, 3),
        "n": 1,
        "clicks saved": {f"{iou:g}": round(each.true_positives / true, 3) for iou, each in counts.items()},
        "to delete": {f"{iou:g}": round(each.false_positives / true, 3) for iou, each in counts.items()},
        **more,
    }
    print(json.dumps(line), flush=True)


def chosen(count: int) -> list[tuple[Path, Path]]:
    """Return the images that are annotated in the round of so many: those of earlier rounds and new ones."""
    files = pairs("train")
    order = np.random.default_rng(0).permutation(len(files))
    return [files[k] for k in order[:count]]


def rounds(folder: Path, data: list[tuple[np.ndarray, np.ndarray]], epochs: int, steps: int) -> None:
    """Train on growing sets, each model from the one before, and let each propose."""
    from talanoa import api

    before: str | None = None
    for number, count in enumerate(ROUNDS, 1):
        place = folder / f"round{number}"
        for kind in ("images", "masks"):
            (place / kind).mkdir(parents=True)
        for image, mask in chosen(count):
            shutil.copy(image, place / "images")
            shutil.copy(mask, place / "masks")
        name, start = f"round{number}", time.perf_counter()
        keys = {"images": str(place / "images"), "targets": str(place / "masks"), "name": name, **TRAINING}
        api.train(**keys, epochs=epochs, steps=steps, **({"init": before} if before else {}))
        spent = {"training": f"{count} images, {epochs} x {steps} steps, {time.perf_counter() - start:.0f} s"}
        before = name
        report(f"model of round {number}", proposer(by="model", model=name, device="cpu"), data, **spent)


def main(epochs: str = "10", steps: str = "40", most: str = "") -> int:
    """Print the figures; `most` limits the number of test images, to try the script out."""
    import tifffile

    files = pairs("test")[: int(most) if most else None]
    if not files:
        sys.stderr.write(f"No images in {DATA / 'test'}; set TALANOA_DATA.\n")
        return 0
    data = [(tifffile.imread(image), tifffile.imread(mask)) for image, mask in files]
    for name, keys in THRESHOLDS.items():
        report(f"threshold {name}", proposer(**keys), data)
    with tempfile.TemporaryDirectory(prefix="talanoa-bench-") as folder:
        os.environ["TALANOA_HOME"] = folder  # the models of the person who measures stay as they are
        rounds(Path(folder), data, int(epochs), int(steps))
    report("shipped model nuclei", proposer(by="model", model="nuclei", device="cpu"), data)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
