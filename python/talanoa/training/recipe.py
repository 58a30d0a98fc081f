"""What a training needs to know of a method besides its network: one file each, one line each in `recipe_for`.

To make a method trainable: its functions in `talanoa.models.methods` (config, build, targets, loss), its name among the
choices of `TrainRequest.method`, and a recipe here. Menu, macros, command line, Python, presets, the window, resuming,
fine-tuning, the estimate before the start and `talanoa study` then work for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from talanoa.core.host import Host
from talanoa.models.folder import Model
from talanoa.segmentation.request import TrainRequest
from talanoa.training.feed import Feed
from talanoa.training.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from talanoa.tasks.common import Given
    from talanoa.training.settings import Early

Items = Sequence[Any]
Parts = tuple[Items, Items]  # training and validation images


@dataclass(frozen=True)
class Loaded:
    """The images of a request.

    Parameters
    ----------
    items : list
        All images, as the method's `Feed` knows them.
    classes : tuple of str
        Names of the classes that are to be trained; empty: objects have none.
    normalization : dict or None
        How intensities were normalised, for the model's record; None: as `Model` has it.
    extra : dict
        What else defines the training and belongs into its record, plain data.
    """

    items: list[Any]
    classes: tuple[str, ...] = ()
    normalization: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """A training that has ended, of which a model is to be made.

    Parameters
    ----------
    request : TrainRequest
        Name, licence and description of the model.
    plan : dict
        What defined the training: method, configuration, where it is not `Model`'s own the normalisation; kept in the
        model's record.
    parts : (sequence, sequence)
        Training and validation images.
    work : Path
        Folder of the training, with its best weights and losses.
    device : torch.device
        Where the network runs.
    early : Early or None
        Where the user ended the training.
    """

    request: TrainRequest
    plan: dict[str, Any]
    parts: Parts
    work: Path
    device: torch.device
    early: Early | None


@dataclass(frozen=True)
class Recipe:
    """How a method comes from a request to a model.

    Parameters
    ----------
    load : function (request, host, given) -> Loaded
        Reads and checks the data; `given` is the open image with its selection, or None.
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
    finish : function (ended, host) -> (Model, net)
        The model of the best weights, complete but for its folder: thresholds, scores, record. Pictures for the report
        go into `ended.work`.
    report : function (folder, model, losses, work) -> None
        Writes what a person reads into the model's folder; `work` is the folder of the training.
    summary : function (model, best_epoch) -> str
        Says in a sentence or two what came out, and how it is used.
    feed : Feed
        How the images come to the network and to the eye.
    end : str
        What `end_seconds` times, in words.
    judged_by : "objects", "target", "stains" or "noise"
        What the loss is measured by, for the advice on its curve, see `talanoa.training.advice`.
    """

    load: Callable[[TrainRequest, Host, Given | None], Loaded]
    split: Callable[[Items, float, int], tuple[list[Any], list[Any]]]
    configure: Callable[[TrainRequest, Loaded, Model | None], tuple[str, Any]]
    settings: Callable[[TrainRequest, Items, Any], Settings]
    warnings: Callable[[Items, Parts, Settings], list[str]]
    facts: Callable[[Items, Settings], dict[str, Any]]
    end_seconds: Callable[[torch.nn.Module, Parts, Any, torch.device], float]
    score: Callable[[Model, TrainRequest, str, Host], dict[str, float]]
    finish: Callable[[Ended, Host], tuple[Model, torch.nn.Module]]
    report: Callable[[Path, Model, Sequence[dict[str, float]], Path], None]
    summary: Callable[[Model, int], str]
    feed: Feed
    end: str
    judged_by: str = "objects"


def recipe_for(method: str) -> Recipe:
    """Return the recipe of a method as `TrainRequest.method` names it."""
    from talanoa.labelling.train import recipe as label_recipe
    from talanoa.restoration.train import recipe
    from talanoa.segmentation.train import mask_recipe, star_recipe

    objects = {"stardist": star_recipe.RECIPE, "segmentation": mask_recipe.RECIPE}
    return {**objects, "labelling": label_recipe.RECIPE, **recipe.RECIPES}[method]
