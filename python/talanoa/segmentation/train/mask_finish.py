"""The end of a training of a segmentation: the cut, scores on the validation images, the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.measure.metrics.matching import match_images
from talanoa.measure.metrics.pixel import count_pixels
from talanoa.models.folder import Model
from talanoa.models.methods import mask_objects
from talanoa.models.runtime import whole
from talanoa.segmentation.train import annotated
from talanoa.segmentation.train.star_finish import SCORED_IOU, scores_of
from talanoa.training.finish import best_network, model_of, training_record
from talanoa.training.recipe import Ended

CUTS = tuple(round(0.05 * k, 2) for k in range(2, 19))  # 0.1 to 0.9
Found = Sequence[tuple[annotated.Annotated, NDArray[np.float32]]]


def make_model(ended: Ended, host: Host) -> tuple[Model, torch.nn.Module]:
    """Choose the cut for the best weights and score them on the validation images."""
    net, config = best_network(ended)
    found = probabilities_of(net.to(ended.device), ended.parts[1], config, host)
    chosen = {"prob": best_cut(found)}
    record = training_record(ended)
    pairs = [(item.labels, objects_at(prob, chosen["prob"], config)) for item, prob in found]
    counted = match_images(pairs, SCORED_IOU)
    record["validation_scores"] = {f"{iou:g}": scores_of(counts) for iou, counts in counted.items()}
    record["validation_pixels"] = pixel_scores(pairs)
    return model_of(ended, chosen, record), net


def probabilities_of(
    net: torch.nn.Module, items: Sequence[annotated.Annotated], config: Any, host: Host
) -> list[tuple[annotated.Annotated, NDArray[np.float32]]]:
    """Return each image with the network's answer to it, (y, x)."""
    found = []
    for number, item in enumerate(items):
        stop_if_cancelled(host)
        found.append((item, whole.predict(net, item.image, config, host)[0][0]))
        host.progress(number + 1, len(items), "Choosing the cut")
    return found


def best_cut(found: Found) -> float:
    """Return the cut with the best mean Jaccard index of the images, of equal ones the one nearest to 0.5."""
    scores = {cut: float(np.mean([count_pixels(item.labels, prob > cut).iou for item, prob in found])) for cut in CUTS}
    best = max(scores.values())
    return min((cut for cut in CUTS if scores[cut] >= best - 1e-9), key=lambda cut: abs(cut - 0.5))


def objects_at(probability: NDArray[np.float32], cut: float, config: Any) -> NDArray[np.int32]:
    """Return the label image at a cut."""
    return mask_objects.objects_of(probability, cut, config.smallest, config.fill_holes).labels


def pixel_scores(pairs: Sequence[tuple[NDArray, NDArray]]) -> dict[str, float]:
    """Return the mean pixel scores of images (true labels, labels); two empty masks agree: 1."""
    counts = [count_pixels(true, found) for true, found in pairs]
    return {
        "jaccard": round(float(np.mean([each.iou for each in counts])), 4),
        "dice": round(float(np.mean([each.dice for each in counts])), 4),
    }
