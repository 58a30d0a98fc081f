"""A small segmentation trained once for all tests that need one, and a labelling model that was not trained at all."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

from helpers.synthetic import write_pairs
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.tasks.recipes import train
from talanoa.training.request import TrainRequest
from talanoa.training.run import TrainReply

SMALL = {"method": "segmentation", "filters": 8, "depth": 2, "patch": 64, "batch": 2, "device": "cpu"}


@cache
def data() -> Path:
    """Write eight fields of nuclei; returns the dataset folder."""
    folder = Path(mkdtemp(prefix="talanoa-segmentation-"))
    write_pairs(folder, 8)
    return folder


def request(name: str, **keys: Any) -> TrainRequest:
    """Return a request for a small network."""
    return parse(TrainRequest, {**SMALL, "images": str(data()), "name": name, **keys}).request


@cache
def small_model() -> TrainReply:
    """Train on eight fields of nuclei; about 15 seconds."""
    keys = {"epochs": 9, "steps": 25, "lr": 5e-3, "schedule": "cosine", "augment_scale": 1, "validation": 0.25}
    return train(request("masks", **keys), QuietHost())


@cache
def labelling_model(channels: int = 1, network: str = "unet", filters: int = 4, depth: int = 2) -> Model:
    """Write the folder of a labelling model with weights from a seed."""
    method = methods.get("labelling")
    config = method.config(n_channel_in=channels, network=network, filters=filters, depth=depth)
    torch.manual_seed(7)
    net = method.build(config)
    with torch.no_grad():
        for name, each in net.named_buffers():
            if each.is_floating_point():  # batch statistics of a network that has seen something
                each.add_(torch.rand_like(each) * (0.5 if "var" in name else 0.1))
    name = f"labelling-{network}-{channels}-{filters}-{depth}"
    model = Model(name, "labelling", config.model_dump(mode="json"), {}, {"kind": "minmax"})
    model_folder.save(model_folder.user_models() / name, model, net.state_dict())
    return model_folder.load(name)
