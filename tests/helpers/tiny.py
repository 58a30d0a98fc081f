"""A small trained model (`tests/data/discs`) and images that it can segment, for tests of everything around a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

MODEL = str(Path(__file__).resolve().parent.parent / "data" / "discs")


def discs(seed: int, size: int = 96, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return (image, labels), uint16 (size, size): bright discs of radius 6 to 9 that do not touch, on dark noise."""
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


def write_training_set(folder: Path, count: int = 6) -> dict[str, str]:
    """Write images/ and masks/ of discs and return the keys that name them."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    for number in range(count):
        image, labels = discs(number)
        tifffile.imwrite(images / f"discs{number}.tif", image)
        tifffile.imwrite(masks / f"discs{number}.tif", labels)
    return {"images": str(images), "targets": str(masks)}


def training_keys(folder: Path, name: str, epochs: int = 15, steps: int = 60) -> dict[str, Any]:
    """Return the request that made the model `discs` (about two minutes on two cores)."""
    return {
        "task": "train", **write_training_set(folder), "name": name, "epochs": epochs, "steps": steps, "patch": 64,
        "batch": 4, "lr": 2e-3, "n_rays": 16, "grid": 2, "depth": 2, "filters": 8, "device": "cpu", "validation": 0.2,
        "schedule": "cosine", "description": "drawn bright discs on dark noise, for tests", "licence": "CC0-1.0",
    }  # fmt: skip


class RecordingHost:
    """A host that keeps what it is told, asks to stop at the first progress when `stop` is set, and wants `wanted`."""

    def __init__(self, stop: bool = False, wanted: tuple[str, ...] = ()) -> None:
        self.stop, self.finish, self.wanted = stop, False, wanted
        self.steps: list[str] = []
        self.warnings: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def progress(self, done: float, total: float, text: str) -> None:
        """Keep the step's name."""
        assert 0 <= done <= total
        self.steps.append(text)

    def cancelled(self) -> bool:
        """Return True when asked to stop."""
        return self.stop

    def finish_requested(self) -> bool:
        """Return True when asked to end early."""
        return self.finish

    def wants(self, kind: str) -> bool:
        """Return True for what is wanted."""
        return kind in self.wanted

    def warn(self, text: str) -> None:
        """Keep the warning."""
        self.warnings.append(text)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Keep the event."""
        self.events.append((kind, dict(payload)))


class StopsAfter(RecordingHost):
    """A host that asks to stop when it has been told so often of a step."""

    def __init__(self, times: int, step: str) -> None:
        super().__init__()
        self.left, self.step = times, step

    def progress(self, done: float, total: float, text: str) -> None:
        """Count."""
        super().progress(done, total, text)
        self.left -= self.step in text
        self.stop = self.left <= 0
