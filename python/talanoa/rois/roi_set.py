"""Many outlines in a few arrays: what travels between labels, ROI zips and ImageJ's ROI Manager."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

# ImageJ's own type numbers
POLYGON = 0
FREEHAND = 7
TRACED = 8

LARGEST_LABEL = int(np.iinfo(np.int32).max)
_NAME = re.compile(r"T(\d{4,})_(?:Z(\d{3,})_)?L(\d{5,})")


@dataclass(frozen=True, eq=False)
class RoiSet:
    """Area outlines, each of one or several closed paths; inside is what a ray leaves by an odd number of crossings.

    Coordinates are ImageJ's: x, y in pixels, and pixel (0, 0) covers [0, 1) x [0, 1), so its centre is (0.5, 0.5).

    Attributes
    ----------
    xy : float32 array (n_vertices, 2)
        Vertices of all paths, one after the other. A path is closed; its first vertex is not repeated.
    path_start : int64 array (n_paths + 1,)
        Path p has the vertices path_start[p]:path_start[p + 1].
    roi_start : int64 array (n_rois + 1,)
        ROI i has the paths roi_start[i]:roi_start[i + 1].
    names : tuple of str (n_rois,)
    label : int32 array (n_rois,)
        Number of the object in a label image, from 1.
    position : int32 array (n_rois, 3)
        Channel, slice and frame from 1; 0 where the ROI is not bound to one.
    kind : uint8 array (n_rois,)
        `TRACED` (whole-number corners along pixel edges), `POLYGON` or `FREEHAND` (any coordinates).
    group : uint8 array (n_rois,), optional
        ImageJ's ROI group, 0 = none; in an annotation it is the number of the class. Omitted: 0 for all.
    stack_index : int32 array (n_rois,), optional
        ImageJ's one index of a plain stack, which files hold in place of channel, slice and frame; 0 where they hold
        these three. ImageJ obeys one of the two, depending on the image: see `bound_in`. Omitted: 0 for all.
    """

    xy: NDArray[np.float32]
    path_start: NDArray[np.int64]
    roi_start: NDArray[np.int64]
    names: tuple[str, ...]
    label: NDArray[np.int32]
    position: NDArray[np.int32]
    kind: NDArray[np.uint8]
    group: NDArray[np.uint8] = dataclasses.field(default_factory=lambda: np.zeros(0, np.uint8))
    stack_index: NDArray[np.int32] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int32))

    def __post_init__(self) -> None:
        n = len(self.names)
        if not len(self.group):
            object.__setattr__(self, "group", np.zeros(n, np.uint8))
        if not len(self.stack_index):
            object.__setattr__(self, "stack_index", np.zeros(n, np.int32))
        parts: tuple[NDArray, ...] = (self.label, self.position, self.kind, self.group, self.stack_index)
        sizes = (*(len(part) for part in parts), len(self.roi_start) - 1)
        consistent = self.path_start[-1] == len(self.xy) and self.roi_start[-1] == len(self.path_start) - 1
        if any(size != n for size in sizes) or not consistent:
            raise ValueError(f"the parts of a RoiSet do not fit together: {n} names, {sizes}, {len(self.xy)} vertices")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def traced(self) -> bool:
        """True when every ROI runs along pixel edges."""
        return bool((self.kind == TRACED).all())

    def paths(self, index: int) -> list[NDArray[np.float32]]:
        """Return the paths of one ROI, each (n, 2) x, y."""
        parts = range(self.roi_start[index], self.roi_start[index + 1])
        return [self.xy[self.path_start[p] : self.path_start[p + 1]] for p in parts]

    def __getitem__(self, which: int | slice | NDArray) -> RoiSet:
        """Return the chosen ROIs (an index, a slice, a mask or an array of indices) as a set of their own."""
        rows = np.atleast_1d(np.arange(len(self))[which])
        paths = ranges(self.roi_start[rows], np.diff(self.roi_start)[rows])
        vertices = ranges(self.path_start[paths], np.diff(self.path_start)[paths])
        return RoiSet(
            self.xy[vertices],
            starts(np.diff(self.path_start)[paths]),
            starts(np.diff(self.roi_start)[rows]),
            tuple(self.names[i] for i in rows.tolist()),
            self.label[rows],
            self.position[rows],
            self.kind[rows],
            self.group[rows],
            self.stack_index[rows],
        )


def pack(
    xy: NDArray,
    path_start: NDArray,
    roi_start: NDArray,
    names: Iterable[str],
    position: NDArray | None = None,
    kind: NDArray | int = POLYGON,
) -> RoiSet:
    """Make a `RoiSet` from plain arrays, such as come from ImageJ; labels follow from the names (`label_numbers`)."""
    names = tuple(names)
    if position is None:
        position = np.zeros((len(names), 3), np.int32)
    position = np.asarray(position, np.int32).reshape(-1, 3)
    return RoiSet(
        np.asarray(xy, np.float32).reshape(-1, 2),
        np.asarray(path_start, np.int64),
        np.asarray(roi_start, np.int64),
        names,
        label_numbers(names, position),
        position,
        np.broadcast_to(np.asarray(kind, np.uint8), len(names)),
    )


def empty() -> RoiSet:
    """Return a set without ROIs."""
    return pack(np.zeros((0, 2)), np.zeros(1), np.zeros(1), ())


def concatenate(sets: Sequence[RoiSet]) -> RoiSet:
    """Return the ROIs of several sets, in order; names and labels stay as they are."""
    if not sets:
        return empty()
    return RoiSet(
        np.concatenate([s.xy for s in sets]),
        starts(np.concatenate([np.diff(s.path_start) for s in sets])),
        starts(np.concatenate([np.diff(s.roi_start) for s in sets])),
        tuple(name for s in sets for name in s.names),
        np.concatenate([s.label for s in sets]),
        np.concatenate([s.position for s in sets]),
        np.concatenate([s.kind for s in sets]),
        np.concatenate([s.group for s in sets]),
        np.concatenate([s.stack_index for s in sets]),
    )


def make_names(label: NDArray, frame: NDArray, plane: NDArray | None = None) -> tuple[str, ...]:
    """Return names such as T0001_L00012, or T0001_Z003_L00012 when `plane` is given; all numbers from 1."""
    rows = zip(label.tolist(), frame.tolist(), (frame if plane is None else plane).tolist(), strict=True)
    if plane is None:
        return tuple(f"T{t:04d}_L{number:05d}" for number, t, _ in rows)
    return tuple(f"T{t:04d}_Z{z:03d}_L{number:05d}" for number, t, z in rows)


def parse_name(name: str) -> tuple[int, int, int] | None:
    """Return (frame, slice, label) of a name that `make_names` made, slice 0 where it has none; else None."""
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2] or 0), int(found[3])) if found else None


def label_numbers(names: Sequence[str], position: NDArray) -> NDArray[np.int32]:
    """Return the label numbers that our names carry, and free ones for ROIs of other names.

    Objects keep their numbers, because tables refer to them. A number that occurs twice in one plane stays with the
    first ROI; the others get free numbers.
    """
    number = np.zeros(len(names), np.int64)
    taken: set[tuple[int, ...]] = set()
    for k, (name, place) in enumerate(zip(names, position.tolist(), strict=True)):
        parsed = parse_name(name)
        if parsed and 1 <= parsed[2] <= LARGEST_LABEL and (key := (*parsed, *place)) not in taken:
            taken.add(key)
            number[k] = parsed[2]
    return fill_numbers(number)


def fill_numbers(number: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return numbers in which each 0 became a free number: the next ones above the largest, in order."""
    waiting = np.flatnonzero(number == 0)
    largest = int(number.max(initial=0))
    if largest + len(waiting) <= LARGEST_LABEL:
        free = np.arange(largest + 1, largest + 1 + len(waiting))
    else:
        free = np.setdiff1d(np.arange(1, len(number) + 1), number)[: len(waiting)]
    filled = number.astype(np.int32)
    filled[waiting] = free
    return filled


def from_polygons(
    coords: NDArray,
    labels: NDArray | None = None,
    frames: NDArray | None = None,
    planes: NDArray | None = None,
    n_frames: int = 1,
) -> RoiSet:
    """Turn polygons with sub-pixel corners into ROIs, as drawn: the pixels are those whose centre is inside.

    Parameters
    ----------
    coords : float array (n, n_vertices, 2)
        y, x in pixel-centre coordinates: (0, 0) is the centre of the first pixel.
    labels, frames, planes : int arrays (n,), optional
        Numbers from 1. Labels default to 1..n, frames to 1; planes only for stacks.
    n_frames : int
        Frames of the image. ROIs are bound to their frame when there are several (or a frame above 1 occurs).

    Raises
    ------
    BadInput
        `coords` has another shape or is not finite.
    """
    coords = np.asarray(coords, np.float32)
    n = len(coords)
    if coords.ndim != 3 or coords.shape[-1] != 2 or not np.isfinite(coords).all():
        raise BadInput(f"Found polygons of shape {coords.shape}; expected finite (n, vertices, 2) as y, x.")
    label = np.arange(1, n + 1) if labels is None else np.asarray(labels)
    frame = np.ones(n, int) if frames is None else np.asarray(frames).astype(int)
    plane = None if planes is None else np.asarray(planes).astype(int)
    position = np.zeros((n, 3), np.int32)
    last = max(n_frames, int(frame.max(initial=1)))
    if last > 1 or plane is not None:
        position[:, 1] = 1 if plane is None else plane
        position[:, 2] = frame
    made = RoiSet(
        (coords[..., ::-1] + np.float32(0.5)).reshape(-1, 2),
        np.arange(n + 1, dtype=np.int64) * coords.shape[1],
        np.arange(n + 1, dtype=np.int64),
        make_names(label, frame, plane),
        label.astype(np.int32),
        position,
        np.full(n, POLYGON, np.uint8),
    )
    return bound_in(made, 1, 1 if plane is None else 2, last)


def rename(rois: RoiSet, names: Sequence[str], position: NDArray) -> RoiSet:
    """Return the same outlines under other names, bound to channel, slice and frame; the labels stay."""
    place = np.asarray(position, np.int32).reshape(-1, 3)
    return dataclasses.replace(rois, names=tuple(names), position=place, stack_index=np.zeros(len(rois), np.int32))


def bound_in(rois: RoiSet, channels: int, slices: int, frames: int) -> RoiSet:
    """Return ROIs bound to their slice and frame in the one way that ImageJ obeys in an image of these sizes.

    In a stack with one long axis ImageJ goes by the one index of the plane, and shows a ROI that is bound to channel,
    slice and frame in every plane. In a hyperstack (two long axes or more) it takes the one index for the slice.
    """
    plain = channels == 1 and (slices > 1) != (frames > 1)
    index = rois.position[:, 1 if slices > 1 else 2] if plain else np.zeros(len(rois))
    return dataclasses.replace(rois, stack_index=np.asarray(index, np.int32))


def starts(counts: NDArray) -> NDArray[np.int64]:
    """Return where each of consecutive groups starts, and where the last one ends: (n + 1,)."""
    result = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=result[1:])
    return result


def ranges(first: NDArray, count: NDArray) -> NDArray[np.int64]:
    """Return first[0], first[0]+1, … (count[0] of them), first[1], … in one array."""
    begin = starts(count)
    return np.arange(begin[-1]) + np.repeat(first - begin[:-1], count)
