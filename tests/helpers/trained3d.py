"""A small 3D model trained by the package itself on synthetic stacks, once for all tests that need one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from helpers.synthetic import write_stacks
from talanoa.core.host import QuietHost
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

SMALL = {"n_rays": 32, "depth": 1, "filters": 12, "patch": 32, "patch_z": 16, "batch": 2}


def request(images: Path, masks: Path, name: str, **keys: Any) -> TrainRequest:
    """Return a request for a small network."""
    given = {**SMALL, "device": "cpu", "images": str(images), "targets": str(masks), "name": name, **keys}
    return TrainRequest(**given)


@cache
def small_model() -> TrainReply:
    """Train on four stacks of nuclei and validate on one; about 20 seconds."""
    images, masks = write_stacks(Path(mkdtemp(prefix="talanoa-stacks-")), 5)
    keys = {"epochs": 10, "steps": 30, "lr": 2e-3, "schedule": "cosine", "augment_scale": 1, "validation": 0.2}
    return train(request(images, masks, "synthetic3d", **keys), QuietHost())
