"""Our side of the figures of restoration: one step of a training, one restored image."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

KEPT = ExitStack()


def train_step(
    method: str, keys: dict[str, Any], images: np.ndarray, answers: tuple[np.ndarray, ...], half: bool
) -> tuple[Callable[[], float], int]:
    """Return a function that does a step of our training, and the number of weights.

    Parameters
    ----------
    method, keys
        Which network.
    images, answers : ndarray, (n, c, space…)
        A batch that is ready.
    half : bool
        Convolutions in bfloat16.
    """
    import torch

    from talanoa.models import methods
    from talanoa.training import loop
    from talanoa.training.allocation import large_blocks_kept
    from talanoa.training.settings import Settings

    chosen = methods.get(method)
    config = chosen.config(**keys)
    settings = Settings(mixed_precision=half, patch=images.shape[-1], batch=len(images))
    device = torch.device("cpu")
    trainer = loop.start(chosen, config, settings, device)
    batch = (torch.from_numpy(images), tuple(torch.from_numpy(each) for each in answers))
    KEPT.enter_context(large_blocks_kept())  # as a training does, here until the process ends
    weights = sum(each.numel() for each in trainer.net.parameters())
    return lambda: loop.train_step(trainer, batch, chosen, config, settings, 1, device), weights


def restore(method: str, keys: dict[str, Any], image: np.ndarray, backend: str = "auto") -> Callable[[], Any]:
    """Return a function that restores a plane (y, x) or a stack (z, y, x) with an untrained network.

    The network was made, and exported for ONNX Runtime, by a process that is gone: as for all images but the first.
    """
    from talanoa.core.host import QuietHost
    from talanoa.image.form import from_array
    from talanoa.models import folder as model_folder
    from talanoa.restoration.predict import restore as restored
    from talanoa.restoration.request import RestoreRequest

    folder = Path(tempfile.mkdtemp()) / "untrained"
    subprocess.run([sys.executable, __file__, method, json.dumps(keys), str(folder), backend], check=True)
    model = model_folder.load(str(folder))
    request = RestoreRequest(model=str(folder), device="cpu", backend=backend)
    data = from_array(image, "zyx"[-image.ndim :])
    return lambda: restored(data, model, request, QuietHost())


def prepare(method: str, keys: str, folder: str, backend: str) -> None:
    """Save an untrained network as a model folder, and let it be exported."""
    import torch

    from talanoa import restore as restored
    from talanoa.image.form import from_array
    from talanoa.models import folder as model_folder
    from talanoa.models import methods
    from talanoa.models.folder import Model

    chosen = methods.get(method)
    config = chosen.config(**json.loads(keys))
    torch.manual_seed(0)
    zscore = {"kind": "zscore", "mean": [0.0], "std": [1.0]}
    normalization = zscore if method.startswith("n2v") else {"kind": "percentile", "low": 2.0, "high": 99.8}
    made = Model("untrained", method, config.model_dump(mode="json"), {}, normalization)
    model_folder.save(Path(folder), made, chosen.build(config).state_dict())
    image = np.random.default_rng(0).random((16, 64, 64)[-config.ndim :], np.float32)
    restored(from_array(image, "zyx"[-config.ndim :]), model=folder, device="cpu", backend=backend)


if __name__ == "__main__":
    prepare(*sys.argv[1:])
