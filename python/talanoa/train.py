"""Train a model from a folder of annotated images: checks, split, training, thresholds, model folder.

While it runs, the training lives in ``<name>.training`` beside the models; the model folder appears whole at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talanoa import dataset, devices, inference, methods, model_folder, thresholds, train_loop
from talanoa.errors import BadInput
from talanoa.files import explain_write_error, write_aside
from talanoa.host import Host
from talanoa.metrics.matching import Counts, match_images
from talanoa.model_folder import Model
from talanoa.requests import TrainRequest
from talanoa.train_loop import Settings
from talanoa.train_report import write_report

PRESETS: dict[str, dict[str, Any]] = {
    # 2 CPU cores need about 0.7 s for a step of 4 patches of 256 pixels
    "quick": {"epochs": 12, "steps": 50, "lr": 6e-4, "schedule": "cosine"},
    "standard": {"epochs": 400, "steps": 100, "lr": 3e-4},
    "long": {"epochs": 2000, "steps": 100, "lr": 3e-4, "patience": 100},
}
COSINE_EMA = 0.999
SCORED_IOU = (0.5, 0.6, 0.7, 0.8, 0.9)
PLAN = "training.json"
LOCK = "lock"


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
    """

    model_folder: Path
    name: str
    thresholds: dict[str, float]
    best_epoch: int
    losses: Path
    report: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def settings_from(request: TrainRequest) -> Settings:
    """Return the complete settings: the preset, and what the request says over it."""
    chosen = dict(PRESETS[request.preset or "standard"])
    given = request.model_dump(include=set(Settings.model_fields), exclude_none=True, exclude_unset=True)
    chosen.update(given, seed=request.seed, mixed_precision=request.mixed_precision)
    if chosen.get("schedule") == "cosine":
        chosen.setdefault("ema", min(COSINE_EMA, 1 - 20 / (chosen["epochs"] * chosen["steps"] + 20)))
    return Settings(**chosen)


def config_from(request: TrainRequest, channels: int, init: Model | None) -> Any:
    """Return the method's complete configuration; a model to fine-tune brings its own."""
    asked = {
        "n_rays": request.n_rays,
        "grid": (request.grid, request.grid) if request.grid else None,
        "unet_n_depth": request.depth,
        "unet_n_filter_base": request.filters,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    if init is None:
        return methods.get(request.method).config(**{"grid": (2, 2), **given, "n_channel_in": channels})
    config = methods.get(init.method).config(**init.config)
    changed = [key for key, value in given.items() if getattr(config, key) != value]
    if changed:
        raise BadInput(f"{', '.join(changed)} cannot differ from the model to start from, {init.name}. Leave them out.")
    if init.channels != channels:
        raise BadInput(f"{init.name} takes {init.channels} channel(s), the images have {channels}. Set channel.")
    return config


def train(request: TrainRequest, host: Host) -> TrainReply:
    """Train a model and put it into the user's model folder.

    Parameters
    ----------
    request : TrainRequest
        Data, method, settings and the new model's name.
    host : Host
        Progress, warnings, ``epoch`` events, cancelling.

    Raises
    ------
    BadInput
        Name taken, data that cannot be used, another training of that name running.
    Cancelled
        Stopped by the user; ``resume=True`` goes on after the last complete epoch.
    """
    folder = model_folder.check_name(request.name)
    device = devices.choose(request.device)
    items = load_items(request)
    parts = dataset.split(items, request.validation, request.seed)
    init = model_folder.load(request.init) if request.init else None
    config = config_from(request, len(items[0].image), init)
    settings = settings_from(request)
    check_patch(settings, config)
    warnings = warn_about(items, parts, settings, host)
    work = folder.with_name(folder.name + ".training")
    plan = plan_of(request, settings, config, parts)
    with _training_folder(work, plan, request.resume):
        trainer = _trainer(request, config, settings, device, init, work)
        train_loop.fit(trainer, parts, methods.get(request.method), config, settings, work, host)
        reply = finish(request, work, folder, parts, config, plan, device, host)
    shutil.rmtree(work, ignore_errors=True)
    return TrainReply(**{**reply.__dict__, "best_epoch": trainer.best_epoch, "warnings": warnings})


def load_items(request: TrainRequest) -> list[dataset.Annotated]:
    """Read the annotated images of a request."""
    masks = Path(request.targets) if request.targets else None
    rois = Path(request.rois) if request.rois else None
    return dataset.load(Path(request.images), masks, rois, request.channel)


def check_patch(settings: Settings, config: Any) -> None:
    """Raise `BadInput` when the patch does not fit the network's poolings; the message names sizes that do."""
    step = max(config.multiple)
    if settings.patch % step:
        lower, upper = settings.patch // step * step, -(-settings.patch // step) * step
        good = f"{upper}" if lower == 0 else f"{lower} or {upper}"
        raise BadInput(f"patch={settings.patch} is no multiple of {step}, which this network needs. Take {good}.")


def warn_about(
    items: Sequence[dataset.Annotated], parts: tuple[Sequence[Any], Sequence[Any]], settings: Settings, host: Host
) -> list[str]:
    """Return (and show) warnings about the training data."""
    warnings = []
    empty = [item.name for item in items if not item.labels.any()]
    if empty:
        warnings.append(f"{len(empty)} of {len(items)} images have no object: {', '.join(empty[:5])}.")
    small = sum(min(item.labels.shape) < settings.patch for item in items)
    if small:
        warnings.append(
            f"{small} of {len(items)} images are smaller than a patch of {settings.patch} pixels; they are mirrored."
        )
    if len(items) < 5:
        warnings.append(
            f"Only {len(items)} images, {len(parts[1])} for validation: thresholds and scores rest on few objects."
        )
    for text in warnings:
        host.warn(text)
    return warnings


def plan_of(request: TrainRequest, settings: Settings, config: Any, parts: tuple[Sequence[Any], Sequence[Any]]) -> Any:
    """Return what defines a training; a resumed one has to agree with it."""
    return {
        "method": request.method,
        "config": config.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
        "init": request.init,
        "training_images": {item.name: list(item.hashes) for item in parts[0]},
        "validation_images": {item.name: list(item.hashes) for item in parts[1]},
    }


@contextmanager
def _training_folder(work: Path, plan: dict[str, Any], resume: bool) -> Iterator[None]:
    """Hold the training's own folder: one process at a time, one plan."""
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, work) from error
    with _lock(work):
        _check_plan(work, plan, resume)
        yield


@contextmanager
def _lock(work: Path) -> Iterator[None]:
    """Keep other processes out; a lock whose process is gone (crash, power cut) does not count."""
    import psutil

    lock = work / LOCK
    if lock.exists():
        owner = lock.read_text(encoding="utf-8").strip()
        if owner.isdigit() and int(owner) != os.getpid() and psutil.pid_exists(int(owner)):
            raise BadInput(
                f"Another training writes into {work} (process {owner}). Wait for it, stop it, or choose another name."
            )
        if owner == str(os.getpid()):
            raise BadInput(f"A training in this program writes into {work} already. Wait, or choose another name.")
        lock.unlink()
    with lock.open("x", encoding="utf-8") as stream:
        stream.write(str(os.getpid()))
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _check_plan(work: Path, plan: dict[str, Any], resume: bool) -> None:
    path = work / PLAN
    begun = (work / train_loop.CHECKPOINT).is_file()
    if begun and not resume:
        raise BadInput(
            f"An unfinished training is in {work}. Go on with it by resume=true, choose another name, "
            "or delete that folder."
        )
    if resume and not begun:
        raise BadInput(f"resume=true, but {work} holds no unfinished training. Start without resume.")
    if begun:
        stored = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(key for key in plan if stored.get(key) != json.loads(json.dumps(plan[key])))
        if differing:
            raise BadInput(
                f"The training in {work} was begun with other {', '.join(differing)}. Resume with the same request, "
                "or train under another name."
            )
    path.write_text(json.dumps(plan, indent=2), encoding="utf-8")


def _trainer(
    request: TrainRequest, config: Any, settings: Settings, device: torch.device, init: Model | None, work: Path
) -> train_loop.Trainer:
    weights = init.network().state_dict() if init else None
    trainer = train_loop.start(methods.get(request.method), config, settings, device, weights)
    if request.resume:
        train_loop.restore(trainer, work)
    else:
        (work / train_loop.LOSSES).unlink(missing_ok=True)
    return trainer


def finish(
    request: TrainRequest,
    work: Path,
    folder: Path,
    parts: tuple[Sequence[dataset.Annotated], Sequence[dataset.Annotated]],
    config: Any,
    plan: dict[str, Any],
    device: torch.device,
    host: Host,
) -> TrainReply:
    """Choose thresholds with the best weights, score the validation images, and write the model folder."""
    from talanoa.result import versions

    net = methods.get(request.method).build(config)
    net.load_state_dict(torch.load(work / train_loop.BEST, map_location="cpu", weights_only=True))
    found = thresholds.candidates_of(inference.prepared(net, device), parts[1], config, host)
    chosen = thresholds.optimize(found, host)
    scores = validation_scores(found, chosen)
    losses = train_loop.read_losses(work / train_loop.LOSSES)
    sizes = [item.pixel_size for item in parts[0] if item.pixel_size is not None]
    record = {
        **plan,
        "request": request.model_dump(mode="json"),
        "seconds": round(sum(row["seconds"] for row in losses), 1),
        "epochs_run": len(losses),
        "device": str(device),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "versions": versions(),
        "validation_scores": scores,
        # where the median lies between black and white: low for fluorescence, so that bright-field images are noticed
        "background_level": round(statistics.median(float(np.median(item.image)) for item in parts[0]), 3),
    }
    model = Model(
        request.name,
        request.method,
        config.model_dump(mode="json"),
        chosen,
        pixel_size=statistics.median(sizes) if sizes else None,
        unit=parts[0][0].unit if sizes else "pixel",
        description=request.description or f"trained on {len(parts[0])} images from {Path(request.images).as_posix()}",
        licence=request.licence,
        training=record,
    )
    with write_aside(folder) as aside:
        aside.mkdir()
        model_folder.write_files(aside, model, net.state_dict())
        shutil.copyfile(work / train_loop.LOSSES, aside / train_loop.LOSSES)
        write_report(aside, model, losses)
    return TrainReply(folder, request.name, chosen, 0, folder / train_loop.LOSSES, {"validation_scores": scores})


def validation_scores(found: thresholds.Found, chosen: dict[str, float]) -> dict[str, Any]:
    """Return F1, accuracy and panoptic quality of the validation images at several IoU thresholds."""
    pairs = (
        (item.labels, thresholds.labels_at(each, item.labels.shape, chosen["prob"], chosen["nms"]))
        for item, each in found
    )
    return {f"{iou:g}": scores_of(counts) for iou, counts in match_images(pairs, SCORED_IOU).items()}


def scores_of(counts: Counts) -> dict[str, float]:
    """Return the scores of summed counts as plain data."""
    return {
        "f1": round(counts.f1, 4),
        "accuracy": round(counts.accuracy, 4),
        "precision": round(counts.precision, 4),
        "recall": round(counts.recall, 4),
        "panoptic_quality": round(counts.panoptic_quality, 4),
        "true_positives": counts.true_positives,
        "false_positives": counts.false_positives,
        "false_negatives": counts.false_negatives,
    }
