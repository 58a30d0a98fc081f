"""What is counted while image after image comes by; no image is held longer than needed."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.evaluation import pairing
from talanoa.evaluation.candidates import Candidate, Found, classes_of
from talanoa.evaluation.pairing import Annotations
from talanoa.evaluation.reading import Labels
from talanoa.evaluation.report import pictures
from talanoa.evaluation.segmentation import pictures as segmentation_pictures
from talanoa.evaluation.segmentation import scores

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.evaluation.request import EvaluateRequest


@dataclass(frozen=True, eq=False)
class Case:
    """One image with its ground truth, and what each candidate found in it."""

    name: str
    image: xr.DataArray | None
    truth: Labels
    founds: list[Found]


class Work:
    """Counts of the images so far, and the pictures of the worst.

    Parameters
    ----------
    request : EvaluateRequest
    truth : Annotations
        For the classes.
    candidates : sequence of Candidate
        Where one of them is a model of planes, stacks are judged slice by slice.
    """

    def __init__(self, request: EvaluateRequest, truth: Annotations, candidates: Sequence[Candidate]) -> None:
        self.request, self.truth = request, truth
        self.by_slice = any(each.model is not None and each.model.ndim == 2 for each in candidates)
        self.judged: list[list[scores.Judged]] = [[] for _ in candidates]
        self.worst: list[tuple[float, str, pictures.Picture]] = []
        self.unit = "pixels"
        self._pixels: list[tuple[float, str | None]] = []
        self._notes: dict[str, list[str]] = {}

    def add(self, case: Case) -> None:
        """Judge one image."""
        values = case.truth.values
        slices = self.by_slice and values.shape[1] > 1
        names = scores.plane_names(case.name, values.shape[0], values.shape[1], slices)
        truths = scores.planes(values, slices)
        self.unit = "voxels" if truths[0].ndim == 3 else "pixels"
        self._pixels += [_pixel(case, volumes=truths[0].ndim == 3)] * len(names)
        for k, found in enumerate(case.founds):
            for number, plane in enumerate(scores.planes(found.labels, slices)):
                classes = self._classes(case.name, found, number)
                name, true = names[number], truths[number]
                one, compared = scores.judge(name, case.name, true, plane, self.request.iou, classes)
                self.judged[k].append(one)
                if k == 0:
                    shown = _plane(case.image, number, slices, int(self.request.channel or 1))
                    self._keep(one, partial(segmentation_pictures.draw, shown, true, plane, compared))
            for note in (*case.truth.notes, *found.notes):
                if case.name not in self._notes.setdefault(note, []):
                    self._notes[note].append(case.name)

    def notes(self) -> list[str]:
        """Return what readers and models noted, with the names of the images that it is true of."""
        return [f"{pairing.some(names, 3)}: {note}" for note, names in self._notes.items()]

    def results(self) -> list[list[scores.Judged]]:
        """Return what was counted by each candidate, with areas in `unit`: physical where all images have one unit."""
        units = {unit for _, unit in self._pixels}
        if len(units) != 1 or None in units:
            if len(units) > 1:
                self._notes["pixel sizes are missing or in several units, so all areas are in pixels"] = ["calibration"]
            return self.judged
        self.unit = str(units.pop())
        return [
            [scores.in_units(one, size) for one, (size, _) in zip(judged, self._pixels, strict=True)]
            for judged in self.judged
        ]

    def _classes(self, name: str, found: Found, number: int) -> scores.Known | None:
        """Return the classes of true and predicted objects of one plane, where there are classes."""
        true = classes_of(self.truth, name)
        if not self.truth.classes or not true or not found.classes:
            return None
        predicted = found.classes[number if len(found.classes) > 1 else 0]
        n_classes = len(self.truth.classes)
        if max((*predicted.values(), *true[0].values()), default=0) > n_classes:
            raise BadInput(
                f"{name}: found a class above {n_classes}; the dataset has {', '.join(self.truth.classes)}. "
                "Judge with the dataset that the model was trained on, or add the classes to it."
            )
        return true[0], predicted, n_classes

    def _keep(self, one: scores.Judged, draw: Callable[[], tuple[NDArray[np.uint8], int]]) -> None:
        """Draw and keep the picture of an image while it is among the worst."""
        score = one.score("f1", self.request.iou)
        rank = 2.0 if np.isnan(score) else score
        most = self.request.pictures
        if most == 0 or (len(self.worst) == most and (rank, one.name) >= self.worst[-1][:2]):
            return
        pixels, z = draw()
        counts = one.counts[self.request.iou]
        people = not self.request.model and not self.request.prediction
        words = ("by the second only", "by the first only") if people else ("invented", "missed")
        title = (
            f"{one.name}{f', slice {z}' if z else ''}: F1 {'-' if rank == 2 else f'{rank:.3f}'}; "
            f"{counts.true_positives} found, {counts.false_positives} {words[0]}, {counts.false_negatives} {words[1]}"
        )
        bisect.insort(
            self.worst, (rank, one.name, pictures.Picture(one.name, title, pixels)), key=lambda kept: kept[:2]
        )
        del self.worst[most:]


def _plane(image: xr.DataArray | None, number: int, slices: bool, shown: int) -> NDArray | None:
    """Return the intensities of what is judged: one channel, counted from 1, of a frame or of a slice."""
    if image is None:
        return None
    channel = min(shown, image.sizes["c"]) - 1
    values = np.asarray(image.values[:, channel])
    return scores.planes(values, slices)[number]


def _pixel(case: Case, volumes: bool) -> tuple[float, str | None]:
    """Return the area (volume) of a pixel and its unit, such as "µm²"; None when the image is not calibrated."""
    size, unit = case.truth.pixel, case.truth.unit
    if case.image is not None and case.image.attrs["unit"] != "pixel":
        sides, unit = case.image.attrs["pixel_size"], str(case.image.attrs["unit"])
        size = float(np.prod(sides if volumes else sides[1:]))
    elif volumes != (case.truth.values.shape[1] > 1):
        size = None
    return (1.0, None) if size is None else (size, f"{unit}{'³' if volumes else '²'}")
