"""The trainer of a training that can begin."""

from __future__ import annotations

from dataclasses import replace

import torch

from talanoa.models import methods
from talanoa.training import loop, transfer
from talanoa.training.recipe import Ready
from talanoa.training.request import TrainRequest


def with_request(ready: Ready, request: TrainRequest) -> Ready:
    """Return the training with the settings of another request for the same data."""
    return replace(ready, request=request, settings=ready.recipe.settings(request, ready.items, ready.config))


def start(ready: Ready, device: torch.device) -> loop.Trainer:
    """Return a fresh trainer, with what it takes from the model to start from, if there is one."""
    weights = transfer.weights_for(ready.method, ready.config, ready.init) if ready.init else None
    return loop.start(methods.get(ready.method), ready.config, ready.settings, device, weights)
