"""Images to learn a restoration from: read, normalised, cut in two where there is only one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa import normalize
from talanoa.errors import BadInput
from talanoa.host import Host
from talanoa.requests import TrainRequest
from talanoa.training import pairs, pairs_read, restore_presets
from talanoa.training.pairs import Pair
from talanoa.training.pairs_read import Recording
from talanoa.training.recipe import Loaded

if TYPE_CHECKING:
    from talanoa.tasks.common import Given


def load(request: TrainRequest, host: Host, given: Given | None = None) -> Loaded:
    """Return the images of a request as pairs, each file normalised as a whole.

    Parameters
    ----------
    request : TrainRequest
        ``care``: ``images`` with ``targets``, or with ``channel`` and ``target_channel``; ``n2v``: ``images``, or the
        open image; ``n2n``: ``images`` with ``targets`` or ``target_channel``, or files whose frames are exposures.
    host : Host
        Progress and cancelling.
    given : Given, optional
        The open image and a selection of it.

    Raises
    ------
    BadInput
        See `pairs_read.read`; a file with one exposure only.
    """
    found = pairs_read.read(request, host, given)
    normalization = _normalization(request, found)
    items = [item for each in found for item in items_of(request, each, normalization)]
    if len(items) == 1:
        items = pairs.cut_in_two(items[0], request.validation, restore_presets.patch_of(request))
    return Loaded(items, (), normalization)


def _normalization(request: TrainRequest, found: Sequence[Recording]) -> dict[str, Any]:
    """Return how intensities are normalised: percentiles of each image, or the mean and deviation of all of them."""
    if request.method == "n2v":
        return normalize.zscore_of(each.image for each in found)
    return {"kind": "percentile", "low": request.norm_low, "high": request.norm_high}


def items_of(request: TrainRequest, recording: Recording, normalization: dict[str, Any]) -> list[Pair]:
    """Return the frames of a file as pairs, or its frames as exposures of one place."""
    image = _normalised(recording.image, normalization)
    target = None if recording.target is None else _normalised(recording.target, normalization)
    count = image.shape[1]
    notes = recording.notes
    common: dict[str, Any] = {
        "hashes": recording.hashes,
        "pixel_size": recording.pixel_size,
        "unit": recording.unit,
        "pixel_depth": recording.pixel_depth,
        "allowed": _allowed(recording, image),
    }
    if request.method == "n2n" and target is None:
        if count < 2:
            raise BadInput(
                f"{recording.name} has one exposure; expected two or more as frames, or a second folder as targets. "
                "For noisy images of which there is one each, train method=n2v."
            )
        exposures = [np.ascontiguousarray(image[:, k]) for k in range(count)]
        first, second, *others = exposures
        return [Pair(recording.name, first, second, tuple(others), True, notes=notes, **common)]
    names = [recording.name] if count == 1 else [f"{recording.name} {k + 1:04d}" for k in range(count)]
    alike = request.method == "n2n"
    return [
        Pair(
            name,
            image[:, k],
            None if target is None else target[:, k],
            alike=alike,
            notes=notes if k == 0 else (),
            source=recording.name,
            **common,
        )
        for k, name in enumerate(names)
    ]


def _normalised(values: NDArray, normalization: dict[str, Any]) -> NDArray[np.float32]:
    """Return (channels, frames, [z], y, x) normalised, with levels that all frames share."""
    return normalize.fit(values, normalization).apply(values)


def _allowed(recording: Recording, image: NDArray) -> NDArray[np.bool_] | None:
    """Return where patches have their middle, of the size of a frame."""
    if recording.selection is None:
        return None
    return np.ascontiguousarray(np.broadcast_to(recording.selection, image.shape[2:]))
