"""The stains that a labelling model predicts from transmitted light, also where the light is magnified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa.core.request import parse
from talanoa.labelling.models import Models
from talanoa.labelling.predict import predict_stains
from talanoa.labelling.record import LabellingRecord, Stain, record_of
from talanoa.labelling.request import PredictRequest

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.evaluation.candidates import Candidate
    from talanoa.evaluation.request import EvaluateRequest
    from talanoa.models.folder import Model


@dataclass(frozen=True)
class Contender:
    """What is judged: a candidate, and the factor by which its model sees the images enlarged."""

    candidate: Candidate
    factor: float = 1.0

    @property
    def name(self) -> str:
        """How the report calls it."""
        return self.candidate.name if self.factor == 1 else f"{self.candidate.name} at {self.factor:g}x"

    @property
    def record(self) -> LabellingRecord | None:
        """Inputs and stains of a model."""
        model = self.candidate.model
        return record_of(model.labelling or {}) if model is not None else None


def predict(
    model: Model, light: xr.DataArray, stains: Sequence[str], factor: float, request: EvaluateRequest, host: Host
) -> NDArray[np.float32]:
    """Return what a model predicts, as the task `predict` does, without its calibration: float32 (t, stains, y, x).

    Parameters
    ----------
    light : DataArray (t, c, z, y, x)
        Transmitted light.
    stains : sequence of str
        Which ones, in this order.
    factor : float
        The network sees the image enlarged by it; what it predicts is brought back to the image's own size.

    Raises
    ------
    BadInput
        Other planes or channels than the model takes.
    """
    keys = {"channel": request.channel, "device": request.device, "backend": request.backend, "scale": factor}
    asked = parse(PredictRequest, {"model": str(model.folder or model.name), "stains": list(stains), **keys}).request
    made = predict_stains(light, Models((model,)), asked, host).image
    known = {stain.name: stain for stain in record_of(model.labelling or {}).stains}
    return np.stack([uncalibrated(known[stain], made.values[:, k, 0]) for k, stain in enumerate(stains)], axis=1)


def line_of(stain: Stain) -> tuple[float, float]:
    """Return gain and offset from intensities before the model's calibration to those after it."""
    span = stain.high - stain.low
    return stain.gain, stain.offset * span + stain.low - stain.gain * stain.low


def uncalibrated(stain: Stain, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return predicted intensities as they were before the model's calibration; a mask as it is."""
    gain, offset = line_of(stain)
    if stain.mask or gain == 0:
        return predicted
    return np.asarray((predicted.astype(np.float64) - offset) / gain, np.float32)
