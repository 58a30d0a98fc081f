"""A small model trained in seconds on drawn discs, and images of such discs, for tests of everything around a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile

from talanoa import tasks
from talanoa.host import QuietHost

NAME = "tiny"


def discs(seed: int, size: int = 96, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return (image uint16, labels uint16): bright discs of radius 6 to 9 that do not touch, on dark noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.uint16)
    while labels.max() < count:
        y, x, radius = *random.uniform(10, size - 10, 2), random.uniform(6, 9)
        near = (rows - y) ** 2 + (columns - x) ** 2
        if not labels[near < (radius + 3) ** 2].any():
            labels[near < radius**2] = labels.max() + 1
    image = 200 + 1500 * (labels > 0) + random.normal(0, 60, labels.shape)
    return np.clip(image, 0, None).astype(np.uint16), labels


def write_training_set(folder: Path, count: int = 6) -> tuple[Path, Path]:
    """Write images/ and masks/ and return both folders."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir()
    masks.mkdir()
    for number in range(count):
        image, labels = discs(number)
        tifffile.imwrite(images / f"discs{number}.tif", image)
        tifffile.imwrite(masks / f"discs{number}.tif", labels)
    return images, masks


def train(folder: Path, name: str = NAME, **keys: object) -> dict:
    """Train through the task, as every door does, and return the reply."""
    images, masks = write_training_set(folder)
    request = {
        "task": "train", "images": str(images), "targets": str(masks), "name": name, "epochs": 4, "steps": 20,
        "patch": 64, "batch": 4, "lr": 2e-3, "n_rays": 16, "grid": 2, "depth": 2, "filters": 8, "device": "cpu",
        "validation": 0.2, "schedule": "cosine",
    }  # fmt: skip
    reply = tasks.run({**request, **keys}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    return reply


def damage(model: Path, **changes: object) -> None:
    """Change entries of a model's record."""
    record = json.loads((model / "model.json").read_text(encoding="utf-8"))
    (model / "model.json").write_text(json.dumps({**record, **changes}), encoding="utf-8")
