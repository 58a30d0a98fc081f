"""Outlines between key slices: a person draws an object in some slices, those between follow from its shape.

Shape-based interpolation by signed distances: S. P. Raya and J. K. Udupa, IEEE Trans. Med. Imaging 9 (1990) 32-42,
doi:10.1109/42.52980, and G. T. Herman, J. Zheng and C. A. Bucholtz, IEEE Comput. Graph. Appl. 12 (1992) 69-79,
doi:10.1109/38.135915. Here the shapes are brought to one centre first, so that an object which moves keeps its shape.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from talanoa.core.errors import BadInput
from talanoa.rois import masks as outlines
from talanoa.rois.linking import ANY, object_numbers
from talanoa.rois.linking_pairs import AUTOMATIC
from talanoa.rois.masks import Coverage, Mask, Window
from talanoa.rois.roi_set import RoiSet, concatenate, make_names, parse_name


class Interpolated(NamedTuple):
    """All ROIs, the new ones at the end; the indices of the new ones; how many objects got some."""

    rois: RoiSet
    new: list[int]
    objects: int


def between(low: Mask, high: Mask, part: float) -> Mask:
    """Return the shape between two shapes.

    Parameters
    ----------
    low, high : ndarray of bool (y, x)
        Neither is empty.
    part : float
        0 gives `low`, 1 gives `high`.
    """
    if part in (0, 1):
        return high if part else low
    return next(_shapes(low, high, [part]))


def interpolate(rois: RoiSet, only: Collection[int] = ()) -> Interpolated:
    """Add the outlines that are missing between the slices in which objects are drawn.

    Parameters
    ----------
    rois : RoiSet
        Bound to slices. Which ones are one object is told by `linking.object_numbers`.
    only : collection of int
        Indices of ROIs whose objects are meant; empty: all.

    Returns
    -------
    Interpolated
        Pixels of other ROIs are left to them. ROIs that ImageJ named by their place are named by their object, because
        their names would not tell that they belong together.

    Raises
    ------
    BadInput
        ROIs are not bound to slices.
    """
    if len(rois) and not rois.position[:, 1].all():
        loose = [rois.names[k] for k in np.flatnonzero(rois.position[:, 1] == 0)]
        raise BadInput(
            f"{len(loose)} ROIs ({', '.join(loose[:5])}) belong to no slice; expected ROIs with a position. "
            "In ImageJ tick 'Associate with slices' (ROI Manager, More, Options) and draw them again."
        )
    number = object_numbers(rois, reach=ANY)
    wanted = set(number[list(only)].tolist()) if only else set(number.tolist())
    rois = _with_object_names(rois, number)
    new: list[RoiSet] = []
    objects = set()
    covered = Coverage(rois) if len(rois) else None
    for one in sorted(wanted):
        for low, high in _key_pairs(rois, number, one):
            assert covered is not None
            new += _fill_gap(rois, low, high, covered)
            objects.add(one)
    complete = outlines.relabelled(concatenate([rois, *new]))
    return Interpolated(complete, list(range(len(rois), len(complete))), len(objects))


def _key_pairs(rois: RoiSet, number: NDArray[np.int64], one: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the outlines of an object in two slices between which it has none."""
    rows = np.flatnonzero(number == one)
    slices = np.unique(rois.position[rows, 1]).tolist()
    for low, high in pairwise(slices):
        if high - low > 1:
            yield tuple(rows[rois.position[rows, 1] == z].tolist() for z in (low, high))


def _fill_gap(rois: RoiSet, low: list[int], high: list[int], covered: Coverage) -> list[RoiSet]:
    """Return the outlines of one object in the slices between two of its slices; pixels of others are left to them."""
    window = outlines.window_of(rois[np.array(low + high)], margin=2)
    masks = [outlines.numbered(rois[np.array(some)], window) > 0 for some in (low, high)]
    if not all(mask.any() for mask in masks):
        return []
    first, last = int(rois.position[low[0], 1]), int(rois.position[high[0], 1])
    parts = [(z - first) / (last - first) for z in range(first + 1, last)]
    made = []
    for z, shape in enumerate(_shapes(masks[0], masks[1], parts), first + 1):
        position = rois.position[low[0]].copy()
        position[1] = z
        mask = shape & ~covered.taken(window, position)
        if mask.any():
            covered.add(window, position, mask)
            made.append(_outline(rois, low[0], mask, position, window))
    return made


def _outline(rois: RoiSet, model: int, mask: Mask, position: NDArray[np.int32], window: Window) -> RoiSet:
    """Return the outline of a mask at another place, named like ROI `model`."""
    name = outlines.base_name(rois.names[model])
    if parsed := parse_name(name):
        name = make_names(np.array([parsed[2]]), np.array([parsed[0]]), position[1:2])[0]
    made = outlines.traced(mask, window, [name], rois, model)
    index = np.where(made.stack_index > 0, position[1], 0)  # of a plain stack it is the slice
    return replace(made, position=np.tile(position, (len(made), 1)), stack_index=index.astype(np.int32))


def _with_object_names(rois: RoiSet, number: NDArray[np.int64]) -> RoiSet:
    """Name ROIs by their objects where ImageJ named them by their place."""
    if not any(AUTOMATIC.fullmatch(name) or not name for name in rois.names):
        return rois
    label = np.unique(number, return_inverse=True)[1] + 1
    names = make_names(label, np.maximum(rois.position[:, 2], 1), rois.position[:, 1])
    return replace(rois, names=names)


def _shapes(low: Mask, high: Mask, parts: Sequence[float]) -> Iterator[Mask]:
    """Yield the shapes at several parts of the way."""
    center_low, center_high = (np.array(ndimage.center_of_mass(mask)) for mask in (low, high))
    distance_low, distance_high = _signed_distance(low), _signed_distance(high)
    for part in parts:
        center = (1 - part) * center_low + part * center_high
        distance = (1 - part) * _moved(distance_low, center - center_low)
        distance += part * _moved(distance_high, center - center_high)
        yield distance > 0


def _signed_distance(mask: Mask) -> NDArray[np.float64]:
    """Return the distance to the outline in pixels, positive inside."""
    padded = np.pad(mask, 1)
    inside, outside = ndimage.distance_transform_edt(padded), ndimage.distance_transform_edt(~padded)
    return np.where(padded, inside - 0.5, 0.5 - outside)[1:-1, 1:-1]


def _moved(distance: NDArray[np.float64], by: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a map of distances moved by a part of a pixel; beyond its edge it goes on falling."""
    if not by.any():
        return distance
    reach = int(np.ceil(np.abs(by).max())) + 1
    wide = np.pad(distance, reach, mode="linear_ramp", end_values=float(distance.min()) - reach)
    return ndimage.shift(wide, by, order=1, mode="nearest")[reach:-reach, reach:-reach]
