"""The end of a training: thresholds, scores on the validation images, and the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from talanoa.core.host import Host
from talanoa.measure.metrics.matching import Counts, match_images, match_objects
from talanoa.measure.metrics.overlap import overlaps
from talanoa.models.folder import Model
from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference
from talanoa.segmentation.train import thresholds
from talanoa.training.finish import best_network, model_of, training_record
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
