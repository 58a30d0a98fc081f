"""The recipe of StarDist, for planes and volumes: presets, shape of the network, checks, what the end takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from talanoa import image as images
from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host
from talanoa.core.request import key_value, parse
from talanoa.measure.metrics.matching import match_images
from talanoa.measure.metrics.pixel import count_pixels
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference
from talanoa.rois import damaged
from talanoa.segmentation.predict import segment
from talanoa.segmentation.request import SegmentRequest
from talanoa.segmentation.train import dataset, sources, star_feed, thresholds, volumes
from talanoa.segmentation.train.annotated import Annotated
from talanoa.segmentation.train.star_finish import SCORED_IOU, make_model
from talanoa.training import settings, transfer
from talanoa.training.recipe import Loaded, Parts, Recipe
from talanoa.training.report import write_report
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from talanoa.rois.given import Given

PRESETS: dict[str, dict[str, Any]] = {
    # quick is made shorter where it would take more than ten minutes, see `talanoa.training.estimate`
    "quick": {"epochs": 12, "steps": 50, "lr": 6e-4, "schedule": "cosine"},
    "standard": {"epochs": 400, "steps": 100, "lr": 3e-4},
    "long": {"epochs": 2000, "steps": 100, "lr": 3e-4, "patience": 100},
    "published": {"epochs": 200, "steps": 50, "patch": 256, "lr": 3e-4},  # Jukkala 2022; 10 % validation is the default
}
CLASS_WEIGHT = 1.0  # of the class loss, as in the original
SEARCHED = 3 * 10 + 1  # label images that the search for thresholds makes of each validation image, about


def settings_from(request: TrainRequest, defaults: dict[str, Any] | None = None) -> Settings:
    """Return the complete settings: the preset (or other defaults), and what the request says over it."""
    return settings.settings_from(request, settings.preset_of(request, PRESETS) if defaults is None else defaults)


def checked_settings(request: TrainRequest, items: Sequence[Annotated], config: Any) -> Settings:
    """Return the settings of a training on these images; a patch that does not fit is a `BadInput`."""
    chosen = settings_from(request, volumes.patch_keys(request, items, config) if items[0].ndim == 3 else None)
    settings.check_patch(chosen, config)
    return chosen


def config_from(request: TrainRequest, loaded: Loaded, init: Model | None) -> tuple[str, Any]:
    """Return the method's name and its complete configuration; a model to fine-tune brings its own.

    The images decide between the method for planes and the one for volumes.
    """
    items = loaded.items
    channels, ndim = len(items[0].image), items[0].ndim
    name = methods.variant(request.method, ndim)
    given = volumes.asked(request) if ndim == 3 else _asked(request)
    if init is not None and transfer.is_transfer(init, name) and ndim == 2:
        shape = transfer.shape_of(init, channels, {"filters": request.filters, "depth": request.depth})
        if request.backbone == "unet":
            raise BadInput(f"backbone=unet: {init.name} is a labelling model; expected backbone=labelling.")
        trunk = {"backbone": "labelling", "unet_n_filter_base": shape["filters"], "unet_n_depth": shape["depth"]}
        keys = {"grid": (2, 2), **given, **trunk, **_class_keys(loaded)}
        return name, methods.get(name).config(**keys, n_channel_in=channels)
    if init is None:
        keys = volumes.config_keys(request, items) if ndim == 3 else {"grid": (2, 2), **given}
        return name, methods.get(name).config(**{**keys, **_class_keys(loaded), "n_channel_in": channels})
    if init.method != name:
        raise BadInput(
            f"{init.name} is a model of {init.method}, the images need one of {name}. Start from a model for "
            f"{'stacks' if ndim == 3 else 'planes'}, or from scratch."
        )
    config = methods.get(name).config(**init.config)
    transfer.check_same(init, config, given)
    if init.channels != channels:
        raise BadInput(
            f"{init.name} takes {counted(init.channels, 'channel')}, the images have {channels}. Set channel."
        )
    return name, _with_classes(config, loaded, init)


def _class_keys(loaded: Loaded) -> dict[str, Any]:
    """Return the keys of a configuration that classes need."""
    if not loaded.classes:
        return {}
    return {"n_classes": len(loaded.classes), "train_loss_weights": (1.0, 0.2, CLASS_WEIGHT)}


def _with_classes(config: Any, loaded: Loaded, init: Model) -> Any:
    """Return the configuration of a model to fine-tune; its classes, if it has any, must be those of the images."""
    if (config.n_classes or 0) != len(loaded.classes):
        raise BadInput(
            f"{init.name} predicts {config.n_classes or 'no'} classes of objects, the images have "
            f"{len(loaded.classes) or 'none'}; expected as many. Start from another model, or from scratch."
        )
    if config.n_classes and len(config.train_loss_weights) < 3:
        return config.model_copy(update={"train_loss_weights": (*config.train_loss_weights, CLASS_WEIGHT)})
    return config


def _asked(request: TrainRequest) -> dict[str, Any]:
    """Return the keys of a configuration for planes that a request sets."""
    only_3d = [key for key in ("patch_z", "anisotropy") if getattr(request, key) is not None]
    only_3d += ["backbone=resnet"] if request.backbone == "resnet" else []
    if only_3d:
        raise BadInput(f"{', '.join(only_3d)}: only for 3D models, and the images are planes. Leave it out.")
    shape = {"unet_n_filter_base": 16, "unet_n_depth": 4} if request.backbone == "labelling" else {}
    asked = {
        "backbone": request.backbone,
        "n_rays": request.n_rays,
        "grid": (request.grid, request.grid) if request.grid else None,
        "unet_n_depth": request.depth,
        "unet_n_filter_base": request.filters,
        "net_conv_after_unet": request.head,
    }
    return {**shape, **{key: value for key, value in asked.items() if value is not None}}


def warnings_of(items: Sequence[Annotated], parts: Parts, settings: Settings) -> list[str]:
    """Return warnings about the training data."""
    warnings = []
    empty = [item.name for item in items if not item.labels.any()]
    if empty:
        warnings.append(f"{len(empty)} of {len(items)} images have no object: {', '.join(empty[:5])}.")
    small = sum(min(item.labels.shape[-2:]) < settings.patch for item in items)
    if small:
        warnings.append(
            f"{small} of {len(items)} images are smaller than a patch of {settings.patch} pixels; they are mirrored."
        )
    if parts[0] == parts[1]:
        warnings.append(
            "Only one volume: the thresholds are chosen and the scores counted on the volume trained on. They say "
            "nothing about other volumes; annotate another one, or cut this one in two."
        )
    elif len(items) < 5:
        warnings.append(
            f"Only {len(items)} images, {len(parts[1])} for validation: thresholds and scores rest on few objects."
        )
    return warnings + [f"{item.name}: {note}" for item in items for note in item.notes]


def facts_of(items: Sequence[Annotated], settings: Settings) -> dict[str, Any]:
    """Return numbers of the data: objects, their median size and diameter in pixels, how many a patch covers."""
    from scipy.ndimage import find_objects

    sizes = np.concatenate([np.bincount(item.labels.ravel())[1:] for item in items])
    sizes = sizes[sizes > 0]
    boxes = [box for item in items for box in find_objects(item.labels) if box is not None]
    sides = np.median([[side.stop - side.start for side in box[-2:]] for box in boxes], axis=0)
    pixels = sum(item.labels.size for item in items)
    return {
        "images": len(items),
        "objects": len(sizes),
        "median_size": float(np.median(sizes)),
        "median_diameter": float(np.mean(sides)),
        "objects_in_patch": round(len(sizes) * float(np.prod(settings.patch_shape)) / pixels, 1),
        "diameters_in_patch": round(settings.patch / float(np.mean(sides)), 1),
    }


def end_seconds(net: torch.nn.Module, parts: Parts, config: Any, device: torch.device) -> float:
    """Return the seconds that the network's pass over the validation images, and the search for thresholds, will take.

    The network is run on one image; the decoding is timed on the answer that a perfect network would give to it.
    """
    item = min(parts[1], key=lambda each: each.labels.size)
    runner = inference.prepared(net, device)
    seconds = []
    for _ in range(2):  # the first one gets the network ready
        started = time.perf_counter()
        inference.find_candidates(runner, item.image, config, 2.0, inference.planned_parts(item.labels.shape, config))
        seconds.append(time.perf_counter() - started)
    decoding = []
    found = _perfect(item, config)
    for _ in range(2):  # the first one compiles
        started = time.perf_counter()
        thresholds.labels_at(found, item.labels.shape, thresholds.LOWEST, star_convex.default_thresholds()["nms"])
        decoding.append(time.perf_counter() - started)
    pixels = sum(each.labels.size for each in parts[1])
    return (min(seconds) + SEARCHED * min(decoding)) * pixels / item.labels.size


def _perfect(item: Annotated, config: Any) -> star_convex.Candidates:
    """Return the candidates of a network that answers as the annotation does."""
    steps = config.multiple
    widths = [(0, -size % step) for size, step in zip(item.labels.shape, steps, strict=True)]
    prob, dist = methods.get("stardist3d" if item.ndim == 3 else "stardist").targets(
        np.pad(item.labels, widths), config, item.classes
    )[:2]
    return star_convex.candidates(prob[0], dist, thresholds.LOWEST, config)


def load(request: TrainRequest, host: Host, given: Given | None = None) -> Loaded:
    """Read the annotated images of a request; the open image cannot be trained on."""
    return sources.load(request, host)


def report(folder: Path, model: Model, losses: Sequence[dict[str, float]], work: Path) -> None:
    """Write the report of a model."""
    write_report(folder, model, losses)


def summary(model: Model, best_epoch: int) -> str:
    """Return what came out, and how it is used."""
    return (
        f"Model {model.name} is trained; its best epoch is {best_epoch} (probability {model.thresholds['prob']:.2f}, "
        f"overlap {model.thresholds['nms']:.2f}). Segment with {key_value('model', model.name)}."
    )


def score(model: Model, request: TrainRequest, device: str, host: Host) -> dict[str, float]:
    """Return the scores of a model on annotated images, found and matched as Segment Objects and Evaluate do.

    Parameters
    ----------
    model : Model
        A StarDist model.
    request : TrainRequest
        Names the images and their annotations.
    device : str
        Where the network runs.
    host : Host
        Cancelling.
    """
    files, _ = sources.find(request)
    settings = parse(SegmentRequest, {"device": device}).request
    pairs = []
    for number, each in enumerate(files):
        with damaged.all_named((each.image, each.annotation), sources.paths_of(files[number + 1 :])):
            item = dataset.read_one(each, request.one_channel, request.ndim, request.mask)
        picture = images.read(each.image)
        if request.one_channel is not None:
            picture = picture.isel(c=slice(request.one_channel - 1, request.one_channel))
        found = segment(picture, model, settings, host).labels.values[0, 0]
        pairs.append((item.labels, found if item.ndim == 3 else found[0]))
    counts = match_images(pairs, SCORED_IOU)
    return {
        "F1 at IoU 0.5": round(counts[0.5].f1, 4),
        "AP at IoU 0.5": round(counts[0.5].accuracy, 4),
        "mean AP, IoU 0.5 to 0.9": round(float(np.mean([each.accuracy for each in counts.values()])), 4),
        "panoptic quality": round(counts[0.5].panoptic_quality, 4),
        "Jaccard": round(float(np.mean([count_pixels(*pair).iou for pair in pairs])), 4),
    }


RECIPE = Recipe(
    load,
    dataset.split,
    config_from,
    checked_settings,
    warnings_of,
    facts_of,
    end_seconds,
    score,
    make_model,
    report,
    summary,
    star_feed.FEED,
    "one search for thresholds",
    "objects",
)
