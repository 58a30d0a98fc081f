"""The end of a training: thresholds, scores on the validation images, and the model folder."""

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
from talanoa.core.host import Host
from talanoa.core.request import folders
from talanoa.measure.metrics.matching import Counts, match_images, match_objects
from talanoa.measure.metrics.overlap import overlaps
from talanoa.models import folder as model_folder
from talanoa.models import methods
from talanoa.models.folder import Model
from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference
from talanoa.segmentation.request import TrainRequest
from talanoa.segmentation.train import thresholds
from talanoa.training import loop
from talanoa.training.recipe import Ended

SCORED_IOU = (0.5, 0.6, 0.7, 0.8, 0.9)


def make_model(ended: Ended, host: Host) -> tuple[Model, torch.nn.Module]:
    """Choose thresholds for the best weights and score them on the validation images."""
    net, config = best_network(ended)
    found = thresholds.candidates_of(inference.prepared(net, ended.device), ended.parts[1], config, host)
    chosen = thresholds.optimize(found, host)
    record = training_record(ended)
    record["validation_scores"] = validation_scores(found, chosen)
    if config.n_classes:
        record["validation_classes"] = class_scores(found, chosen, ended.plan["classes"])
    return model_of(ended, chosen, record), net


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
    from talanoa.tasks.result import versions

    losses = loop.read_losses(ended.work / loop.LOSSES)
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
        report(aside, model, loop.read_losses(work / loop.LOSSES), work)


def validation_scores(found: thresholds.Found, chosen: dict[str, float]) -> dict[str, Any]:
    """Return F1, accuracy and panoptic quality of the validation images at several IoU thresholds."""
    pairs = (
        (item.labels, thresholds.labels_at(each, item.labels.shape, chosen["prob"], chosen["nms"]))
        for item, each in found
    )
    return {f"{iou:g}": scores_of(counts) for iou, counts in match_images(pairs, SCORED_IOU).items()}


def class_scores(found: thresholds.Found, chosen: dict[str, float], names: Sequence[str]) -> dict[str, Any]:
    """Return how often the class of a matched object (object IoU from 0.5) is right, where its class is known.

    Returns
    -------
    dict
        ``accuracy`` (None without such an object), ``names``, ``confusion``: rows are the true classes, columns the
        predicted ones, the first of which is "rather background".
    """
    confusion = np.zeros((len(names), len(names) + 1), np.int64)
    for item, each in found:
        kept = star_convex.decode(each.take(np.flatnonzero(each.probabilities > chosen["prob"])), chosen["nms"])
        if item.classes is None or not len(kept) or kept.classes is None:
            continue
        shared = overlaps(item.labels, star_convex.render(kept, item.labels.shape)[0])
        pairs = match_objects(shared, 0.5)
        true = item.classes[shared.true_ids[pairs.true]]
        predicted = kept.classes.argmax(axis=1)[shared.predicted_ids[pairs.predicted] - 1]
        np.add.at(confusion, (true[true > 0] - 1, predicted[true > 0]), 1)
    right, count = int(confusion[:, 1:].trace()), int(confusion.sum())
    accuracy = round(right / count, 4) if count else None
    return {"names": list(names), "accuracy": accuracy, "confusion": confusion.tolist()}


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
