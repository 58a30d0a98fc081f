"""Scores of one image: of the prediction and of the noisy input beside the truth, and what can be said without it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talanoa.evaluation.restoration.cases import Item
from talanoa.evaluation.restoration.metrics import METRICS, SMALLEST_FRC, resolution
from talanoa.measure.metrics.disagreement import disagreement, share_above
from talanoa.measure.metrics.frc import frc_of_one
from talanoa.measure.metrics.residual import residual

Key = tuple[str, str]  # level ("prediction", "input", "residual", "disagreement"), metric
_GAINED = 3.0  # dB by the best gain and offset: then they are more than half of the squared error


@dataclass(frozen=True, eq=False)
class Measured:
    """The scores of one image.

    Parameters
    ----------
    name, file : str
        See `talanoa.evaluation.restoration.cases.Item`.
    values : dict of (level, metric) to float
        NaN where not defined; without truth there are no scores against it.
    structured : bool
        True where input - prediction holds structure beyond chance.
    """

    name: str
    file: str
    values: dict[Key, float]
    structured: bool = False

    def of(self, level: str, metric: str) -> float:
        """Return one score; NaN where there is none."""
        return self.values.get((level, metric), math.nan)


def measure(item: Item, number: int, spread: NDArray[np.float32] | None) -> Measured:
    """Measure what one candidate made of one image.

    Parameters
    ----------
    item : Item
    number : int
        Of the candidate, from 0.
    spread : ndarray or None
        Map of disagreement, for the first candidate.
    """
    prediction = item.predictions[number]
    values: dict[Key, float] = {}
    if item.truth is not None:
        values.update(beside_truth(item.truth, prediction, "prediction", item.pixel))
        if item.noisy is not None:
            values.update(beside_truth(item.truth, item.noisy, "input", item.pixel))
    values["prediction", "own_resolution"] = _own_resolution(prediction, item.pixel)
    structured = False
    if item.noisy is not None:
        values["input", "own_resolution"] = _own_resolution(item.noisy, item.pixel)
        left = residual(item.noisy, prediction)
        structured = left.structured
        values.update({("residual", key): getattr(left, key).correlation for key in ("rows", "columns", "detail")})
    if spread is not None:
        values["disagreement", "mean"] = float(spread.mean())
        values["disagreement", "share"] = share_above(spread)
    return Measured(item.name, item.file, values, structured)


def beside_truth(truth: NDArray, image: NDArray, level: str, pixel: float) -> dict[Key, float]:
    """Return every score of `METRICS` of an image beside the truth: NaN for a constant one, infinite PSNR if equal."""
    if truth.min() == truth.max():
        return {(level, metric.key): math.nan for metric in METRICS}
    return {(level, metric.key): metric.measure(truth, image, pixel) for metric in METRICS}


def spread_of(item: Item) -> NDArray[np.float32] | None:
    """Return the map of disagreement of the first candidate with the others, in units of the contrast; None without."""
    return disagreement([item.predictions[0], *item.others]) if item.others else None


def _own_resolution(image: NDArray, pixel: float) -> float:
    if min(image.shape[-2:]) < 2 * SMALLEST_FRC or image.min() == image.max():
        return math.nan
    return resolution(frc_of_one(image, pixel))


def other_units(values: Mapping[Key, float], level: str) -> bool:
    """Return True where gain and offset alone are most of the error of the prediction, or of the input."""
    fit, plain = (values.get((level, key), math.nan) for key in ("scale_invariant_psnr", "psnr"))
    return bool(fit - plain > _GAINED)
