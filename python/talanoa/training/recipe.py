"""What a training needs to know of a method besides its network: one file each, one line each in `recipe_for`.

To make a method trainable: its functions in `talanoa.methods` (config, build, targets, loss), its name among the
choices of `TrainRequest.method`, and a recipe here. Menu, macros, command line, Python, presets, the window, resuming,
fine-tuning, the estimate before the start and `talanoa study` then work for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from talanoa.dataset import Annotated
from talanoa.host import Host
from talanoa.model_folder import Model
from talanoa.requests import TrainRequest
from talanoa.training.loop import Settings
from talanoa.training.sources import Loaded

if TYPE_CHECKING:
    from pathlib import Path

    from talanoa.training.loop import Early

Parts = tuple[Sequence[Annotated], Sequence[Annotated]]  # training and validation images


@dataclass(frozen=True)
class Recipe:
    """How a method comes from a request to a model.

    Parameters
    ----------
    load : function (request, host) -> Loaded
        Reads and checks the data.
    split : function (items, share, seed) -> (training items, validation items)
        Puts images aside.
    configure : function (request, loaded, init) -> (name, config)
        The registered method (its variant for planes or volumes) and its complete configuration.
    settings : function (request, items, config) -> Settings
        Preset and what the request says over it; checked against images and network.
    warnings : function (items, parts, settings) -> list of str
        What is odd about the data.
    facts : function (items, settings) -> dict
        Numbers of the data that are shown before the start.
    end_seconds : function (net, parts, config, device) -> float
        How long `finish` will take, measured on a part of it.
    score : function (model, request, device, host) -> dict of str to float
        How good a model is on other annotated images, which the request names; the most telling score first.
    finish : function (request, plan, parts, folder, device, host, early) -> (Model, net)
        The model of the best weights: thresholds, scores, record.
    """

    load: Callable[[TrainRequest, Host], Loaded]
    split: Callable[[Sequence[Annotated], float, int], tuple[list[Annotated], list[Annotated]]]
    configure: Callable[[TrainRequest, Loaded, Model | None], tuple[str, Any]]
    settings: Callable[[TrainRequest, Sequence[Annotated], Any], Settings]
    warnings: Callable[[Sequence[Annotated], Parts, Settings], list[str]]
    facts: Callable[[Sequence[Annotated], Settings], dict[str, Any]]
    end_seconds: Callable[[torch.nn.Module, Parts, Any, torch.device], float]
    score: Callable[[Model, TrainRequest, str, Host], dict[str, float]]
    finish: Callable[
        [TrainRequest, dict[str, Any], Parts, Path, torch.device, Host, Early | None], tuple[Model, torch.nn.Module]
    ]


def recipe_for(method: str) -> Recipe:
    """Return the recipe of a method as `TrainRequest.method` names it."""
    from talanoa.training import star_recipe

    return {"stardist": star_recipe.RECIPE}[method]
