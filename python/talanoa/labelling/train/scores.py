"""How good predicted stains are on the validation images, pixel by pixel; fields without a stain are counted apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.labelling.data import empty as emptiness
from talanoa.labelling.data.field import LabelField
from talanoa.labelling.record import Stain
from talanoa.measure.metrics.correlation import pearson
from talanoa.measure.metrics.fit import line_to
from talanoa.measure.metrics.pixel import count_pixels
from talanoa.measure.metrics.ssim import ssim
from talanoa.models.runtime.whole import predict

CUT = 0.5  # of a mask


@dataclass(frozen=True, eq=False)
class Predicted:
    """A field's stains as they are and as they were predicted, (stains, y, x), in the network's units."""

    name: str
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]


def predictions(net: torch.nn.Module, items: Sequence[LabelField], config: Any, host: Host) -> list[Predicted]:
    """Return the stains of fields as a network predicts them."""
    made = []
    for number, item in enumerate(items, start=1):
        stop_if_cancelled(host)
        made.append(Predicted(item.name, item.target, predict(net, item.image, config, host)[0]))
        host.progress(number, len(items), "Predicting the validation images")
    return made


def usual_contrasts(items: Sequence[LabelField]) -> list[float]:
    """Return the contrast that each stain has in a set of fields, by which empty ones are known."""
    return [emptiness.usual(each) for each in zip(*(item.contrasts for item in items), strict=True)]


def cut_of(truths: Sequence[NDArray[np.float32]], mask: bool) -> float:
    """Return the value from which a pixel counts as stained: 0.5 of a mask, else by Otsu of all fields together."""
    if mask:
        return CUT
    from skimage.filters import threshold_otsu

    values = np.concatenate([truth.ravel() for truth in truths])
    values = values[:: max(1, values.size // 1_000_000) | 1]
    return float(threshold_otsu(values)) if values.max() > values.min() else CUT


def scores_of(found: Sequence[Predicted], stains: Sequence[Stain], usual: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Return the scores of each stain.

    Parameters
    ----------
    found : sequence of Predicted
    stains : sequence of Stain
        In the order of the predictions.
    usual : sequence of float
        Contrast that each stain has in the set that the fields belong to, see `usual_contrasts`.

    Returns
    -------
    dict of str to dict
        For each stain: ``images`` with the stain in them and, of these, the means of ``pcc`` (Pearson's r of the
        pixels), ``ssim`` and ``mse`` after the calibration (range 0 to 1), ``jaccard`` (of all pixels above ``cut``,
        by Otsu of the truth); ``empty``, the images without, of which only ``empty_mse`` and ``empty_stained`` (share
        of pixels that are predicted to be stained) mean something. None where there are no images.
    """
    return {stain.name: _scores(found, number, stain, usual[number]) for number, stain in enumerate(stains)}


def _scores(found: Sequence[Predicted], number: int, stain: Stain, usual: float) -> dict[str, Any]:
    """Return the scores of one stain."""
    nothing = emptiness.is_empty([emptiness.contrast(each.truth[number]) for each in found], usual)
    full = [each for each, blank in zip(found, nothing, strict=True) if not blank]
    empty = [each for each, blank in zip(found, nothing, strict=True) if blank]
    cut = cut_of([each.truth[number] for each in full], stain.mask) if full else CUT
    rows: dict[str, list[float]] = {"pcc": [], "ssim": [], "mse": []}
    counts = None
    for each in full:
        truth, predicted = each.truth[number], _calibrated(each.predicted[number], stain)
        rows["pcc"].append(pearson(truth.ravel(), predicted.ravel()))
        rows["ssim"].append(ssim(truth, predicted, 1.0))
        rows["mse"].append(float(np.mean((truth - predicted) ** 2)))
        counted = count_pixels(truth > cut, predicted > cut)
        counts = counted if counts is None else counts + counted
    blank = [(each.truth[number], _calibrated(each.predicted[number], stain)) for each in empty]
    return {
        "images": len(full),
        **{key: _mean(values) for key, values in rows.items()},
        "jaccard": None if counts is None else round(counts.iou, 4),
        "cut": round(cut, 4),
        "empty": len(empty),
        "empty_mse": _mean([float(np.mean((truth - predicted) ** 2)) for truth, predicted in blank]),
        "empty_stained": _mean([float(np.mean(predicted > cut)) for _, predicted in blank]),
    }


def _mean(values: Sequence[float]) -> float | None:
    """Return the mean of what could be told, None where nothing could."""
    finite = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(finite)), 5) if finite else None


def _calibrated(predicted: NDArray[np.float32], stain: Stain) -> NDArray[np.float32]:
    """Return a prediction in the network's units after the calibration."""
    return predicted if stain.mask else predicted * np.float32(stain.gain) + np.float32(stain.offset)


def calibrated(found: Sequence[Predicted], stains: Sequence[Stain]) -> list[Stain]:
    """Return stains with the line that brings the predictions of all validation images closest to the truth.

    A network that learned nothing (gain 0) is left as it is: the line would only hide that.
    """
    made = []
    for number, stain in enumerate(stains):
        if stain.mask:
            made.append(stain)
            continue
        truth = np.concatenate([each.truth[number].ravel() for each in found])
        predicted = np.concatenate([each.predicted[number].ravel() for each in found])
        gain, offset = line_to(truth, predicted)
        made.append(stain.model_copy(update={"gain": gain, "offset": offset}) if gain > 0 else stain)
    return made
