"""ROIs as a person drew them -> the objects of an annotation: labels, classes, and the ROIs that give them exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import roi_objects, rois
from talanoa.errors import BadInput
from talanoa.roi_set import RoiSet, label_numbers, make_names, parse_name


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
        (see `roi_objects.join_slices`), unless the names tell the labels.
    like : DataArray (t, c, z, y, x)
        The image they were drawn in; its values are not used.
    border : {"keep", "drop"}
        What to do with objects that touch the image border.
    """
    plain = replace(drawn, label=np.arange(1, len(drawn) + 1, dtype=np.int32))
    filled = rois.to_labels(plain, like=like)
    painted, notes = filled.labels.values, list(filled.warnings)
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
    zero = np.zeros(1, np.int64)
    if painted.shape[2] == 1 or all(parse_name(name) for name in plain.names):
        return np.concatenate([zero, label_numbers(plain.names, plain.position)]), ""
    joined, note = _join(painted, plain)
    return np.concatenate([zero, joined]), note


def _join(values: NDArray[np.int32], plain: RoiSet) -> tuple[NDArray[np.int64], str]:
    """Return the object of each ROI; frames are joined one by one, and their objects numbered on."""
    result, most, notes = np.zeros(len(plain), np.int64), 0, list[str]()
    for frame in range(len(values)):
        here = numbers(values[frame])
        if len(here):
            local = np.where(values[frame, 0] > 0, np.searchsorted(here, values[frame, 0]) + 1, 0).astype(np.int32)
            joined, note = roi_objects.join_slices(local, plain[here - 1])
            first = np.unique(local, return_index=True)[1][-len(here) :]
            result[here - 1] = joined.ravel()[first] + most
            most = int(result.max())
            notes.append(note)
    lost = result == 0
    result[lost] = most + 1 + np.arange(lost.sum())
    return result, notes[0] if len(notes) == 1 else f"{len(plain)} outlines were joined to {most} objects."


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
