"""What looks wrong with an image before it is restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from talanoa.core.errors import BadInput
from talanoa.core.host import PassingOn, QuietHost
from talanoa.image.form import DIMS
from talanoa.image.ops import noise_checks
from talanoa.image.ops.normalize import is_fixed
from talanoa.models.checks import warn_pixel_size
from talanoa.models.folder import Model
from talanoa.models.runtime.source import Measured, Source, spread_evenly

FAR = 3.0  # standard deviations of the training images, or their factor, at which intensities are far from theirs
OTHER_DISTANCE = 0.15  # by which slices may lie farther apart or closer than in training
LOOKED_AT = 3  # frames whose noise is looked at
_STRUCTURE = {"rows": "horizontal", "columns": "vertical"}


def check_levels(measured: Measured, source: Source, normalization: Mapping[str, Any]) -> None:
    """Raise `BadInput` when the percentiles of a channel are one intensity, and its pixels are not."""
    for number in measured.levels.constant:
        values = measured.values[number]
        if values.min() == values.max():
            continue  # an empty channel comes back as it is
        low, high = normalization["low"], normalization["high"]
        raise BadInput(
            f"Channel {source.channels[number] + 1}: the percentiles {low:g} and {high:g} are both the intensity "
            f"{measured.levels.pairs[number][0]:g}, since nearly all pixels have it; expected two intensities. Set "
            f"norm_high=100 (or norm_low=0), or crop the image to where something is."
        )


def warnings_of(measured: Measured, source: Source, normalization: Mapping[str, Any], model: Model) -> list[str]:
    """Return what the user should know of an image, before it is restored."""
    found = [*_constant(measured, source), *_sampled(measured, source, normalization), *_noise(source, model)]
    if is_fixed(normalization):
        found += far(measured, [f"Channel {channel + 1}" for channel in source.channels])
    return [*found, *pixel_size(source.image.form, model)]


def far_from_trained(factor: float, trained: float) -> list[str]:
    """Return a warning where the slices lie in another distance, in pixel widths, than those of the training stacks."""
    if abs(factor / trained - 1) <= OTHER_DISTANCE:
        return []
    text = f"The slices are {factor:.3g} pixel widths apart, those of the model's training stacks {trained:.3g}"
    return [f"{text}: it restores another blur than this stack has. Train on stacks like this one."]


def _constant(measured: Measured, source: Source) -> list[str]:
    """Return a warning for each channel of one intensity."""
    return [
        f"Channel {channel + 1} has the same intensity everywhere ({values[0]:g}): nothing is there to be restored."
        for channel, values in zip(source.channels, measured.values, strict=True)
        if values.min() == values.max()
    ]


def _sampled(measured: Measured, source: Source, normalization: Mapping[str, Any]) -> list[str]:
    """Say where the percentiles come from, when not all frames were looked at."""
    looked_at, count = len(measured.frames), len(source.frames)
    if looked_at == count or is_fixed(normalization):
        return []
    seen = f"The percentiles come from {looked_at} of {count} frames, spread evenly; they hold for all of them."
    return [f"{seen} sample=<number of frames> takes another number."]


def _noise(source: Source, model: Model) -> list[str]:
    """Return what the noise of a few frames says: saturation, and for Noise2Void noise that it cannot remove."""
    frames = [source.frame(number) for number in spread_evenly(len(source.frames), LOOKED_AT)]
    look = xr.DataArray(np.stack(frames), dims=DIMS)
    kinds = {"saturated"}
    blind = model.method.startswith("n2v")
    if blind:
        kinds |= {"jpeg", "smoothed", "rows", "columns", "pattern"}
        kinds -= {kind for kind, axis in _STRUCTURE.items() if model.config.get("struct_axis") == axis}
    return [fault.text for fault in noise_checks.find(look, structure=blind) if fault.kind in kinds]


def far(measured: Measured, names: Sequence[str]) -> list[str]:
    """Return a warning for each channel whose intensities are far from those of the training images (z-scores)."""
    found = []
    levels = zip(names, measured.values, measured.levels.pairs, strict=True)
    for name, values, (mean, upper) in levels:
        std = upper - mean
        here, spread = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        if abs(here - mean) > FAR * std or not std / FAR <= spread <= std * FAR:
            found.append(
                f"{name}: the intensities (mean {here:.4g}, standard deviation {spread:.4g}) are far "
                f"from those of the model's training images ({mean:.4g}, {std:.4g}), which it takes for granted. "
                "Train on such images, or check camera settings and bit depth."
            )
    return found


def pixel_size(form: xr.DataArray, model: Model, scale: float | None = None) -> list[str]:
    """Return a warning when the pixels are far from those of the training images, times the scale asked for."""
    host = _Listening()
    warn_pixel_size(form, model, scale, None, host)
    return host.said


class _Listening(PassingOn):
    """A host that keeps warnings."""

    def __init__(self) -> None:
        super().__init__(QuietHost())
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)
