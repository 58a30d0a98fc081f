"""Small models that restore images, untrained, with weights from a seed: for tests of everything around a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model

PERCENTILE: dict[str, Any] = {"kind": "percentile", "low": 3.0, "high": 99.8}


def save(folder: Path, method: str = "care", normalization: dict[str, Any] | None = None, **config: Any) -> Path:
    """Save an untrained model of few filters into `folder` and return it."""
    kind = methods.get(method)
    small = {"unet_n_depth": 1, "unet_n_filter_base": 4, **config}
    if not method.endswith("3d"):
        small.setdefault("unet_kernel_size", 3)
    if method == "care_projection":
        small = {"proj_n_depth": 1, "proj_n_filter": 4, **small}
    if method == "care_isotropic":
        small = {"anisotropy": 4.0, "axial_sigma": 2.0, **small}
    made = kind.config(**small)
    torch.manual_seed(3)
    net = kind.build(made)
    if made.batch_norm:  # without a training its small weights would leave hardly anything of an image
        for each in net.modules():
            if isinstance(each, torch.nn.Conv2d | torch.nn.Conv3d):
                each.weight.data *= 3**0.5
    weights = net.state_dict()
    model = Model(
        name=folder.name,
        method=method,
        config=made.model_dump(mode="json"),
        thresholds={},
        normalization=normalization or PERCENTILE,
        description="untrained, for tests",
    )
    model_folder.save(folder, model, weights)
    return folder
