"""Images to learn a restoration from: read, normalised, cut in two where there is only one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.host import Host
from talanoa.image.ops import anisotropy, normalize
from talanoa.restoration.train import pairs, presets, read
from talanoa.restoration.train.pairs import Pair
from talanoa.restoration.train.read import Recording
from talanoa.training.recipe import Loaded
from talanoa.training.request import TrainRequest

if TYPE_CHECKING:
    from talanoa.rois.given import Given


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
        See `talanoa.restoration.train.read.read`; a file with one exposure only.
    """
    found = read.read(request, host, given)
    normalization = _normalization(request, found)
    slices = max(each.image.shape[2] for each in found) if request.projection else 1
    items = [item for each in found for item in items_of(request, each, normalization, slices)]
    if len(items) == 1:
        items = pairs.cut_in_two(items[0], request.validation, presets.patch_of(request))
    return Loaded(items, (), normalization)


def _normalization(request: TrainRequest, found: Sequence[Recording]) -> dict[str, Any]:
    """Return how intensities are normalised: percentiles of each image, or the mean and deviation of all of them."""
    if request.method == "n2v":
        return normalize.zscore_of(each.image for each in found)
    return {"kind": "percentile", "low": request.norm_low, "high": request.norm_high}


def axial_keys(request: TrainRequest, item: Pair) -> dict[str, float]:
    """Return the keys of a configuration that say how a stack is along z; empty for other methods."""
    if item.anisotropy is None:
        return {}
    sigma = item.anisotropy / 2 if request.axial_sigma is None else request.axial_sigma
    return {"anisotropy": item.anisotropy, "axial_sigma": sigma}


def items_of(request: TrainRequest, recording: Recording, normalization: dict[str, Any], slices: int = 1) -> list[Pair]:
    """Return the frames of a file as pairs, or its frames as exposures of one place.

    Parameters
    ----------
    request : TrainRequest
    recording : Recording
    normalization : dict
        See `talanoa.image.ops.normalize.fit`.
    slices : int
        Of stacks that become planes: as many as the deepest has. Others are mirrored to as many.
    """
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
    if request.isotropic:
        return _seen_from_the_side(request, recording, image, common)
    if request.projection:
        depth = max(0, slices - image.shape[2])
        image = np.pad(image, ((0, 0), (0, 0), (0, depth), (0, 0), (0, 0)), mode="symmetric")
        common["slices"] = image.shape[2]
        image = image.swapaxes(1, 2).reshape(-1, count, *image.shape[3:])
        target = None if target is None else target[:, :, 0]
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


def _seen_from_the_side(
    request: TrainRequest, recording: Recording, planes: NDArray[np.float32], common: dict[str, Any]
) -> list[Pair]:
    """Return the planes (c, n, y, x) of a stack as pairs: made as bad along y as the stack is along z, and as they are.

    Every second one is turned by 90 degrees before, so that both its sides are learned from.
    """
    assert recording.anisotropy is not None
    sigma = recording.anisotropy / 2 if request.axial_sigma is None else request.axial_sigma
    found = []
    for k in range(planes.shape[1]):
        plane = planes[:, k] if k % 2 == 0 else planes[:, k].swapaxes(1, 2)
        made, truth = anisotropy.degraded(plane, recording.anisotropy, sigma, np.random.default_rng((request.seed, k)))
        allowed = common["allowed"]
        if allowed is not None:
            allowed = np.ascontiguousarray((allowed if k % 2 == 0 else allowed.T)[: made.shape[1]])
        notes = recording.notes if k == 0 else ()
        more = {**common, "allowed": allowed, "anisotropy": recording.anisotropy, "source": recording.name}
        found.append(Pair(f"{recording.name} {k + 1:04d}", made, np.ascontiguousarray(truth), notes=notes, **more))
    return found


def _normalised(values: NDArray, normalization: dict[str, Any]) -> NDArray[np.float32]:
    """Return (channels, frames, [z], y, x) normalised, with levels that all frames share."""
    return normalize.fit(values, normalization).apply(values)


def _allowed(recording: Recording, image: NDArray) -> NDArray[np.bool_] | None:
    """Return where patches have their middle, of the size of a frame."""
    if recording.selection is None:
        return None
    shape = image.shape[-2:] if recording.anisotropy is not None else image.shape[2:]
    return np.ascontiguousarray(np.broadcast_to(recording.selection, shape))
