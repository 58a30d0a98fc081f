"""Segment an image with a trained model: background, normalisation, network, thresholds, filters."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host, Share, stop_if_cancelled
from talanoa.image import grey_values
from talanoa.image.ops import background, resample
from talanoa.models import methods
from talanoa.models.folder import Model, check_kind, own_normalization
from talanoa.models.methods import mask_objects, star_convex
from talanoa.models.runtime import backends, inference, types
from talanoa.segmentation import maps as network_maps
from talanoa.segmentation.memory import LOWEST, Answer, NetworkMemory
from talanoa.segmentation.request import SegmentRequest
from talanoa.segmentation.settings import check_settings, levels_of, limits_of

FINDERS: dict[str, Any] = {"stars": inference.find_candidates, "mask": inference.find_probability}
NETWORK_SHARE = 0.9  # of the time of a frame, about; the rest goes into overlaps and drawing


@dataclass(frozen=True)
class Segmentation:
    """Objects of an image.

    Parameters
    ----------
    labels : DataArray of int32, (t, 1, z, y, x)
        1..n in each frame, most probable object first (from a mask: row by row); z is 1 for planes.
    objects : DataFrame
        Columns Label, Frame (from 1), Probability, for volumes Z, then Y, X (centre of the star-convex object, centroid
        of a part of a mask, pixels); with a model of classes also Class (from 1; 0: rather background) and Class
        Probability.
    polygons : ndarray of float32, (n, rays, 2)
        Corners (y, x) in pixels, pixel centres at integers; rows as in `objects`. Volumes and masks: (n, 0, 2).
    record : dict
        Everything that was filled in: device, backend, tiles, thresholds, normalisation, times.
    warnings : list of str
        What the user should know.
    maps : dict of DataArray
        Where asked for, the network's float32 maps: ``probability`` (t, 1, z, y, x), each value repeated for the pixels
        of its place, and ``distances`` (t, rays, …) on the network's grid, in pixels of the image that it saw.
    """

    labels: xr.DataArray
    objects: pd.DataFrame
    polygons: NDArray[np.float32]
    record: dict[str, Any]
    warnings: list[str]
    maps: dict[str, xr.DataArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """Objects of one frame, before the frames are joined; arrays as in `Segmentation`."""

    labels: NDArray[np.int32]
    points: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    polygons: NDArray[np.float32]
    limits: list[tuple[float, float]]
    parts: tuple[int, ...]
    classes: NDArray[np.float32] | None = None


def segment(
    image: xr.DataArray,
    model: Model,
    settings: SegmentRequest,
    host: Host,
    selection: NDArray | None = None,
    memory: NetworkMemory | None = None,
) -> Segmentation:
    """Find the objects of each frame.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        As many channels as the model takes; one slice for a model of planes, several for a model of volumes.
    model : Model
        One that finds objects; its method says how they come out of its answer.
    settings : SegmentRequest
        Thresholds (None: the model's own), normalisation, background step, scale, tiles, filters, device.
    host : Host
        Progress and cancelling.
    selection : ndarray of bool, (y, x), optional
        Only objects whose centre lies in it are kept.
    memory : NetworkMemory, optional
        Answers of the network to this image: those that are there are used, the others are added.

    Raises
    ------
    BadInput
        Wrong number of channels, a stack for a model of planes or the reverse, a key that the model has no use for,
        device that is not there, memory that does not suffice.
    Cancelled
        Stopped by the user.
    """
    check_kind(model, "objects")
    volumes = methods.get(model.method).ndim == 3
    if image.sizes["c"] != model.channels or (image.sizes["z"] > 1) != volumes:
        raise BadInput(
            f"The image has {counted(image.sizes['c'], 'channel')} and {counted(image.sizes['z'], 'slice')}; "
            f"model {model.name} takes {counted(model.channels, 'channel')} and "
            f"{'several slices' if volumes else 'one slice'}."
        )
    started = time.perf_counter()
    check_settings(settings, model)
    limits = limits_of(settings, model)
    network = _Network(model, settings, memory, limits["prob"])
    loaded = time.perf_counter()
    frames, kept_maps = [], []
    count = image.sizes["t"]
    for number in range(count):
        stop_if_cancelled(host)
        pixels = np.asarray(image[number])
        seeing = Share(host, number, count, NETWORK_SHARE)
        answer = network.answer(number, pixels if volumes else pixels[:, 0], seeing)
        if answer.maps is not None:
            kept_maps.append((answer.maps, answer.seen))
        deciding = Share(host, number + NETWORK_SHARE, count, 1 - NETWORK_SHARE)
        frames.append(decide(answer, limits, pixels.shape[1 if volumes else 2 :], network.config, deciding))
        host.progress(number + 1, count, "Segmenting")
    first = grey_values.calibrated(np.asarray(image[:, 0] if volumes else image[:, 0, 0]), image.attrs)
    kept = [filter_objects(frame, first[k], settings, selection) for k, frame in enumerate(frames)]
    record = {**network.record, **_record(settings, limits, frames, model, network.config)}
    record["times"] = {"load": round(loaded - started, 4), "segment": round(time.perf_counter() - loaded, 4)}
    found = _join(image, kept, record, [*network.warnings, *_warnings(frames, kept)])
    return replace(found, maps=network_maps.as_images(image, kept_maps, network.config.grid)) if kept_maps else found


class _Network:
    """The network of a model, loaded when the memory lacks an answer."""

    def __init__(self, model: Model, settings: SegmentRequest, memory: NetworkMemory | None, threshold: float) -> None:
        self.model, self.settings, self.memory, self.threshold = model, settings, memory, threshold
        self.config = methods.get(model.method).config(**model.config)
        self._chosen: backends.Chosen | None = None
        if memory is None or not memory.answers:
            self._load()

    @property
    def record(self) -> dict[str, Any]:
        """Device and backend."""
        if self._chosen is None and self.memory is not None:
            return self.memory.record
        return self._load().record

    @property
    def warnings(self) -> list[str]:
        """What the user should know of the backend."""
        return [self._chosen.warning] if self._chosen is not None and self._chosen.warning else []

    def answer(self, frame: int, planes: NDArray, host: Host) -> Answer:
        """Return the answer to a frame, (channels, y, x) or (channels, z, y, x) intensities."""
        memory = self.memory
        known = memory.answer(frame, self.threshold) if memory is not None else None
        if known is not None:
            return known
        lowest = self.threshold if memory is None else min(self.threshold, LOWEST)
        found = ask(self._load().runner, planes, self.config, self.settings, lowest, host, self.model)
        if memory is not None:
            memory.keep(frame, found)
        return found

    def _load(self) -> backends.Chosen:
        if self._chosen is None:
            self._chosen = backends.for_model(self.model, self.settings.device, self.settings.backend)
            if self.memory is not None:
                self.memory.record = self._chosen.record
        return self._chosen


def ask(
    net: types.Runner[Any],
    pixels: NDArray,
    config: Any,
    settings: SegmentRequest,
    lowest: float,
    host: Host,
    model: Model,
) -> Answer:
    """Ask the network about one frame, for all candidates above a probability.

    Parameters
    ----------
    net : Runner
        The network.
    pixels : ndarray, (channels, y, x) or (channels, z, y, x)
        Intensities; they are normalised tile by tile, with the levels of the whole.
    config : config of the method
        Of the network.
    settings : SegmentRequest
        Background step, normalisation, scale, tiles.
    lowest : float
        Probability.
    host : Host
        Progress and cancelling.
    model : Model
        Its normalisation, and how its answers are read.
    """
    cleaned = without_background(pixels, settings)
    levels = levels_of(cleaned, settings, model)
    scales = (settings.scale_z, settings.scale, settings.scale)[-(pixels.ndim - 1) :]
    seen = cleaned
    if max(scales) != 1 or min(scales) != 1:
        seen = resample.resize(cleaned, resample.sizes(cleaned.shape[1:], scales))

    maps = network_maps.Collected(seen.shape[1:], config) if settings.maps else None
    keep = None if maps is None else maps.keep

    decode = methods.get(model.method).decode
    find = FINDERS[decode]
    lowest = lowest if decode == "stars" else 0.0  # a map of probabilities knows all of them

    def run(parts: tuple[int, ...]) -> Any:
        return find(net, seen, config, lowest, parts, host, levels, keep)

    planned = inference.planned_parts(seen.shape[1:], config, settings.tiles)
    found, parts = inference.with_smaller_tiles(run, planned, seen.shape[1:])
    # a constant image shows nothing; whatever the network says of it is noise
    visible = any(upper > lower for lower, upper in levels)
    found = found if visible else found.nothing()
    return Answer(found, seen.shape[1:], levels, parts, lowest, None if maps is None else maps.arrays)


def without_background(pixels: NDArray, settings: SegmentRequest) -> NDArray:
    """Return intensities (channels, …, y, x) after the background step, done plane by plane."""
    if settings.background == "none":
        return pixels
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    cleaned = [background.remove(plane, settings.background, settings.background_radius) for plane in planes]
    return np.stack(cleaned).reshape(pixels.shape)


def decide(answer: Answer, limits: dict[str, float], shape: tuple[int, ...], config: Any, host: Host) -> Frame:
    """Choose among the candidates and draw the objects of an image (y, x) or (z, y, x); the filters are to come."""
    if isinstance(answer.found, mask_objects.Probability):
        return _parts_of_mask(answer, answer.found.values, limits["prob"], shape, config)

    def between(done: int, total: int) -> None:
        stop_if_cancelled(host)
        host.progress(done, total, "Overlaps")

    candidates = cast("star_convex.Candidates", answer.above(limits["prob"]))
    chosen = star_convex.decode(candidates, limits["nms"], between)
    objects = in_image(chosen, shape, answer.seen)
    labels, corners = star_convex.render(objects, shape)
    return Frame(labels, objects.points, objects.probabilities, corners, answer.levels, answer.parts, objects.classes)


def _parts_of_mask(
    answer: Answer, probability: NDArray[np.float32], threshold: float, shape: tuple[int, ...], config: Any
) -> Frame:
    """Return the connected parts of a map of probabilities, at the size of the image."""
    if tuple(answer.seen) != tuple(shape):
        probability = resample.resize(probability[None], shape)[0]
    smallest = config.smallest * float(np.prod(shape)) / float(np.prod(answer.seen))
    found = mask_objects.objects_of(probability, threshold, smallest, config.fill_holes)
    corners = np.zeros((len(found.points), 0, 2), np.float32)
    return Frame(found.labels, found.points, found.probabilities, corners, answer.levels, answer.parts)


def in_image(objects: star_convex.Candidates, shape: tuple[int, ...], seen: tuple[int, ...]) -> star_convex.Candidates:
    """Return objects found in an image of size `seen` in the coordinates of the original of size `shape`."""
    if tuple(seen) == tuple(shape):
        return objects
    factor = (np.array(shape) / np.array(seen)).astype(np.float32)
    points = np.asarray((objects.points + 0.5) * factor - 0.5, np.float32)
    if objects.rays is not None:  # the directions stretch with the image, each by its own axis
        rays = replace(objects.rays, vertices=objects.rays.vertices * factor)
        return replace(objects, points=points, rays=rays)
    return replace(objects, points=points, distances=objects.distances * float(factor.mean()))


def filter_objects(frame: Frame, pixels: NDArray, settings: SegmentRequest, selection: NDArray | None) -> Frame:
    """Drop objects without a visible pixel and those that the settings exclude; the rest is numbered 1..n.

    Parameters
    ----------
    frame : Frame
        Objects of one plane or volume.
    pixels : ndarray, (y, x) or (z, y, x)
        Intensities for the intensity filter, in the unit of the table's Mean.
    settings : SegmentRequest
        ``min_size``, ``max_size`` (pixels, voxels), ``min_intensity``, ``max_intensity`` (mean), ``exclude_border``
        (any side of the image; of a volume also its first and last slice).
    selection : ndarray of bool, (y, x), optional
        Keeps objects whose centre lies in it.
    """
    count = len(frame.probabilities)
    area = _totals(frame.labels, count)
    keep = (area > 0) & (area >= settings.min_size)
    if settings.max_size is not None:
        keep &= area <= settings.max_size
    if settings.min_intensity is not None or settings.max_intensity is not None:
        mean = _totals(frame.labels, count, pixels) / np.maximum(area, 1)
        low = -np.inf if settings.min_intensity is None else settings.min_intensity
        high = np.inf if settings.max_intensity is None else settings.max_intensity
        keep &= (mean >= low) & (mean <= high)
    if settings.exclude_border:
        sides = [np.moveaxis(frame.labels, axis, 0)[[0, -1]].ravel() for axis in range(frame.labels.ndim)]
        rim = np.unique(np.concatenate(sides))
        keep[rim[rim > 0] - 1] = False
    if selection is not None:
        last = np.array(selection.shape) - 1
        rows, columns = np.clip(np.rint(frame.points[:, -2:]), 0, last).astype(np.intp).T
        keep &= selection[rows, columns]
    numbers = np.zeros(count + 1, np.int32)
    numbers[1:][keep] = np.arange(1, keep.sum() + 1)
    return Frame(
        frame.labels if keep.all() else numbers[frame.labels],
        frame.points[keep],
        frame.probabilities[keep],
        frame.polygons[keep],
        frame.limits,
        frame.parts,
        None if frame.classes is None else frame.classes[keep],
    )


def _totals(labels: NDArray[np.int32], count: int, weights: NDArray | None = None) -> NDArray[np.float64]:
    """Return the pixels (or the sum of the weights) of labels 1..count, row by row: a volume is large."""
    total = np.zeros(count + 1)
    for k, part in enumerate(labels):
        total += np.bincount(part.ravel(), None if weights is None else weights[k].ravel().astype(float), count + 1)
    return total[1:]


def _record(
    settings: SegmentRequest, limits: dict[str, float], frames: list[Frame], model: Model, config: Any
) -> dict[str, Any]:
    own = own_normalization(model)
    norm = {"normalization": own} if own else {"norm_low": settings.norm_low, "norm_high": settings.norm_high}
    smallest = max(frames, key=lambda frame: int(np.prod(frame.parts)))
    return {
        "tiles": int(np.prod(smallest.parts)),
        "tiles_yx" if len(smallest.parts) == 2 else "tiles_zyx": list(smallest.parts),
        **{f"{key}_thresh": value for key, value in limits.items()},
        **norm,
        "norm_values": [[list(level) for level in frame.limits] for frame in frames],
        "scale": settings.scale,
        **({"scale_z": settings.scale_z} if len(smallest.parts) == 3 else {}),
        **{key: getattr(config, key) for key in ("nms_border", "smallest", "fill_holes") if hasattr(config, key)},
    }


def _warnings(before: list[Frame], kept: list[Frame]) -> list[str]:
    texts = []
    constant = sum(all(lower >= upper for lower, upper in frame.limits) for frame in before)
    if constant:
        texts.append(
            f"{constant} of {len(before)} frames have the same intensity (almost) everywhere: nothing is found there."
        )
    found = sum(len(frame.probabilities) for frame in before)
    if not found and constant < len(before):
        texts.append("No objects were found. Try a lower prob_thresh, another scale, or a model for such images.")
    elif found and not any(len(frame.probabilities) for frame in kept):
        texts.append(f"All {found} objects found were removed by the size, intensity, border or selection filters.")
    return texts


def _join(image: xr.DataArray, frames: list[Frame], record: dict[str, Any], warnings: list[str]) -> Segmentation:
    sizes = [image.sizes[dim] if dim != "c" else 1 for dim in image.dims]
    several = np.stack([frame.labels for frame in frames]) if len(frames) > 1 else frames[0].labels
    labels = several.reshape(sizes)
    attrs = {**image.attrs, "rgb": False, "channel_names": ()}
    attrs.pop(grey_values.ATTRIBUTE, None)
    objects = pd.concat([_objects(frame, number + 1) for number, frame in enumerate(frames)], ignore_index=True)
    polygons = np.concatenate([frame.polygons for frame in frames])
    return Segmentation(xr.DataArray(labels, dims=image.dims, attrs=attrs), objects, polygons, record, warnings)


def _objects(frame: Frame, number: int) -> pd.DataFrame:
    count = len(frame.probabilities)
    return pd.DataFrame(
        {
            "Label": np.arange(1, count + 1, dtype=np.int32),
            "Frame": np.full(count, number, np.int32),
            "Probability": frame.probabilities.astype(np.float64),
            **({"Z": frame.points[:, 0].astype(np.float64)} if frame.points.shape[1] == 3 else {}),
            "Y": frame.points[:, -2].astype(np.float64),
            "X": frame.points[:, -1].astype(np.float64),
            **class_columns(frame.classes),
        }
    )


def class_columns(classes: NDArray[np.float32] | None) -> dict[str, NDArray]:
    """Return the most probable class of each object (1, 2, …; 0 is the background) and its probability."""
    if classes is None:
        return {}
    return {"Class": classes.argmax(axis=1).astype(np.int32), "Class Probability": classes.max(axis=1).astype(float)}
