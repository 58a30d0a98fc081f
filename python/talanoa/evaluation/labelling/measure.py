"""The second look at all fields: what is measured on truth and prediction, with the scales that the first one found."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.evaluation.labelling import cycle, measures, pictures
from talanoa.evaluation.labelling.collecting import Setting, Sizes
from talanoa.evaluation.labelling.measures import Measured
from talanoa.evaluation.labelling.predicting import line_of
from talanoa.evaluation.labelling.shared import Shared, shared_areas
from talanoa.evaluation.labelling.store import Item, Store
from talanoa.evaluation.report.pictures import Picture

if TYPE_CHECKING:
    from talanoa.evaluation.request import EvaluateRequest

Labels = NDArray[np.int32]
Line = tuple[float, float]
Planes = NDArray[np.float32]
Sides = tuple[measures.Objects | None, measures.Objects | None, measures.Objects | None]


@dataclass(eq=False)
class Found:
    """What was measured.

    Parameters
    ----------
    measured : list of dict of str to list of Measured
        For each contender, by stain.
    shared : list of list of Shared
        For each contender.
    cells : list of Cells
        For each contender; empty without a cell cycle.
    pictures : list of Picture
        The worst images first.
    lines : list of dict of str to (float, float)
        For each contender gain and offset of each stain, the mean of those that were used.
    unit : str
        Of areas: "µm²" or "pixels".
    notes : list of str
    """

    measured: list[dict[str, list[Measured]]]
    shared: list[list[Shared]]
    cells: list[cycle.Cells]
    pictures: list[Picture] = field(default_factory=list)
    lines: list[dict[str, Line]] = field(default_factory=list)
    unit: str = "pixels"
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Seen:
    """An image as one contender predicts it; planes are (stain, y, x), labels by stain."""

    contender: int
    number: int
    item: Item
    truth: Planes
    predicted: Planes
    made: Planes  # predicted, with calibrated intensities
    true_labels: Mapping[str, Labels]
    labels: Mapping[str, Labels]


@dataclass(eq=False)
class Measuring:
    """The second look: measures of every image, with what the first one found."""

    setting: Setting
    store: Store
    sizes: Sizes
    request: EvaluateRequest
    host: Host

    def __post_init__(self) -> None:
        channels = self.store.channels
        self.levels = [[channel.levels() for channel in source] for source in channels]
        self.empty = [self._empties(source) for source in channels]
        wells = [self.setting.views[item.field] for item in self.store.items]
        self.groups = [f"{view.plate}/{view.well}" if view.well else view.name for view in wells]
        self.lines = [
            {stain: self._lines(k, s) for s, stain in enumerate(self.setting.stains)}
            for k in range(len(self.setting.contenders))
        ]
        count = len(self.setting.contenders)
        cells = (
            [cycle.Cells(self.setting.reporters, self.request.iou) for _ in range(count)]
            if (self.setting.reporters is not None)
            else []
        )
        self.found = Found(
            [{s: [] for s in self.setting.stains} for _ in range(count)], [[] for _ in range(count)], cells
        )
        self.found.unit = self.sizes.unit()
        self.found.lines = [
            {stain: (float(a), float(b)) for stain, lines in each.items() for a, b in [np.mean(lines, axis=0)]}
            for each in self.lines
        ]
        self._kept: list[tuple[float, str, Picture]] = []

    def _empties(self, source: Sequence[Any]) -> list[NDArray[np.bool_]]:
        found = []
        for stain, channel in zip(self.setting.stains, source, strict=True):
            how = self.setting.segmentations[stain]
            if how is not None and how.mask:
                found.append(np.array([not how.cut(sample).any() for sample in channel.samples]))
            else:
                found.append(channel.empty())
        return found

    def _lines(self, contender: int, stain: int) -> list[Line]:
        """Return for each image the line to calibrated intensities: a model's own, or fitted on the other images."""
        record = self.setting.contenders[contender].record
        name = self.setting.stains[stain]
        how = self.setting.segmentations[name]
        if how is not None and how.mask:
            return [(1.0, 0.0)] * len(self.store.items)
        if record is not None:
            own = next(each for each in record.stains if each.name == name)
            return [line_of(own)] * len(self.store.items)
        channel = self.store.channels[contender + 1][stain]
        groups = np.array(self.groups)
        by_group = {group: channel.line_without(groups == group) for group in dict.fromkeys(self.groups)}
        return [by_group[group] for group in self.groups]

    def run(self) -> Found:
        """Measure every image."""
        total = len(self.store.items)
        for number, item in enumerate(self.store.items):
            stop_if_cancelled(self.host)
            self.host.progress(total + number, 2 * total, f"Judging {item.name} ({number + 1} of {total})")
            self._one(number, item)
        self.found.pictures = [picture for *_, picture in self._kept]
        return self.found

    def _one(self, number: int, item: Item) -> None:
        planes = self.store.read(item)
        true_labels = self._labels(0, number, planes[0])
        for k in range(len(self.setting.contenders)):
            labels, made = self._labels(k + 1, number, planes[k + 1]), self._calibrated(k, number, planes[k + 1])
            seen = Seen(k, number, item, planes[0], planes[k + 1], made, true_labels, labels)
            worst = self._measure(seen)
            self._shared(seen)
            self._cycle(seen)
            if k == 0:
                self._keep(worst, seen)

    def _labels(self, source: int, number: int, planes: Planes) -> dict[str, Labels]:
        """Segment the stains of one source; nothing is looked for where the source shows nothing."""
        found = {}
        for s, stain in enumerate(self.setting.stains):
            how = self.setting.segmentations[stain]
            if how is None:
                continue
            if self.empty[source][s][number]:
                found[stain] = np.zeros(planes.shape[1:], np.int32)
                continue
            scaled = np.clip(_scaled(planes[s], self.levels[source][s]), 0, 1).astype(np.float32)
            found[stain] = how.objects(scaled, planes[s], self.request, self.host)
        return found

    def _calibrated(self, contender: int, number: int, planes: Planes) -> Planes:
        lines = [self.lines[contender][stain][number] for stain in self.setting.stains]
        return np.stack([gain * plane + offset for plane, (gain, offset) in zip(planes, lines, strict=True)]).astype(
            np.float32
        )

    def _measure(self, seen: Seen) -> float:
        """Measure all stains of an image; return its lowest PCC."""
        k, number = seen.contender, seen.number
        view, area = self.setting.views[seen.item.field], self.sizes.area(seen.item.field)
        worst = np.inf
        for s, stain in enumerate(self.setting.stains):
            how = self.setting.segmentations[stain]
            pixel = measures.pixel_scores(seen.truth[s], seen.predicted[s], seen.made[s], self.levels[0][s])
            sides: Sides = (None, None, None)
            if how is not None:
                pixel["jaccard"] = measures.jaccard(seen.true_labels[stain], seen.labels[stain])
                given = (None, None) if how.mask else (seen.truth[s], seen.predicted[s])
                true, predicted = (
                    measures.objects_of(found[stain], values, area)
                    for found, values in zip((seen.true_labels, seen.labels), given, strict=True)
                )
                sides = (true, predicted, predicted.calibrated(self.lines[k][stain][number]))
            empty, clean = (bool(self.empty[source][s][number]) for source in (0, k + 1))
            where = (seen.item.name, view.plate, view.well, view.phenotype, self.groups[number])
            self.found.measured[k][stain].append(Measured(*where, empty, clean, *sides, pixel))
            if not empty and np.isfinite(pixel["pcc"]):
                worst = min(worst, pixel["pcc"])
        return float(worst)

    def _shared(self, seen: Seen) -> None:
        if not all(found.any() for found in seen.true_labels.values()):
            return
        where = (seen.item.name, self.groups[seen.number])
        area = self.sizes.area(seen.item.field)
        self.found.shared[seen.contender] += shared_areas(*where, seen.true_labels, seen.labels, area)

    def _cycle(self, seen: Seen) -> None:
        """Add the objects of an image to the cell cycle; all intensities are on the scale of the true ones."""
        reporters = self.setting.reporters
        if reporters is None:
            return
        names = [reporters.g1, reporters.s_g2] if reporters.g1 else [reporters.objects]
        places = [self.setting.stains.index(name) for name in names]
        scaled = [[_scaled(source[s], self.levels[0][s]) for s in places] for source in (seen.truth, seen.made)]
        objects = (seen.true_labels[reporters.objects], seen.labels[reporters.objects])
        self.found.cells[seen.contender].add(*objects, *scaled)

    def _keep(self, worst: float, seen: Seen) -> None:
        """Draw and keep the picture of an image while it is among the worst."""
        most, name = self.request.pictures, seen.item.name
        if most == 0 or (len(self._kept) == most and (worst, name) >= self._kept[-1][:2]):
            return
        rows = [
            pictures.Row(
                stain,
                seen.truth[s],
                seen.made[s],
                self.levels[0][s],
                seen.true_labels.get(stain),
                seen.labels.get(stain),
                self.found.measured[0][stain][-1],
            )
            for s, stain in enumerate(self.setting.stains)
        ]
        picture = pictures.draw(name, rows, self.request.iou)
        bisect.insort(self._kept, (worst, name, picture), key=lambda kept: kept[:2])
        del self._kept[most:]


def _scaled(plane: NDArray[np.float32], levels: tuple[float, float]) -> NDArray[np.float32]:
    """Return a plane with its lower level as 0 and its upper one as 1."""
    low, high = levels
    return (plane - low) / max(high - low, 1e-12)
