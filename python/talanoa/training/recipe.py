"""What a training needs to know of a method besides its network: one file each, one line each in `tasks/recipes.py`.

To make a method trainable: its functions in `talanoa.models.methods` (config, build, targets, loss), its name among the
choices of `TrainRequest.method`, and a recipe here. Menu, macros, command line, Python, presets, the window, resuming,
fine-tuning, the estimate before the start and `talanoa study` then work for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa.core.host import Host
from talanoa.models.folder import Model
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from talanoa.rois.given import Given
    from talanoa.training.settings import Early

Arrays = tuple[NDArray[np.float32], tuple[NDArray, ...]]


def hashes_of(items: Sequence[Any]) -> dict[str, list[str]]:
    """Return the hashes of each item's files by its name."""
    return {item.name: list(item.hashes) for item in items}


@dataclass(frozen=True)
class Feed:
    """What the training loop, the previews and the dry run ask of a method's data.

    Parameters
    ----------
    batch : function (items, config, settings, augmented, rng) -> (images, answers)
        Draws one batch: float32 (n, channels, space…), and a tuple of arrays, which the method's loss takes as they
        are. Everything random comes from `rng`, and of several processes each returns its share of the joint batch
        (`talanoa.training.distributed.share`). Not `augmented`: the fixed patches of the validation.
    size : function (item) -> int
        Pixels or voxels of an item.
    shown : function (items) -> part
        What previews show of the validation images: a small part of one of them.
    preview : function (net, part, config) -> (payload, seconds)
        The ``preview`` event, plain JSON values; and the seconds of what the end of the training will do many times
        for each image (0 where there is nothing).
    sheets : function (ready) -> dict of str to PIL image
        Pictures of a dry run: ``pairs`` (images and what is to be learned) and ``patches`` (as the network sees them).
    hashes : function (items) -> dict of str to list of str
        What the record keeps to tell the files again.
    """

    batch: Callable[[Sequence[Any], Any, Settings, bool, np.random.Generator], Arrays]
    size: Callable[[Any], int]
    shown: Callable[[Sequence[Any]], Any]
    preview: Callable[[torch.nn.Module, Any, Any], tuple[Mapping[str, Any], float]]
    sheets: Callable[[Ready], Mapping[str, Image.Image]]
    hashes: Callable[[Sequence[Any]], dict[str, list[str]]] = hashes_of


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


@dataclass(frozen=True)
class Ready:
    """A training that can begin.

    Parameters
    ----------
    request : TrainRequest
        With everything filled in that was measured on this device.
    recipe : Recipe
        Of its method.
    method : str
        The registered method: its variant for planes or volumes.
    config : config of the method
        Of the network.
    settings : Settings
        How it is trained.
    items : list
        All images, as the recipe's `Feed` knows them.
    parts : (list, list)
        Those to train on and those to validate on.
    init : Model or None
        The model to fine-tune.
    folder : Path
        Of the new model.
    device : torch.device
        Where it is trained.
    classes : tuple of str
        Names of the classes that are trained, too.
    warnings : list of str
        What is odd about the data.
    normalization : dict or None
        How intensities were normalised, see `Loaded`.
    extra : dict
        What else defines the training, see `Loaded`.
    """

    request: TrainRequest
    recipe: Recipe
    method: str
    config: Any
    settings: Settings
    items: list[Any]
    parts: Parts
    init: Model | None
    folder: Path
    device: torch.device
    classes: tuple[str, ...]
    warnings: list[str]
    normalization: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
