"""What looks wrong with an image in transmitted light before stains are predicted from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from talanoa.core.errors import BadInput
from talanoa.image.form import DIMS
from talanoa.image.ops import noise_checks
from talanoa.image.ops.normalize import is_fixed
from talanoa.labelling.inputs import Input
from talanoa.models.checks import MICRONS
from talanoa.models.folder import Model
from talanoa.models.runtime.source import Measured, Source, spread_evenly
from talanoa.restoration.checks import LOOKED_AT, far, pixel_size

if TYPE_CHECKING:
    from talanoa.labelling.models import Member
    from talanoa.labelling.request import PredictRequest

OTHER = 0.25  # of the normalised range, between the medians of the image and of the training images
_STRETCHED = ("minmax", "percentile")  # kinds of normalisation after which intensities lie between 0 and 1


def check_not_blank(measured: Measured, inputs: Sequence[Input], model: Model) -> None:
    """Raise `BadInput` when a plane of the transmitted light has one intensity (nearly) everywhere."""
    for number, (channel, plane) in enumerate(inputs):
        values = measured.values[number]
        if values.min() < values.max() and number not in measured.levels.constant:
            continue
        raise BadInput(
            f"Channel {channel + 1}, plane {plane + 1}: the image is blank, {np.median(values):g} (nearly) everywhere; "
            f"expected transmitted light, from which model {model.name} can tell something. Check lamp and shutter, or "
            "choose another channel or plane."
        )


def scale_of(form: xr.DataArray, model: Model, asked: float | str | None) -> float:
    """Return by how much an image is made larger for a model.

    Parameters
    ----------
    form : DataArray
        ``attrs`` hold ``pixel_size`` and ``unit``.
    model : Model
        Its ``pixel_size`` and ``unit``.
    asked : float, "auto" or None
        A factor; "auto": to the pixel size of the training; None: 1.

    Raises
    ------
    BadInput
        "auto" without both pixel sizes, or with a factor beyond 0.1 to 10.
    """
    if asked != "auto":
        return float(asked or 1.0)
    unit, width = str(form.attrs.get("unit", "pixel")), float(form.attrs["pixel_size"][2])
    if unit not in MICRONS or model.unit not in MICRONS or not model.pixel_size:
        whose = f"model {model.name}" if unit in MICRONS else "the image"
        raise BadInput(
            f"scale=auto: {whose} has no pixel size in a unit of length; expected one such as 0.65 µm. Set it (in "
            "ImageJ: Image > Properties), or give scale as a number."
        )
    factor = width * MICRONS[unit] / (model.pixel_size * MICRONS[model.unit])
    if not 0.1 <= factor <= 10:
        raise BadInput(
            f"scale=auto: the pixels ({width:.3g} {unit}) are {factor:.3g} times those of the training images of model "
            f"{model.name} ({model.pixel_size:.3g} {model.unit}); expected 0.1 to 10 times. Check both pixel sizes."
        )
    return factor


def warnings_of(form: xr.DataArray, member: Member, source: Source, request: PredictRequest) -> list[str]:
    """Return what the user should know of an image, before its stains are predicted."""
    names = [f"Channel {channel + 1}, plane {plane + 1}" for channel, plane in member.view.inputs]
    found = [*_saturated(source), *_sampled(member.measured, source, request)]
    if is_fixed(member.model.normalization):
        found += far(member.measured, names)
    found += _other_brightness(member)
    if request.scale != "auto":
        found += [f"{text} Or scale=auto." for text in pixel_size(form, member.model, member.scale)]
    return found


def _saturated(source: Source) -> list[str]:
    """Return a warning where many pixels have the highest value."""
    frames = [source.frame(number) for number in spread_evenly(len(source.frames), LOOKED_AT)]
    found = noise_checks.find(xr.DataArray(np.stack(frames), dims=DIMS), structure=False)
    return [fault.text for fault in found if fault.kind == "saturated"]


def _sampled(measured: Measured, source: Source, request: PredictRequest) -> list[str]:
    """Say where the levels come from, when not all frames were looked at."""
    looked_at, count = len(measured.frames), len(source.frames)
    if looked_at == count:
        return []
    seen = f"The levels come from {looked_at} of {count} frames, spread evenly; they hold for all of them."
    return [f"{seen} sample=<number of frames> takes another number."]


def _other_brightness(member: Member) -> list[str]:
    """Return a warning where most of the image is much darker or brighter, within its range, than the training's."""
    known = member.model.training.get("background_level")
    if known is None or member.model.normalization.get("kind", "percentile") not in _STRETCHED:
        return []
    level = float(np.median(member.measured.levels.apply(member.measured.values)))
    if abs(level - float(known)) <= OTHER:
        return []
    how = "darker" if level < float(known) else "brighter"
    text = (
        f"Most of the image is much {how} within its range ({level:.2f}) than the training images of model "
        f"{member.model.name} ({float(known):.2f}): another kind of light, fluorescence, or a few very bright "
        "or dark spots. Check the channel, or clean the image."
    )
    return [text]
