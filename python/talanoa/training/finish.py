"""The end of a training: its network, its record and its model, whatever the method."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talanoa.core.files import write_aside
from talanoa.core.record import versions
from talanoa.core.request import folders
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.training import loop, table
from talanoa.training.recipe import Ended
from talanoa.training.request import TrainRequest


def best_network(ended: Ended) -> tuple[torch.nn.Module, Any]:
    """Return the network with the weights of the best epoch, and its configuration."""
    method = methods.get(ended.plan["method"])
    config = method.config(**ended.plan["config"])
    net = method.build(config)
    net.load_state_dict(torch.load(ended.work / loop.BEST, map_location="cpu", weights_only=True))
    return net, config


def model_of(ended: Ended, chosen: dict[str, float], record: dict[str, Any]) -> Model:
    """Return the model of any method.

    Parameters
    ----------
    ended : Ended
        The training images' calibration becomes the model's.
    chosen : dict
        Decision thresholds, if there are any.
    record : dict
        How it came about.
    """
    request, plan, trained = ended.request, ended.plan, ended.parts[0]
    if ended.early is not None:
        record["stopped_early"] = asdict(ended.early)
    sizes = [item.pixel_size for item in trained if item.pixel_size is not None]
    depths = [item.pixel_depth for item in trained if item.pixel_depth is not None]
    own = {"normalization": plan["normalization"]} if "normalization" in plan else {}
    return Model(
        request.name,
        plan["method"],
        plan["config"],
        chosen,
        pixel_size=statistics.median(sizes) if sizes else None,
        unit=trained[0].unit if sizes else "pixel",
        description=request.description or f"trained on {len(trained)} images from {_where(request)}",
        licence=request.licence,
        training=record,
        pixel_depth=statistics.median(depths) if depths else None,
        **own,
    )


def _where(request: TrainRequest) -> str:
    """Return the folders of images."""
    if request.images is None:
        return "ImageJ or Python"
    return " and ".join(folder.as_posix() for folder in folders(request.images))


def common_record(ended: Ended) -> dict[str, Any]:
    """Return how a model of any method came about, as plain data."""
    losses = table.read_losses(ended.work / loop.LOSSES)
    return {
        **ended.plan,
        "request": ended.request.model_dump(mode="json"),
        "seconds": round(sum(row["seconds"] for row in losses), 1),
        "epochs_run": len(losses),
        "device": str(ended.device),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "versions": versions(),
    }


def training_record(ended: Ended) -> dict[str, Any]:
    """Return how a model of objects came about, as plain data."""
    return {
        **common_record(ended),
        # where the median lies between black and white: low for fluorescence, so that bright-field images are noticed
        "background_level": round(statistics.median(float(np.median(item.image)) for item in ended.parts[0]), 3),
    }


def write_model(
    folder: Path,
    model: Model,
    net: torch.nn.Module,
    work: Path,
    report: Callable[[Path, Model, Sequence[dict[str, float]], Path], None],
) -> None:
    """Write the model folder with its losses and report, whole or not at all."""
    model = model_folder.portable(model)  # the report is passed on with the record
    with write_aside(folder) as aside:
        aside.mkdir()
        model_folder.write_files(aside, model, net.state_dict())
        shutil.copyfile(work / loop.LOSSES, aside / loop.LOSSES)
        report(aside, model, table.read_losses(work / loop.LOSSES), work)
