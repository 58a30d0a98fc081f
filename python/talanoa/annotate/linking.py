"""Which outlines in different slices are one object, also where slices between them have none yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.annotate.outlines import base_name, numbered, window_of
from talanoa.roi_objects import AUTOMATIC, best_pairs
from talanoa.roi_set import RoiSet, parse_name


def object_numbers(rois: RoiSet) -> NDArray[np.int64]:
    """Return a number for each outline, equal for those of one object in one frame.

    Names tell it: ours by their label, a person's by being equal but for the ending that ImageJ adds. Outlines that
    ImageJ named, or that have no name, are joined to the next slice where each covers the other best, and at least
    half of the smaller one.
    """
    names = [_key(name) for name in rois.names]
    first: dict[tuple[int, str], int] = {}
    number = np.arange(len(rois))
    for k, (name, frame) in enumerate(zip(names, rois.position[:, 2].tolist(), strict=True)):
        if name:
            number[k] = first.setdefault((frame, name), k)
    bare = np.array([k for k in range(len(rois)) if not names[k]], int)
    for frame in np.unique(rois.position[bare, 2]) if len(bare) else ():
        _link(rois, bare[rois.position[bare, 2] == frame], number)
    return number


def _key(name: str) -> str:
    """Return what outlines of one object have in common, "" where the name tells nothing."""
    if parsed := parse_name(name):
        return f"label {parsed[2]}"
    return "" if AUTOMATIC.fullmatch(name) else base_name(name)


def _link(rois: RoiSet, rows: NDArray[np.int64], number: NDArray[np.int64]) -> None:
    """Join the outlines `rows` of one frame from slice to slice; `number` is changed."""
    window = window_of(rois[rows])
    slices = {int(z): rows[rois.position[rows, 1] == z] for z in np.unique(rois.position[rows, 1])}
    painted = {z: np.concatenate([[0], some + 1])[numbered(rois[some], window)] for z, some in slices.items()}
    area = sum(np.bincount(plane.ravel(), minlength=len(rois) + 1) for plane in painted.values())
    order, taken = sorted(slices), set[int]()
    for place, z in enumerate(order):
        waiting = set(slices[z].tolist())
        for upper in order[place + 1 :]:
            for low, high in _partners(painted[z], painted[upper], np.asarray(area)):
                if low in waiting and high not in taken:
                    number[high] = number[low]
                    taken.add(high)
                    waiting.discard(low)
            if not waiting:
                break


def _partners(lower: NDArray[np.int64], upper: NDArray[np.int64], area: NDArray) -> list[tuple[int, int]]:
    """Return the pairs of outlines in two slices that cover each other best, and enough."""
    both = (lower > 0) & (upper > 0)
    pairs, shared = np.unique(np.stack([lower[both], upper[both]]), axis=1, return_counts=True)
    return [(one - 1, other - 1) for one, other in best_pairs(pairs, shared, area)]
