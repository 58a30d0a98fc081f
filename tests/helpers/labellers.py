"""Small labelling models, untrained, with weights from a seed: for tests of everything around a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talanoa import image as images
from talanoa.labelling.record import LabellingRecord, Light, Stain
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model

MINMAX: dict[str, Any] = {"kind": "minmax"}
PHASE = Light(name="phase")
NUCLEUS = Stain(name="nucleus", low=100, high=2100, gain=1.25, offset=-0.05)
ER = Stain(name="ER", low=50, high=850)


def save(
    folder: Path,
    stains: Sequence[Stain] = (NUCLEUS,),
    lights: Sequence[Light] = (PHASE,),
    normalization: dict[str, Any] | None = None,
    seed: int = 3,
    more: dict[str, Any] | None = None,
    inverting: bool = False,
    **config: Any,
) -> Path:
    """Save an untrained model of few filters into `folder` and return it; `more` are keys of `Model`.

    An `inverting` one answers with sigmoid(4 - 8 x) of its first input x at every pixel: bright where that is dark.
    """
    record = LabellingRecord(lights=tuple(lights), stains=tuple(stains))
    small = {"filters": 4, "depth": 2, "n_channel_in": record.channels, "n_channel_out": len(stains), **config}
    made = methods.get("labelling").config(**small)
    torch.manual_seed(seed)
    net = methods.get("labelling").build(made)
    if inverting:
        _invert(net)
    weights = net.state_dict()
    model = Model(
        name=folder.name,
        method="labelling",
        config=made.model_dump(mode="json"),
        thresholds={},
        normalization=normalization or MINMAX,
        description="untrained, for tests",
        labelling=record.model_dump(mode="json"),
        **(more or {}),
    )
    model_folder.save(folder, model, weights)
    return folder


def _invert(net: Any) -> None:
    """Set the weights so that the first skip connection carries the input to the last level, and that to the output."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        behind = net.out.weight.shape[1]  # channels that come from below, before those of the skip
        for level, source in ((net.down[0], 0), (net.up[-1], behind)):
            first, second = (layer for layer in level if isinstance(layer, torch.nn.Conv2d))
            first.weight[0, source, 1, 1] = second.weight[0, 0, 1, 1] = 1.0
            next(layer for layer in level if isinstance(layer, torch.nn.BatchNorm2d)).weight.fill_(1.0)
        net.out.weight[:, 0], net.out.bias[:] = -8.0, 4.0


def phase(*shape: int, seed: int = 0) -> np.ndarray:
    """Return smooth spots on a grey ground with noise, uint16 (…, y, x): a stand-in for phase contrast."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    spots = ndimage.gaussian_filter(rng.normal(size=shape), (0,) * (len(shape) - 2) + (3, 3))
    return np.rint(2000 + 4000 * spots + rng.normal(0, 20, shape)).clip(0).astype(np.uint16)


def write_phase(path: Path, *shape: int, seed: int = 0, dims: str = "yx", **attrs: Any) -> Path:
    """Write an image of `phase` with pixels of 0.65 µm and return its path."""
    form = {"pixel_size": (3.0 if "z" in dims else 1.0, 0.65, 0.65), "unit": "µm", **attrs}
    images.write(path, images.from_array(phase(*shape, seed=seed), dims, **form))
    return path
