"""Train a model from a folder of annotated images: checks, split, training, thresholds, model folder.

While it runs, the training lives in ``<name>.training`` beside the models; the model folder appears whole at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from talanoa import dataset, devices, methods, model_folder
from talanoa.errors import BadInput, Cancelled
from talanoa.host import Host
from talanoa.model_folder import Model
from talanoa.requests import TrainRequest
from talanoa.training import distributed, loop, volumes
from talanoa.training.advice import advise
from talanoa.training.finish import make_model, write_model
from talanoa.training.folder import training_folder
from talanoa.training.loop import Settings

PRESETS: dict[str, dict[str, Any]] = {
    # 2 CPU cores need about 0.7 s for a step of 4 patches of 256 pixels
    "quick": {"epochs": 12, "steps": 50, "lr": 6e-4, "schedule": "cosine"},
    "standard": {"epochs": 400, "steps": 100, "lr": 3e-4},
    "long": {"epochs": 2000, "steps": 100, "lr": 3e-4, "patience": 100},
}
COSINE_EMA = 0.999


@dataclass(frozen=True)
class TrainReply:
    """What a training leaves behind.

    Parameters
    ----------
    model_folder : Path
        The finished model.
    name : str
        Its name in menus.
    thresholds : dict
        Optimised on the validation images.
    best_epoch : int
        Epoch whose weights were kept.
    losses : Path
        ``loss.csv`` in the model folder.
    report : dict
        Scores on the validation images and counts of what was trained on.
    warnings : list of str
        What the user should know.
    early : Early or None
        Where the user ended the training.
    advice : list of str
        What the learning curve shows, see `talanoa.training.advice`.
    """

    model_folder: Path
    name: str
    thresholds: dict[str, float]
    best_epoch: int
    losses: Path
    report: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    early: loop.Early | None = None
    advice: list[str] = field(default_factory=list)


def settings_from(request: TrainRequest, defaults: dict[str, Any] | None = None) -> Settings:
    """Return the complete settings: the preset (or other defaults), and what the request says over it."""
    chosen = dict(PRESETS[request.preset or "standard"] if defaults is None else defaults)
    given = request.model_dump(include=set(Settings.model_fields), exclude_none=True, exclude_unset=True)
    chosen.update(given, seed=request.seed, mixed_precision=request.mixed_precision)
    if chosen.get("schedule") == "cosine":
        chosen.setdefault("ema", min(COSINE_EMA, 1 - 20 / (chosen["epochs"] * chosen["steps"] + 20)))
    return Settings(**chosen)


def config_from(request: TrainRequest, items: Sequence[dataset.Annotated], init: Model | None) -> tuple[str, Any]:
    """Return the method's name and its complete configuration; a model to fine-tune brings its own.

    The images decide between the method for planes and the one for volumes.
    """
    channels, ndim = len(items[0].image), items[0].ndim
    name = methods.variant(request.method, ndim)
    given = volumes.asked(request) if ndim == 3 else _asked(request)
    if init is None:
        keys = volumes.config_keys(request, items) if ndim == 3 else {"grid": (2, 2), **given}
        return name, methods.get(name).config(**{**keys, "n_channel_in": channels})
    if init.method != name:
        raise BadInput(
            f"{init.name} is a model of {init.method}, the images need one of {name}. Start from a model for "
            f"{'stacks' if ndim == 3 else 'planes'}, or from scratch."
        )
    config = methods.get(name).config(**init.config)
    changed = [key for key, value in given.items() if getattr(config, key) != value]
    if changed:
        raise BadInput(f"{', '.join(changed)} cannot differ from the model to start from, {init.name}. Leave them out.")
    if config.n_classes:
        raise BadInput(f"{init.name} predicts classes of objects, which cannot be trained here. Start from another.")
    if init.channels != channels:
        raise BadInput(f"{init.name} takes {init.channels} channel(s), the images have {channels}. Set channel.")
    return name, config


def _asked(request: TrainRequest) -> dict[str, Any]:
    """Return the keys of a configuration for planes that a request sets."""
    only_3d = [key for key in ("patch_z", "backbone", "anisotropy") if getattr(request, key) not in (None, "unet")]
    if only_3d:
        raise BadInput(f"{', '.join(only_3d)}: only for 3D models, and the images are planes. Leave it out.")
    asked = {
        "n_rays": request.n_rays,
        "grid": (request.grid, request.grid) if request.grid else None,
        "unet_n_depth": request.depth,
        "unet_n_filter_base": request.filters,
        "net_conv_after_unet": request.head,
    }
    return {key: value for key, value in asked.items() if value is not None}


def train(request: TrainRequest, host: Host) -> TrainReply:
    """Train a model and put it into the user's model folder.

    Parameters
    ----------
    request : TrainRequest
        Data, method, settings and the new model's name.
    host : Host
        Progress, warnings, ``epoch`` and ``preview`` events, cancelling, early end.

    Raises
    ------
    BadInput
        Name taken, data that cannot be used, another training of that name running.
    Cancelled
        Stopped by the user; ``resume=True`` goes on after the last complete epoch, and the message says so.
    """
    folder = model_folder.check_name(request.name)
    host = distributed.host_of(host)
    device = devices.choose(request.device)
    items = load_items(request)
    parts = dataset.split(items, request.validation, request.seed)
    init = model_folder.load(request.init) if request.init else None
    method, config = config_from(request, items, init)
    settings = settings_from(request, volumes.patch_keys(request, items, config) if items[0].ndim == 3 else None)
    check_patch(settings, config)
    warnings = warn_about(items, parts, settings, host)
    work = folder.with_name(folder.name + ".training")
    plan = plan_of(method, request, settings, config, parts)
    try:
        with distributed.together(device, settings.batch, _batch_norm(config)) as device:
            with training_folder(work, plan, request.resume):
                trainer = _trainer(method, request, config, settings, device, init, work)
                early = loop.fit(trainer, parts, methods.get(method), config, settings, work, host)
                model = _finished(request, plan, parts, work, device, host, early)
            distributed.wait()
    except Cancelled as stopped:
        raise Cancelled(_what_is_kept(work, settings.epochs)) from stopped
    if distributed.is_first():
        shutil.rmtree(work, ignore_errors=True)
    model = model or model_folder.load(request.name)
    report = {"validation_scores": model.training["validation_scores"]}
    losses = folder / loop.LOSSES
    advice = advise(loop.read_losses(losses))
    return TrainReply(folder, model.name, model.thresholds, trainer.best_epoch, losses, report, warnings, early, advice)


def _batch_norm(config: Any) -> bool:
    """Tell whether a network normalises over the batch."""
    return any(value is True for key, value in config.model_dump().items() if key.endswith("batch_norm"))


def _finished(
    request: TrainRequest,
    plan: dict[str, Any],
    parts: tuple[Sequence[dataset.Annotated], Sequence[dataset.Annotated]],
    work: Path,
    device: torch.device,
    host: Host,
    early: loop.Early | None,
) -> Model | None:
    """Make and write the model; of several processes the first does."""
    if not distributed.is_first():
        return None
    model, net = make_model(request, plan, parts, work, device, host, early)
    write_model(model_folder.check_name(request.name), model, net, work)
    return model


def _what_is_kept(work: Path, epochs: int) -> str:
    """Return what a user who cancelled should know; a folder with nothing to resume is removed."""
    if not (work / loop.CHECKPOINT).is_file():
        shutil.rmtree(work, ignore_errors=True)
        return "Training stopped before its first epoch was complete; nothing is kept."
    done = len(loop.read_losses(work / loop.LOSSES))
    return (
        f"Training stopped; {done} of {epochs} epochs are done and kept. To go on after them, train again with the "
        'same settings and "Go on with an interrupted training of this name" (resume=true). '
        f"To forget them, delete the folder {work}."
    )


def load_items(request: TrainRequest) -> list[dataset.Annotated]:
    """Read the annotated images of a request."""
    masks = Path(request.targets) if request.targets else None
    rois = Path(request.rois) if request.rois else None
    return dataset.load(Path(request.images), masks, rois, request.channel, request.ndim)


def check_patch(settings: Settings, config: Any) -> None:
    """Raise `BadInput` when the patch does not fit the network's poolings; the message names sizes that do."""
    sides = {"patch": (settings.patch, max(config.multiple[-2:]))}
    if settings.patch_z is not None:
        sides["patch_z"] = (settings.patch_z, config.multiple[0])
    for key, (side, step) in sides.items():
        if side % step:
            lower, upper = side // step * step, -(-side // step) * step
            good = f"{upper}" if lower == 0 else f"{lower} or {upper}"
            raise BadInput(f"{key}={side} is no multiple of {step}, which this network needs. Take {good}.")


def warn_about(
    items: Sequence[dataset.Annotated], parts: tuple[Sequence[Any], Sequence[Any]], settings: Settings, host: Host
) -> list[str]:
    """Return (and show) warnings about the training data."""
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
    warnings += [f"{item.name}: {note}" for item in items for note in item.notes]
    for text in warnings:
        host.warn(text)
    return warnings


def plan_of(
    method: str, request: TrainRequest, settings: Settings, config: Any, parts: tuple[Sequence[Any], Sequence[Any]]
) -> Any:
    """Return what defines a training; a resumed one has to agree with it."""
    return {
        "method": method,
        "config": config.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
        "init": request.init,
        "training_images": {item.name: list(item.hashes) for item in parts[0]},
        "validation_images": {item.name: list(item.hashes) for item in parts[1]},
    }


def _trainer(
    method: str,
    request: TrainRequest,
    config: Any,
    settings: Settings,
    device: torch.device,
    init: Model | None,
    work: Path,
) -> loop.Trainer:
    weights = init.network().state_dict() if init else None
    trainer = loop.start(methods.get(method), config, settings, device, weights)
    if request.resume:
        loop.restore(trainer, work)
    elif distributed.is_first():
        (work / loop.LOSSES).unlink(missing_ok=True)
    distributed.wait()
    return trainer
