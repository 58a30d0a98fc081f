"""Stains from transmitted light: seconds for whole images with networks of fresh weights, by backend; training steps.

Usage: python benchmarks/bench_labelling.py [PART OF A CASE ...]
Prints one JSON line per figure, each from a process of its own: the best seconds of `n` runs, their processor time
(`cpu`, all threads) and the largest memory of the process (`peak_mb`). 2136² is the size of the images of the source
(Pankova 2022), "default" its U-Net of 16 to 256 channels, "wide" the one of 64 to 1024. A prediction goes from
intensities to intensities, minimum and maximum of the image included. A step of a training is forward, loss, backward
and update on 8 crops of 256²; 2,304 of them are an epoch of the source (57 s on a V100). OMP_NUM_THREADS limits the
threads. A backend that this machine does not have (a graphics card) is left out.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 2136
CASES: dict[str, dict[str, Any]] = {
    f"predict {SIDE}², default": {},
    f"predict {SIDE}², default, windows": {"window": 256, "border": 30},
    f"predict {SIDE}², default, blended": {"window": 256, "border": 30, "blend": True},
    f"predict {SIDE}², wide": {"filters": 64},
    "train 8 x 256², default": {},
}
IMPLEMENTATIONS = {"onnx": "", "torch": "", "torch bfloat16": "", "torch cuda": ""}


def prediction(backend: str, device: str, filters: int = 16, **keys: Any) -> Callable[[], Any]:
    """Return a function that predicts one stain of an image of 2136² with an untrained network."""
    import torch

    from talanoa.core.host import QuietHost
    from talanoa.image.form import from_array
    from talanoa.labelling import models
    from talanoa.labelling.predict import predict_stains
    from talanoa.labelling.record import LabellingRecord, Light, Stain
    from talanoa.labelling.request import PredictRequest
    from talanoa.models import folder as model_folder
    from talanoa.models import methods
    from talanoa.models.folder import Model

    chosen = methods.get("labelling")
    config = chosen.config(filters=filters)
    torch.manual_seed(0)
    record = LabellingRecord(lights=(Light(name="phase"),), stains=(Stain(name="nucleus"),))
    made = Model("untrained", "labelling", config.model_dump(mode="json"), {}, {"kind": "minmax"})
    folder = Path(tempfile.mkdtemp()) / "untrained"
    model_folder.save(
        folder,
        Model(**{**made.__dict__, "labelling": record.model_dump(mode="json")}),
        chosen.build(config).state_dict(),
    )
    loaded = models.load(str(folder))
    request = PredictRequest(model=str(folder), device=device, backend=backend, **keys)
    image = from_array(np.random.default_rng(0).integers(1000, 9000, (SIDE, SIDE)).astype(np.uint16))
    return lambda: predict_stains(image, loaded, request, QuietHost())


def training(half: bool) -> Callable[[], Any]:
    """Return a function that does a step of a training."""
    import ours

    rng = np.random.default_rng(0)
    light, stain = (rng.random((8, 1, 256, 256), np.float32) for _ in range(2))
    return ours.train_step("labelling", {}, light, (stain,), half)[0]


def main(*arguments: str) -> int:
    """Measure all cases, or those asked for; with --one: a backend and a case, here."""
    import alone

    if arguments[:1] != ("--one",):
        return alone.run_all(__file__, CASES, IMPLEMENTATIONS, arguments)
    impl, name = arguments[1:]
    backend, _, device = impl.partition(" ")
    if name.startswith("train"):
        if impl in ("torch", "torch bfloat16"):
            alone.report("labelling", impl, name, training(device == "bfloat16"), 3)
        return 0
    if device == "bfloat16":
        return 0
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            return 0
    alone.report("labelling", impl, name, prediction(backend, device or "cpu", **CASES[name]), 3)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
