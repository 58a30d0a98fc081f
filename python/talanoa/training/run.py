"""Train a model from a folder of annotated images: checks, split, training, thresholds, model folder.

While it runs, the training lives in ``<name>.training`` beside the models; the model folder appears whole at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from talanoa.core import cost, devices
from talanoa.core.errors import Cancelled
from talanoa.core.files import file_sha256
from talanoa.core.host import Host, PassingOn
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.training import distributed, loop, table, transfer
from talanoa.training.advice import advise
from talanoa.training.checkpoint_folder import training_folder, working_folder
from talanoa.training.cost import of_training
from talanoa.training.finish import write_model
from talanoa.training.prepare import prepare
from talanoa.training.recipe import Ended, Ready, Recipe
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Early, Settings
from talanoa.training.start import start

if TYPE_CHECKING:
    from talanoa.rois.given import Given


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
    summary : str
        What came out, and how it is used.
    """

    model_folder: Path
    name: str
    thresholds: dict[str, float]
    best_epoch: int
    losses: Path
    report: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    early: Early | None = None
    advice: list[str] = field(default_factory=list)
    summary: str = ""


def train(request: TrainRequest, recipe: Recipe, host: Host, given: Given | None = None) -> TrainReply:
    """Train a model and put it into the user's model folder.

    Parameters
    ----------
    request : TrainRequest
        Data, method, settings and the new model's name.
    recipe : Recipe
        Of its method.
    host : Host
        Progress, warnings, ``epoch`` and ``preview`` events, cancelling, early end.
    given : Given, optional
        The open image with its selection, for a method that trains on one.

    Raises
    ------
    BadInput
        Name taken, data that cannot be used, another training of that name running.
    Cancelled
        Stopped by the user; ``resume=True`` goes on after the last complete epoch, and the message says so.
    """
    host = distributed.host_of(host)
    meter = cost.Meter(devices.resolve(request.device))
    ready = prepare(request, recipe, host, given)
    for text in ready.warnings:
        host.warn(text)
    request, settings, config, parts = ready.request, ready.settings, ready.config, ready.parts
    folder, method, device = ready.folder, ready.method, ready.device
    work = working_folder(folder)
    plan = plan_of(ready)
    try:
        with distributed.together(device, settings.batch, _batch_norm(config)) as device:
            with training_folder(work, plan, request.resume, host):
                trainer = _trainer(ready, device, work)
                watched = _Laps(host, meter)
                early = loop.fit(trainer, parts, recipe.feed, methods.get(method), config, settings, work, watched)
                model = _finished(recipe, Ended(request, plan, parts, work, device, early), host, meter)
            distributed.wait()
    except Cancelled as stopped:
        raise Cancelled(_what_is_kept(work, settings.epochs)) from stopped
    if distributed.is_first():
        shutil.rmtree(work, ignore_errors=True)
    model = model or model_folder.load(request.name)
    report = {"validation_scores": model.training["validation_scores"]}
    losses = folder / loop.LOSSES
    advice = advise(table.read_losses(losses), recipe.judged_by)
    told = recipe.summary(model, trainer.best_epoch)
    if "transfer" in model.training:
        told += " " + transfer.told(model.training["transfer"])
    best = trainer.best_epoch
    return TrainReply(folder, model.name, model.thresholds, best, losses, report, ready.warnings, early, advice, told)


class _Laps(PassingOn):
    """A host that lets the counters of energy be read after each epoch: they go round.

    Parameters
    ----------
    host : Host
        Of the training.
    meter : Meter
        That counts.
    """

    def __init__(self, host: Host, meter: cost.Meter) -> None:
        super().__init__(host)
        self._meter = meter

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Read the counters, and pass on."""
        self._meter.lap()
        super().event(kind, payload)


def _batch_norm(config: Any) -> bool:
    """Tell whether a network normalises over the batch."""
    keys = [key for key in config.model_dump() if key.endswith("batch_norm")]
    return any(getattr(config, key, False) is True for key in ("batch_norm", *keys))


def _finished(recipe: Recipe, ended: Ended, host: Host, meter: cost.Meter) -> Model | None:
    """Make and write the model; of several processes the first does."""
    if not distributed.is_first():
        return None
    before = meter.seconds
    model, net = recipe.finish(ended, host)
    end = meter.seconds - before
    model.training["cost"] = of_training(meter, table.read_losses(ended.work / loop.LOSSES), end, ended.request)
    write_model(model_folder.check_name(ended.request.name), model, net, ended.work, recipe.report)
    return model


def _what_is_kept(work: Path, epochs: int) -> str:
    """Return what a user who cancelled should know; a folder with nothing to resume is removed."""
    if not (work / loop.CHECKPOINT).is_file():
        shutil.rmtree(work, ignore_errors=True)
        return "Training stopped before its first epoch was complete; nothing is kept."
    done = loop.read_state(work)["epoch"]
    return (
        f"Training stopped; {done} of {epochs} epochs are done and kept. To go on after them, train again with the "
        'same settings and "Go on with an interrupted training of this name" (resume=true). '
        f"To forget them, delete the folder {work}."
    )


def plan_of(ready: Ready) -> dict[str, Any]:
    """Return what defines a training; a resumed one has to agree with it."""
    hashes = ready.recipe.feed.hashes
    plan = {
        **ready.extra,
        "method": ready.method,
        "config": ready.config.model_dump(mode="json"),
        "settings": ready.settings.model_dump(mode="json"),
        "init": ready.request.init,
        "training_images": hashes(ready.parts[0]),
        "validation_images": hashes(ready.parts[1]),
    }
    if ready.normalization is not None:
        plan["normalization"] = ready.normalization
    if given := weights_of(ready.settings):
        plan["weights"] = given
    if (taken := transfer.record_of(ready)) is not None:
        plan["transfer"] = taken
    return {**plan, "classes": list(ready.classes)} if ready.classes else plan


def weights_of(settings: Settings) -> dict[str, str]:
    """Return the SHA-256 of the files of weights that a training starts from or looks through, by their keys.

    A file that is not there is left out: the network that wants it says so.
    """
    keys = ("encoder_weights", "backbone_weights")
    given = {key: Path(file) for key in keys if (file := getattr(settings, key)) is not None}
    return {key: file_sha256(file) for key, file in given.items() if file.is_file()}


def _trainer(ready: Ready, device: torch.device, work: Path) -> loop.Trainer:
    trainer = start(ready, device)
    if ready.request.resume:
        loop.restore(trainer, work)
    elif distributed.is_first():
        (work / loop.LOSSES).unlink(missing_ok=True)
    distributed.wait()
    return trainer
