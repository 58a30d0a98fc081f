"""The optimisers by name."""

from __future__ import annotations

from typing import Any

import torch

from talanoa.training import transfer
from talanoa.training.settings import Settings

ADVERSARIAL = (0.5, 0.999)  # Adam's averages between opponents (Radford et al. 2016, arXiv:1511.06434)


def of(net: torch.nn.Module, settings: Settings, adversarial: bool = False) -> torch.optim.Optimizer:
    """Return the optimiser of a network.

    Parameters
    ----------
    net : Module
        Weights of convolutions decay where the settings say so; biases and normalisations do not.
    settings : Settings
        ``optimizer``, ``lr``, ``weight_decay``.
    adversarial : bool
        Whether it learns against another network: Adam's momentum is then 0.5.
    """
    keys: dict[str, dict[str, Any]] = {
        "adam": {"betas": ADVERSARIAL} if adversarial else {},
        "adamw": {"betas": ADVERSARIAL} if adversarial else {},
        "adadelta": {"rho": 0.95, "eps": 1e-7},  # as in Keras (Zeiler 2012, arXiv:1212.5701)
        "sgd": {"momentum": 0.9},
    }
    kinds: dict[str, Any] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "adadelta": torch.optim.Adadelta,
        "sgd": torch.optim.SGD,
    }
    name = settings.optimizer
    return kinds[name](_groups(net, settings), lr=settings.lr, weight_decay=0.0, **keys[name])


def _groups(net: torch.nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """Return the parameters in groups of one pace, each of them in two where some decay: the first of the two."""
    groups = transfer.parameter_groups(net, settings)
    if not settings.weight_decay:
        return groups
    split = []
    for group in groups:
        kernels = [each for each in group["params"] if each.dim() > 1]
        rest = [each for each in group["params"] if each.dim() <= 1]
        split += [{**group, "params": kernels, "weight_decay": settings.weight_decay}, {**group, "params": rest}]
    return split
