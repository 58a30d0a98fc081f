"""The stains that a labelling model predicts from transmitted light, also where the light is magnified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa import backends, inference, methods, normalize, resample, tiles
from talanoa.errors import BadInput
from talanoa.host import stop_if_cancelled
from talanoa.labelling.record import LabellingRecord, Stain, record_of

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.host import Host
    from talanoa.judge.candidates import Candidate
    from talanoa.model_folder import Model
    from talanoa.requests_evaluate import EvaluateRequest


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
    model: Model, light: xr.DataArray, factor: float, request: EvaluateRequest, host: Host
) -> NDArray[np.float32]:
    """Return what a model predicts, in the network's units 0 to 1, float32 (t, stains, y, x).

    Parameters
    ----------
    light : DataArray (t, c, z, y, x)
        Transmitted light.
    factor : float
        The network sees the image enlarged by it; what it predicts is brought back to the image's own size.

    Raises
    ------
    BadInput
        Other planes or channels than the model takes.
    """
    planes = _planes(light, record_of(model.labelling or {}), model.name)
    config = methods.get(model.method).config(**model.config)
    runner = backends.for_model(model, request.device, request.backend).runner
    size = planes.shape[-2:]
    made = []
    for frame in planes:
        seen = frame if factor == 1 else resample.resize(frame, resample.sizes(size, (factor, factor)))
        levels = normalize.fit(seen, model.normalization)
        plan = tiles.plan(seen.shape[1:], inference.planned_parts(seen.shape[1:], config), config.halo, config.multiple)
        whole = np.empty((config.n_channel_out, *seen.shape[1:]), np.float32)
        for tile, (answer, *_) in inference.outputs(runner, levels.apply(seen), plan, config):
            stop_if_cancelled(host)
            core = tuple(slice(start, stop) for start, stop in tile.core)
            whole[(slice(None), *core)] = answer[(slice(None), *(slice(0, s.stop - s.start) for s in core))]
        made.append(whole if factor == 1 else resample.resize(whole, size))
    return np.stack(made)


def line_of(stain: Stain) -> tuple[float, float]:
    """Return gain and offset from intensities before the model's calibration to those after it."""
    span = stain.high - stain.low
    return stain.gain, stain.offset * span + stain.low - stain.gain * stain.low


def uncalibrated(stain: Stain, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a prediction (0..1) in intensities without the model's calibration; a mask as it is."""
    return predicted if stain.mask else predicted * np.float32(stain.high - stain.low) + np.float32(stain.low)


def _planes(light: xr.DataArray, record: LabellingRecord, model: str) -> NDArray[np.float32]:
    """Return what the network takes, (t, channels, y, x): the planes of each kind of light, one after the other."""
    channels, depth = light.sizes["c"], light.sizes["z"]
    wanted = max(each.stack for each in record.lights)
    if channels != len(record.lights) or depth != wanted:
        lights = ", ".join(each.name for each in record.lights)
        raise BadInput(
            f"{light.attrs['name']} has {channels} channel(s) of {depth} plane(s); expected {len(record.lights)} of "
            f"{wanted}: model {model} was trained on {lights} in {wanted} plane(s). Give such images, or another model."
        )
    parts = [light.values[:, number, [plane - 1 for plane in each.planes]] for number, each in enumerate(record.lights)]
    return np.concatenate(parts, axis=1).astype(np.float32)
