"""Small sets of noisy, true and restored images for the tests of `evaluate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from helpers.evaluation.cases import write
from talanoa.tasks.sample.noisy import draw


def make_set(folder: Path, count: int = 3, size: int = 96) -> dict[str, str]:
    """Write noisy images, truth, and images that were restored perfectly (the light itself) and blurred."""
    for number in range(count):
        sample, name = draw((size, size), seed=number), f"cells{number}"
        write(folder / "low", **{name: sample.low})
        write(folder / "high", **{name: sample.high})
        write(folder / "good", **{name: (100 + 60 * sample.light).astype(np.float32)})
        write(folder / "blurred", **{name: ndimage.gaussian_filter(sample.low.astype(np.float32), 4)})
    return {"images": str(folder / "low"), "truth": str(folder / "high")}
