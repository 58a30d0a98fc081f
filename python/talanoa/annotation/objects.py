"""ROIs as a person drew them -> the objects of an annotation: labels, classes, and the ROIs that give them exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import rois
from talanoa.core.errors import BadInput
from talanoa.rois.linking import object_labels
from talanoa.rois.roi_set import RoiSet, label_numbers, make_names, parse_name


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image.

    Attributes
    ----------
    labels : DataArray of int32 (t, 1, z, y, x)
    rois : RoiSet
        Named after frame, slice and label; painting them gives `labels` in every pixel.
    classes : dict of int to int
        Class of each label, 0 where it has none.
    notes : list of str
        What overlapped, was cut or joined.
    """

    labels: xr.DataArray
    rois: RoiSet
    classes: dict[int, int]
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of objects, each frame counted by itself."""
        return sum(len(numbers(frame)) for frame in self.labels.values)


def numbers(values: NDArray) -> NDArray:
    """Return the labels in an array, without the background."""
    found = np.unique(values)
    return found[found > 0]


def from_rois(drawn: RoiSet, like: xr.DataArray, border: str = "keep") -> Objects:
    """Turn drawn ROIs into objects.

    Parameters
    ----------
    drawn : RoiSet
        Where two overlap, the later one wins. In stacks the outlines of one object are joined by name or by overlap
        (see `linking.object_labels`), unless the names tell the labels.
    like : DataArray (t, c, z, y, x)
        The image they were drawn in; its values are not used.
    border : {"keep", "drop"}
        What to do with objects that touch the image border.
    """
    drawn, note = rois.on_axis(drawn, like.sizes["t"], like.sizes["z"])
    plain = replace(drawn, label=np.arange(1, len(drawn) + 1, dtype=np.int32))
    filled = rois.to_labels(plain, like=like)
    painted, notes = filled.labels.values, [*([note] if note else []), *filled.warnings]
    number, note = _numbers(plain, painted)
    notes += [note] if note else []
    values = number[painted].astype(np.int32)
    if border == "drop":
        values, note = _without_border(values)
        notes += [note] if note else []
    labels = filled.labels.copy(data=values)
    classes, note = _classes(plain, number[1:], numbers(values))
    notes += [note] if note else []
    return Objects(labels, _exact(plain, number[1:], labels, classes), classes, notes)


def from_labels(labels: xr.DataArray, border: str = "keep", classes: Mapping[int, int] | None = None) -> Objects:
    """Turn a label image into objects; `classes` tells the class of labels that have one."""
    notes = []
    if border == "drop":
        values, note = _without_border(labels.values)
        labels, notes = labels.copy(data=values), [note] if note else []
    known = {int(k): (classes or {}).get(int(k), 0) for k in numbers(labels.values)}
    return Objects(labels, _traced(labels, known), known, notes)


def _numbers(plain: RoiSet, painted: NDArray[np.int32]) -> tuple[NDArray[np.int64], str]:
    """Return the label of each ROI, with that of the background before them, and a note on what was joined."""
    known = label_numbers(plain.names, plain.position)
    ours = all(parse_name(name) for name in plain.names) and _tells(plain, known)
    if painted.shape[2] == 1 or ours:
        return np.concatenate([[0], known]), ""
    labels = object_labels(plain)
    gaps = sum(np.ptp(z) >= len(np.unique(z)) for z in (plain.position[labels == k, 1] for k in np.unique(labels)))
    note = f"{len(plain)} outlines were joined to {len(np.unique(labels))} objects."
    missing = f" {gaps} of them lack an outline in slices between; action=interpolate adds it." if gaps else ""
    return np.concatenate([[0], labels]), note + missing


def _tells(plain: RoiSet, known: NDArray[np.int32]) -> bool:
    """Tell whether the numbers are those in the names."""
    return [parsed[2] for parsed in map(parse_name, plain.names) if parsed] == known.tolist()


def _without_border(values: NDArray[np.int32]) -> tuple[NDArray[np.int32], str]:
    """Remove objects that touch the border of the image in y or x; frame by frame."""
    kept, removed = values.copy(), 0
    for frame in kept:
        edges = [frame[..., 0, :], frame[..., -1, :], frame[..., 0], frame[..., -1]]
        cut = numbers(np.concatenate([edge.ravel() for edge in edges]))
        frame[np.isin(frame, cut)] = 0
        removed += len(cut)
    return kept, f"{removed} objects that touch the image border were left out." if removed else ""


def _classes(plain: RoiSet, number: NDArray[np.int64], labels: NDArray) -> tuple[dict[int, int], str]:
    """Return the class of each label: the group of its first ROI that has one."""
    found: dict[int, int] = {int(label): 0 for label in labels}
    mixed: list[int] = []
    for label, group in zip(number.tolist(), plain.group.tolist(), strict=True):
        if group and label in found:
            if found[label] not in (0, group) and label not in mixed:
                mixed.append(label)
            found[label] = found[label] or group
    if not mixed:
        return found, ""
    return found, f"Objects {', '.join(map(str, mixed[:5]))} have ROIs of several classes; the first one counts."


def _exact(plain: RoiSet, number: NDArray[np.int64], labels: xr.DataArray, classes: dict[int, int]) -> RoiSet:
    """Return ROIs that give exactly these labels: the drawn outlines where that is so, else traced ones."""
    stack, several = labels.sizes["z"] > 1, labels.sizes["z"] > 1 or labels.sizes["t"] > 1
    if len(plain) and not (several and _unbound(plain, labels).any()):
        left = np.isin(number, list(classes))
        kept, target = plain[left], number[left].astype(np.int32)
        frame, z = rois.plane_positions(kept.position, labels.sizes["t"], labels.sizes["z"])
        frame = np.maximum(frame, 1) if labels.sizes["t"] > 1 else np.ones_like(frame)
        z = np.maximum(z, 1) if stack else np.ones_like(z)
        names = make_names(target, frame, z if stack else None)
        position = np.stack([0 * z, z, frame], axis=1) if several else 0 * kept.position
        group = np.array([classes[label] for label in target.tolist()], np.uint8)
        renamed = replace(kept, names=names, label=target, position=position.astype(np.int32), group=group)
        renamed = rois.bound_in(renamed, 1, labels.sizes["z"], labels.sizes["t"])
        if np.array_equal(rois.to_labels(renamed, like=labels).labels.values, labels.values):
            return renamed
    return _traced(labels, classes)


def _traced(labels: xr.DataArray, classes: Mapping[int, int]) -> RoiSet:
    """Return the outlines of labels, with their classes as groups."""
    traced = rois.from_labels(labels)
    return replace(traced, group=np.array([classes[label] for label in traced.label.tolist()], np.uint8))


def _unbound(plain: RoiSet, labels: xr.DataArray) -> NDArray[np.bool_]:
    """Return which ROIs are not bound to one plane of a stack or time-lapse."""
    frame, z = rois.plane_positions(plain.position, labels.sizes["t"], labels.sizes["z"])
    return ((frame == 0) & (labels.sizes["t"] > 1)) | ((z == 0) & (labels.sizes["z"] > 1))


def check_classes(objects: Objects, classes: Sequence[str]) -> list[str]:
    """Return notes on the classes of objects; refuse numbers that the dataset does not have."""
    if not classes:
        return []
    beyond = sorted({number for number in objects.classes.values() if number > len(classes)})
    if beyond:
        raise BadInput(
            f"Found ROIs of the groups {', '.join(map(str, beyond))}; expected 1 to {len(classes)}: the dataset has "
            f"the classes {', '.join(classes)}. Change the group (ROI Manager, More, Properties)."
        )
    without = sum(number == 0 for number in objects.classes.values())
    return [f"{without} of {len(objects.classes)} objects have no class."] if without else []
