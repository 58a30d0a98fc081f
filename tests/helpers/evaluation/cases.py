"""Small test sets for the tests of `evaluate`: drawn discs with ground truth and predictions of known faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from helpers import tiny
from talanoa import tasks
from talanoa.core.host import QuietHost


def write(folder: Path, **images: np.ndarray) -> Path:
    """Write images under their names and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in images.items():
        tifffile.imwrite(folder / f"{name}.tif", values)
    return folder


def faulty(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return labels with object 1 missing, object 2 cut in two, an invented one, and others moved by a pixel or two."""
    rng = np.random.default_rng(seed)
    result = np.zeros_like(labels)
    for number in range(2, int(labels.max()) + 1):
        inside = np.roll(labels == number, tuple(rng.integers(-2, 3, 2)), (0, 1))
        result[inside] = number
    rows = np.nonzero(result == 2)[0]
    half = np.arange(len(labels))[:, None] < np.median(rows)
    result[(result == 2) & half] = labels.max() + 1
    free = result[:4, :4]
    free[free == 0] = labels.max() + 2
    return result


def make_set(folder: Path, count: int = 3) -> dict[str, str]:
    """Write images, truth and faulty predictions of discs; return the keys that name them."""
    for number in range(count):
        image, labels = tiny.discs(100 + number)
        name = f"field{number}"
        write(folder / "images", **{name: image})
        write(folder / "truth", **{name: labels})
        write(folder / "found", **{name: faulty(labels, number)})
    return {key: str(folder / key) for key in ("images", "truth")}


def evaluate(**keys: Any) -> tasks.Reply:
    """Run the task quietly, with few resamples unless told otherwise."""
    return tasks.run({"task": "evaluate", "bootstrap": 50, **keys}, QuietHost())


def refusal(reply: tasks.Reply) -> str:
    """Return the message of a reply that is an error."""
    assert reply["status"] == "error", reply["message"]
    return str(reply["message"])
