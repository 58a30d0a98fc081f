"""Which image should be annotated next: the one that a model is least sure of (active learning)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa import image
from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.image import reading
from talanoa.image.ops.normalize import normalize
from talanoa.models import folder, methods
from talanoa.models.folder import Model
from talanoa.models.methods import star_convex
from talanoa.models.runtime import backends, inference, tiles, types

if TYPE_CHECKING:
    from talanoa.segmentation.dataset.form import Dataset
    from talanoa.segmentation.dataset.states import Entry

VIEWS = ((), (-1,), (-2,), (-2, -1))  # axes along which the image is mirrored
_LEAST = 1e-6


def rank(
    dataset: Dataset, entries: Sequence[Entry], model: str, device: str = "auto", host: Host | None = None
) -> dict[str, float]:
    """Return how unsure a model is of images of a dataset.

    Parameters
    ----------
    dataset : Dataset
        Where the images are.
    entries : sequence of Entry
        Those to look at.
    model : str
        Name or folder of a StarDist model.
    device : str
        "auto", "cpu", "cuda" or "mps".
    host : Host, optional
        Progress and cancelling.

    Returns
    -------
    dict of str to float
        For each name a number from 0 (sure) to 1, see `uncertainty`. Nothing is random in it.

    Raises
    ------
    BadInput
        Unknown model, images that do not fit it, device that is not there.
    Cancelled
        Stopped by the user.
    """
    host = host or QuietHost()
    found = folder.load(model)
    if methods.get(found.method).decode != "stars":
        raise BadInput(f"{model} is a model of {found.method}; expected one of stardist, whose answers can be ranked.")
    config = methods.get(found.method).config(**found.config)
    runner = backends.for_model(found, device).runner
    result: dict[str, float] = {}
    damaged: list[str] = []
    for number, entry in enumerate(entries):
        stop_if_cancelled(host)
        host.progress(number, len(entries), "Ranking images")
        try:
            pixels = read_for(found, dataset.image_path(entry.name))
        except Unfit:
            raise
        except BadInput as problem:  # a damaged file keeps its place, and the others are ranked
            damaged.append(f"{entry.name}: {problem}")
            continue
        result[entry.name] = uncertainty(runner, pixels, config, found.thresholds, host)
    host.progress(len(entries), len(entries), "Ranking images")
    if not result and damaged:
        raise BadInput(f"None of the {len(damaged)} images can be read. {damaged[0]}")
    for text in damaged:
        host.warn(f"Not ranked: {text}")
    return result


class Unfit(BadInput):
    """An image that can be read, and is not one for the model."""


def read_for(model: Model, path: Path) -> NDArray[np.float32]:
    """Return an image as a model sees it: (channels, y, x) or (channels, z, y, x), normalised."""
    with reading.images_of_a_dataset():
        picture = image.read(path)
    channel = (model.training.get("request") or {}).get("channel")
    values = np.asarray(picture.values[0])
    if channel is not None and channel <= len(values):
        values = values[channel - 1 : channel]
    n_t, n_c, n_z = picture.sizes["t"], len(values), values.shape[1]
    if n_t > 1 or n_c != model.channels or (n_z > 1) != (model.ndim == 3):
        raise Unfit(
            f"{path} has {counted(n_t, 'frame')}, {counted(n_c, 'channel')} and {counted(n_z, 'slice')}; model "
            f"{model.name} takes one frame, "
            f"{counted(model.channels, 'channel')} and {'several slices' if model.ndim == 3 else 'one slice'}. "
            "Choose another "
            "model, or add the planes of the image one by one."
        )
    low, high = model.normalization["low"], model.normalization["high"]
    normal = np.stack([normalize(each, low, high) for each in values]).astype(np.float32)
    return normal if model.ndim == 3 else normal[:, 0]


def uncertainty(
    net: types.Runner[types.Maps],
    image: NDArray[np.float32],
    config: Any,
    limits: dict[str, float],
    host: Host | None = None,
) -> float:
    """Return how unsure a star-convex network is of an image.

    Parameters
    ----------
    net : Runner
        The network.
    image : ndarray of float32, (channels, y, x) or (channels, z, y, x)
        Normalised.
    config : StarDistConfig or StarDist3DConfig
        Of the network.
    limits : dict
        Thresholds ``prob`` and ``nms`` of the model.
    host : Host, optional
        Cancelling.

    Returns
    -------
    float
        0 (sure) to 1: the mean of two parts.

    Notes
    -----
    The network sees the image as it is and mirrored along x, y, and both (test-time augmentation); its answers are
    mirrored back, to the same places. *Disagreement*: standard deviation over the four answers, divided by their mean,
    averaged over the places near objects (mean probability above half the threshold). *Doubt*: the objects found with
    half the threshold, each counted by how near its probability p lies to the threshold t, ``1 - |p - t| / (t / 2)``
    and never below 0; averaged over the objects. Where there is no object at all, doubt is half of the highest
    probability beside half the threshold.
    """
    host = host or QuietHost()
    answers = []
    for axes in VIEWS:
        stop_if_cancelled(host)
        answers.append(_answer(net, image, axes, config))
    prob = np.mean([each.prob for each in answers], axis=0)
    half = max(limits["prob"] / 2, _LEAST)
    near = prob > half
    if not near.any():
        return float(0.25 * min(1.0, float(prob.max(initial=0.0)) / half))
    spread = np.std([each.prob for each in answers], axis=0)[near] / prob[near]
    objects = star_convex.decode(star_convex.candidates(prob, answers[0].dist, half, config), limits["nms"])
    doubt = np.maximum(0.0, 1 - np.abs(objects.probabilities - limits["prob"]) / half)
    return float(0.5 * min(1.0, float(spread.mean())) + 0.5 * float(doubt.mean()))


def _answer(net: types.Runner[types.Maps], image: NDArray[np.float32], axes: Sequence[int], config: Any) -> types.Maps:
    """Return the network's answer to the mirrored image, mirrored back; distances are those of the mirrored one."""
    shape = [-(-size // step) for size, step in zip(image.shape[1:], config.grid, strict=True)]
    seen, back = image, [slice(None)] * len(shape)
    for axis in axes:
        step, size = config.grid[axis], image.shape[axis]
        ahead = (1 - size) % step  # pixels before the mirrored image, so that the grid meets the same pixels
        widths = [(0, 0)] * seen.ndim
        widths[axis] = (ahead, 0)
        seen = np.pad(np.flip(seen, axis), widths, mode="symmetric")
        last = (size - 1 + ahead) // step
        back[axis] = slice(last, None, -1) if last - shape[axis] < 0 else slice(last, last - shape[axis], -1)
    maps = _whole(net, np.ascontiguousarray(seen), config)
    inside = tuple(slice(size) if part == slice(None) else part for size, part in zip(shape, back, strict=True))
    return types.Maps(maps.prob[inside], maps.dist[(slice(None), *inside)])


def _whole(net: types.Runner[types.Maps], image: NDArray[np.float32], config: Any) -> types.Maps:
    """Return the network's answer to a whole image, worked through tile by tile."""
    sizes = [-(-size // step) for size, step in zip(image.shape[1:], config.grid, strict=True)]
    prob, dist = np.zeros(sizes, np.float32), np.zeros((config.n_rays, *sizes), np.float32)
    plan = tiles.plan(image.shape[1:], inference.planned_parts(image.shape[1:], config), config.halo, config.multiple)
    with closing(inference.outputs(net, image, plan, config)) as results:
        for tile, maps in results:
            starts = [start // step for (start, _), step in zip(tile.core, config.grid, strict=True)]
            place = tuple(
                slice(first, min(first + side, size))
                for first, side, size in zip(starts, maps.prob.shape, sizes, strict=True)
            )
            part = tuple(slice(one.stop - one.start) for one in place)
            prob[place] = maps.prob[part]
            dist[(slice(None), *place)] = maps.dist[(slice(None), *part)]
    return types.Maps(prob, dist)
