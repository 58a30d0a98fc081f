"""A small model trained by the package itself on synthetic nuclei, once for all tests that need one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from helpers.synthetic import write_pairs
from talanoa.core.host import QuietHost
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

SMALL = {"n_rays": 16, "grid": 2, "depth": 2, "filters": 8, "patch": 64, "batch": 4}


def request(images: Path, masks: Path, name: str, **keys: object) -> TrainRequest:
    """Return a request for a small network."""
    given = {**SMALL, "device": "cpu", "images": str(images), "targets": str(masks), "name": name, **keys}
    return TrainRequest(**given)  # type: ignore[arg-type]


@cache
def small_model() -> TrainReply:
    """Train on eight fields of nuclei; about 10 seconds."""
    images, masks = write_pairs(Path(mkdtemp(prefix="talanoa-pairs-")), 8)
    keys = {"epochs": 8, "steps": 50, "lr": 4e-3, "schedule": "cosine", "augment_scale": 1, "validation": 0.25}
    return train(request(images, masks, "synthetic", **keys), QuietHost())
