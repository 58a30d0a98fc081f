"""The recipe of semantic segmentation: presets, shape of the network, what the end takes, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from talanoa import image as images
from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host
from talanoa.core.request import key_value, parse
from talanoa.measure.metrics.matching import match_images
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.losses import names
from talanoa.models.runtime import whole as image_predict
from talanoa.models.select import choose
from talanoa.rois import damaged
from talanoa.segmentation.predict import segment
from talanoa.segmentation.request import SegmentRequest
from talanoa.segmentation.train import dataset, mask_feed, mask_finish, sources, star_recipe
from talanoa.segmentation.train.annotated import Annotated
from talanoa.training import settings, transfer
from talanoa.training.recipe import Loaded, Parts
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 20, "steps": 50, "patch": 128, "batch": 8, "lr": 1e-3, "schedule": "cosine"},
    "standard": {"epochs": 200, "steps": 100, "patch": 256, "batch": 8, "lr": 3e-4},
    "long": {"epochs": 1000, "steps": 100, "patch": 256, "batch": 8, "lr": 3e-4, "patience": 100},
    # cells in phase contrast from labels made of fluorescence: 64 filters, dropout, focal loss
    "published": {"epochs": 3000, "steps": 100, "patch": 256, "batch": 4, "lr": 2e-4, "patience": 250},
}
PUBLISHED = {"filters": 64, "dropout": 0.05, "loss": {"focal": 1.0}}
SMALL = 0.25  # of the size of the small objects (5 % are smaller) that were outlined: what is below is taken for dirt
FREE = ("loss", "dropout", "smallest", "fill_holes", "train_foreground_only")  # may differ from a model to start from


def config_from(request: TrainRequest, loaded: Loaded, init: Model | None) -> tuple[str, Any]:
    """Return the method's name and its complete configuration; a model to start from brings its network's shape.

    Raises
    ------
    BadInput
        Stacks; a model to start from of another kind, for other channels or of another shape than asked for.
    """
    items: Sequence[Annotated] = loaded.items
    if items[0].ndim == 3:
        raise BadInput(
            "method=segmentation trains on planes, and the images are stacks. Give ndim=2, or take stardist."
        )
    channels = len(items[0].image)
    keys: dict[str, Any] = dict(PUBLISHED) if request.preset == "published" else {}
    asked: dict[str, Any] = {"filters": request.filters, "depth": request.depth}
    asked |= {"loss": names.parse(request.loss) if request.loss else None}
    given = {key: value for key, value in asked.items() if value is not None}
    keys |= {**given, "smallest": smallest_of(items), "n_channel_in": channels}
    if init is None:
        return "segmentation", methods.get("segmentation").config(**keys)
    if transfer.is_transfer(init, "segmentation"):
        keys |= transfer.shape_of(init, channels, asked)
        return "segmentation", methods.get("segmentation").config(**keys)
    if init.method != "segmentation":
        raise BadInput(
            f"{init.name} is a model of {init.method}; expected one of segmentation or labelling. Start from another "
            "model, or from scratch."
        )
    if init.channels != channels:
        raise BadInput(
            f"{init.name} takes {counted(init.channels, 'channel')}, the images have {channels}. Set channel."
        )
    transfer.check_same(init, methods.get("segmentation").config(**init.config), given, FREE)
    free = {key: value for key, value in keys.items() if key in FREE}
    return "segmentation", methods.get("segmentation").config(**{**init.config, **free})


def smallest_of(items: Sequence[Annotated]) -> float:
    """Return the size in pixels below which a part of a mask is no object: a quarter of that of small objects."""
    sizes = np.concatenate([np.bincount(item.labels.ravel())[1:] for item in items])
    return float(np.floor(SMALL * np.percentile(sizes[sizes > 0], 5)))


def checked_settings(request: TrainRequest, items: Sequence[Annotated], config: Any) -> Settings:
    """Return the settings of a training on these images; a patch that does not fit is a `BadInput`."""
    chosen = settings.settings_from(request, settings.preset_of(request, PRESETS))
    settings.check_patch(chosen, config)
    return chosen


def end_seconds(net: torch.nn.Module, parts: Parts, config: Any, device: torch.device) -> float:
    """Return the seconds that the network's pass over the validation images will take, measured on one of them."""
    item = min(parts[1], key=lambda each: each.labels.size)
    whole = sum(each.labels.size for each in parts[1])
    return image_predict.seconds(net, item.image, config) * whole / item.labels.size


def score(model: Model, request: TrainRequest, device: str, host: Host) -> dict[str, float]:
    """Return the scores of a model on annotated images, found as Segment Objects does and judged as Evaluate does.

    Parameters
    ----------
    model : Model
        A segmentation model.
    request : TrainRequest
        Names the images and their annotations.
    device : str
        Where the network runs.
    host : Host
        Cancelling.
    """
    files, _ = sources.find(request)
    chosen = parse(SegmentRequest, {"device": device, "channel": request.one_channel}).request
    pairs = []
    for number, each in enumerate(files):
        with damaged.all_named((each.image, each.annotation), sources.paths_of(files[number + 1 :])):
            item = dataset.read_one(each, request.one_channel, request.ndim, request.mask)
        picture = choose(images.read(each.image), model.channels, chosen, 2)
        found = segment(picture.image, model, chosen.model_copy(update={"channel": None}), host)
        pairs.append((item.labels, found.labels.values[0, 0, 0]))
    counts = match_images(pairs, (0.5,))[0.5]
    pixels = mask_finish.pixel_scores(pairs)
    return {
        "Jaccard": pixels["jaccard"],
        "Dice": pixels["dice"],
        "F1 at IoU 0.5": round(counts.f1, 4),
        "AP at IoU 0.5": round(counts.accuracy, 4),
    }


def summary(model: Model, best_epoch: int) -> str:
    """Return what came out, and how it is used."""
    pixels = model.training["validation_pixels"]
    return (
        f"Model {model.name} is trained; its best epoch is {best_epoch} (Jaccard index {pixels['jaccard']:.3f} on the "
        f"validation images, cut at {model.thresholds['prob']:.2f}). Segment with {key_value('model', model.name)}."
    )


RECIPE = replace(
    star_recipe.RECIPE,
    configure=config_from,
    settings=checked_settings,
    end_seconds=end_seconds,
    score=score,
    finish=mask_finish.make_model,
    summary=summary,
    feed=mask_feed.FEED,
    end="one pass over a validation image",
)
