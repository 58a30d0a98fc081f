"""Scores of one image (a plane or a volume): objects, pixels, counts, areas, splits and merges, classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.classes import confusion
from talanoa.measure.metrics.matching import Counts, Matching, match_objects
from talanoa.measure.metrics.overlap import Overlaps, overlaps
from talanoa.measure.metrics.pixel import PixelCounts, count_pixels
from talanoa.measure.metrics.splits import Splits, splits_and_merges

Known = tuple[Mapping[int, int], Mapping[int, int], int]  # classes of true and predicted labels, number of classes
THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))


@dataclass(frozen=True, eq=False)
class Judged:
    """What was counted in one image.

    Parameters
    ----------
    name : str
        Of the image; frames and slices have their number behind it.
    file : str
        What is independent: the images that belong to one file are resampled together.
    counts : dict of float to Counts
        For each object IoU.
    pixels : PixelCounts
    n_true, n_predicted : int
        Objects.
    splits : Splits
    matched_areas : ndarray of float, (n_pairs, 2)
        Area (volume) of the true and of the predicted object of each pair at the IoU asked for; pixels at first.
    areas : (float, float)
        Summed area of the true and of the predicted objects.
    confusion : ndarray of int, (n_classes + 2, n_classes + 2), or None
        See `talanoa.measure.metrics.classes`.
    """

    name: str
    file: str
    counts: dict[float, Counts]
    pixels: PixelCounts
    n_true: int
    n_predicted: int
    splits: Splits
    matched_areas: NDArray[np.float64]
    areas: tuple[float, float]
    confusion: NDArray[np.int64] | None = None

    @property
    def empty(self) -> bool:
        """True when there is no object, neither true nor predicted: object scores are not defined then."""
        return self.n_true == 0 and self.n_predicted == 0

    def score(self, metric: str, iou: float) -> float:
        """Return an object score of this image; NaN when there is no object at all."""
        return math.nan if self.empty else float(getattr(self.counts[iou], metric))


@dataclass(frozen=True, eq=False)
class Compared:
    """The objects of one image beside each other, for its picture."""

    graph: Overlaps
    matching: Matching
    splits: Splits


def thresholds(iou: float) -> tuple[float, ...]:
    """Return the object IoUs at which is counted: 0.5 to 0.95, and the one asked for."""
    return tuple(sorted({*THRESHOLDS, iou}))


def judge(
    name: str,
    file: str,
    true: NDArray[np.int32],
    predicted: NDArray[np.int32],
    iou: float = 0.5,
    classes: Known | None = None,
) -> tuple[Judged, Compared]:
    """Compare the objects of one image.

    Parameters
    ----------
    name, file : str
        See `Judged`.
    true, predicted : ndarray of int, (y, x) or (z, y, x)
        Label images.
    iou : float
        Object IoU for areas, classes and the picture.
    classes : (true, predicted, number), optional
        Class of each label, and how many classes there are.
    """
    graph = overlaps(true, predicted)
    matchings = {each: match_objects(graph, each) for each in thresholds(iou)}
    chosen, splits = matchings[iou], splits_and_merges(graph)
    areas = np.stack([graph.true_sizes[chosen.true], graph.predicted_sizes[chosen.predicted]], axis=1)
    found = Judged(
        name,
        file,
        {each: matching.counts for each, matching in matchings.items()},
        count_pixels(true, predicted),
        *graph.shape,
        splits,
        areas.astype(np.float64),
        (float(graph.true_sizes.sum()), float(graph.predicted_sizes.sum())),
        None if classes is None else _confusion(chosen, graph, classes),
    )
    return found, Compared(graph, chosen, splits)


def _confusion(
    matching: Matching, graph: Overlaps, classes: tuple[Mapping[int, int], Mapping[int, int], int]
) -> NDArray[np.int64]:
    of_true, of_predicted, n_classes = classes
    numbers = (_numbers(graph.true_ids, of_true), _numbers(graph.predicted_ids, of_predicted))
    return confusion(matching, *numbers, n_classes)


def _numbers(ids: NDArray[np.integer], classes: Mapping[int, int]) -> NDArray[np.intp]:
    return np.array([classes.get(int(label), 0) for label in ids], np.intp)


def in_units(judged: Judged, size: float) -> Judged:
    """Return the same with areas in a unit of which a pixel has `size`."""
    areas = (judged.areas[0] * size, judged.areas[1] * size)
    return replace(judged, matched_areas=judged.matched_areas * size, areas=areas)


def planes(values: NDArray, by_slice: bool) -> list[NDArray]:
    """Return the images that are judged one by one in (t, z, y, x): frames, or all slices; planes without z."""
    if by_slice:
        return [plane for frame in values for plane in frame]
    return [frame[0] if len(frame) == 1 else frame for frame in values]


def plane_names(name: str, n_t: int, n_z: int, by_slice: bool) -> list[str]:
    """Return the names of `planes`: the image's, with the number of the frame and the slice where there are several."""
    frames = [f" T{t + 1:04d}" if n_t > 1 else "" for t in range(n_t)]
    slices = [f" Z{z + 1:03d}" if n_z > 1 else "" for z in range(n_z)] if by_slice else [""]
    return [f"{name}{frame}{each}" for frame in frames for each in slices]


def file_groups(files: Sequence[str]) -> NDArray[np.intp]:
    """Return the number of the file of each image, from its name; images of one single file count as independent."""
    known = list(dict.fromkeys(files))
    if len(known) == 1:
        return np.arange(len(files))
    return np.array([known.index(each) for each in files], np.intp)
