"""Small labelling models, for tests of everything around a model: untrained ones, and one that inverts its input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talanoa import methods, model_folder
from talanoa.labelling.record import LabellingRecord
from talanoa.model_folder import Model


def save(folder: Path, stains: tuple[str, ...] = ("nucleus",), inverting: bool = False, **stain: Any) -> Path:
    """Save a labelling model of one light into `folder` and return it.

    Parameters
    ----------
    inverting : bool
        The model answers with sigmoid(8 (1/2 - x)) of its input x, at every pixel: bright where its input is dark.
    stain : Any
        Keys of every stain of the record, such as low, high, gain, offset.
    """
    kind = methods.get("labelling")
    config = kind.config(n_channel_out=len(stains), filters=2, depth=1)
    torch.manual_seed(3)
    net = kind.build(config)
    if inverting:
        _invert(net)
    record = LabellingRecord.model_validate(
        {"lights": [{"name": "phase"}], "stains": [{"name": name, **stain} for name in stains]}
    )
    model = Model(
        name=folder.name,
        method="labelling",
        config=config.model_dump(mode="json"),
        thresholds={},
        normalization={"kind": "minmax"},
        description="untrained, for tests",
        labelling=record.model_dump(mode="json"),
    )
    model_folder.save(folder, model, net.state_dict())
    return folder


def _invert(net: torch.nn.Module) -> None:
    """Set the weights so that the first skip connection carries the input to the last level, and that to the output."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        width = net.out.weight.shape[1]
        for level, source in ((net.down[0], 0), (net.up[-1], width)):  # behind what comes from below is the skip
            convolutions = [layer for layer in level if isinstance(layer, torch.nn.Conv2d)]
            convolutions[0].weight[0, source, 1, 1] = 1.0
            convolutions[1].weight[0, 0, 1, 1] = 1.0
            next(layer for layer in level if isinstance(layer, torch.nn.BatchNorm2d)).weight.fill_(1.0)
        net.out.weight[:, 0] = -8.0
        net.out.bias.fill_(4.0)
