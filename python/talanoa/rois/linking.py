"""Which outlines in different slices are one object, also where slices between them have none yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talanoa.rois.linking_pairs import AUTOMATIC, best_pairs
from talanoa.rois.masks import base_name, numbered, window_of
from talanoa.rois.roi_set import LARGEST_LABEL, RoiSet, fill_numbers, parse_name

NEAR = 2  # slices apart: one may be missing between two outlines of an object
ANY = 1 << 30


def object_numbers(rois: RoiSet, reach: int = NEAR) -> NDArray[np.int64]:
    """Return a number for each outline, equal for those of one object in one frame.

    Names tell it: ours by their label, a person's by being equal but for the ending that ImageJ adds. Outlines that
    ImageJ named, or that have no name, are joined to the next slice where each covers the other best, and at least
    half of the smaller one; so they also fill the gap of an object that has a name.

    Parameters
    ----------
    rois : RoiSet
    reach : int
        How many slices apart two outlines without names may lie to be one object.
    """
    names = [_key(name) for name in rois.names]
    first: dict[tuple[int, str], int] = {}
    number = np.arange(len(rois))
    frames = np.maximum(rois.position[:, 2], 1)  # a ROI of a plain stack may have none
    for k, (name, frame) in enumerate(zip(names, frames.tolist(), strict=True)):
        if name:
            number[k] = first.setdefault((frame, name), k)
    named = np.array([bool(name) for name in names], bool)
    for frame in np.unique(frames[~named]):
        _link(rois, np.flatnonzero(frames == frame), named, number, reach)
    return number


def object_labels(rois: RoiSet, reach: int = NEAR) -> NDArray[np.int32]:
    """Return the label of each outline's object: the number that our names carry, free numbers for other objects."""
    first, place = np.unique(object_numbers(rois, reach), return_inverse=True)
    known = np.zeros(len(first), np.int64)
    for k, name in zip(place.tolist(), rois.names, strict=True):
        parsed = parse_name(name)
        if parsed and not known[k] and 1 <= parsed[2] <= LARGEST_LABEL:
            known[k] = parsed[2]
    return fill_numbers(known)[place]


def _key(name: str) -> str:
    """Return what outlines of one object have in common, "" where the name tells nothing."""
    plain = base_name(name)
    if parsed := parse_name(plain):
        return f"label {parsed[2]}{name[len(plain) :]}"  # one more set of proposals ends in -1: other objects
    return "" if AUTOMATIC.fullmatch(name) else plain


def _link(
    rois: RoiSet, rows: NDArray[np.int64], named: NDArray[np.bool_], number: NDArray[np.int64], reach: int
) -> None:
    """Join the outlines `rows` of one frame from slice to slice where one of them has no name; `number` is changed."""
    window = window_of(rois[rows])
    slices = {int(z): rows[rois.position[rows, 1] == z] for z in np.unique(rois.position[rows, 1])}
    painted = {z: np.concatenate([[0], some + 1])[numbered(rois[some], window)] for z, some in slices.items()}
    area = np.sum([np.bincount(plane.ravel(), minlength=len(rois) + 1) for plane in painted.values()], axis=0)
    order, taken = sorted(slices), set[int]()
    for place, z in enumerate(order):
        waiting = set(slices[z].tolist())
        for upper in (upper for upper in order[place + 1 :] if upper - z <= max(reach, NEAR)):
            for low, high in _partners(painted[z], painted[upper], area):
                near = upper - z <= (NEAR if named[low] or named[high] else reach)
                if low not in waiting or high in taken or not near:
                    continue
                taken.add(high)
                waiting.discard(low)
                if not (named[low] and named[high]):
                    _join(rois, number, named, low, high)
            if not waiting:
                break


def _join(rois: RoiSet, number: NDArray[np.int64], named: NDArray[np.bool_], low: int, high: int) -> None:
    """Make one object of those of two outlines, unless both have names or they meet in a slice."""
    one, other = (np.flatnonzero(number == number[k]) for k in (low, high))
    apart = not set(rois.position[one, 1].tolist()) & set(rois.position[other, 1].tolist())
    if apart and not (named[one].any() and named[other].any()):
        number[other] = number[low]


def _partners(lower: NDArray[np.int64], upper: NDArray[np.int64], area: NDArray) -> list[tuple[int, int]]:
    """Return the pairs of outlines in two slices that cover each other best, and enough."""
    both = (lower > 0) & (upper > 0)
    pairs, shared = np.unique(np.stack([lower[both], upper[both]]), axis=1, return_counts=True)
    return [(one - 1, other - 1) for one, other in best_pairs(pairs, shared, area)]
