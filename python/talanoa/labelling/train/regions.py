"""One image only: a part of it is trained on, another one validated on, with a gap that the network sees across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput
from talanoa.labelling.data.field import TRAINING, VALIDATION
from talanoa.labelling.train import presets
from talanoa.labelling.train.read import Seen

if TYPE_CHECKING:
    from talanoa.training.request import TrainRequest

LEAST = 64  # pixels of a part


def cut_apart(request: TrainRequest, found: Sequence[Seen]) -> list[tuple[Seen, str]]:
    """Return the parts of an image (of all its frames) for training and validation, and their roles.

    The longer side is cut. Between the parts as many pixels are left out as the network looks around a place, so that
    nothing of what is validated on was seen.

    Raises
    ------
    BadInput
        The image is too small for both parts and the gap.
    """
    shape = found[0].light.shape[1:]
    axis = int(shape[1] >= shape[0])
    side, gap = shape[axis], max(presets.config_of(request, len(found[0].light), len(found[0].stains)).halo)
    kept = max(round(request.validation * side), LEAST)
    if side - gap - kept < LEAST:
        raise BadInput(
            f"{found[0].name} is {shape[1]} x {shape[0]} pixels; expected at least {2 * LEAST + gap} along one side: "
            f"parts of {LEAST} to train and to validate on, and a gap of {gap} that the network looks across. Take a "
            "larger or a second image, or a network of smaller depth."
        )
    places = {TRAINING: slice(0, side - gap - kept), VALIDATION: slice(side - kept, side)}
    return [(_part(each, place, axis, role), role) for role, place in places.items() for each in found]


def _part(each: Seen, place: slice, axis: int, role: str) -> Seen:
    """Return a part of a field as one of its own."""
    where = (slice(None), *(place if k == axis else slice(None) for k in range(2)))
    stains = {stain: values[where] for stain, values in each.stains.items()}
    return replace(each, name=f"{each.name} ({role} part)", light=each.light[where], stains=stains)
