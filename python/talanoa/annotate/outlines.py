"""Single outlines as small masks, and back: what checking, repairing and interpolating ROIs share."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa import rois as module
from talanoa.roi_fill import pixels, spans
from talanoa.roi_objects import AUTOMATIC
from talanoa.roi_set import RoiSet, label_numbers, make_names, parse_name

Mask = NDArray[np.bool_]


class Window(NamedTuple):
    """A rectangle of pixels: its upper left corner, height and width; it may reach beyond the image."""

    y: int
    x: int
    height: int
    width: int


def window_of(rois: RoiSet, margin: int = 1) -> Window:
    """Return the rectangle around outlines, with a margin in pixels."""
    low, high = module.bounds(rois)
    x, y = np.floor(low.min(axis=0)).astype(int) - margin
    end_x, end_y = np.ceil(high.max(axis=0)).astype(int) + margin
    return Window(int(y), int(x), int(end_y - y), int(end_x - x))


def numbered(rois: RoiSet, window: Window) -> NDArray[np.int32]:
    """Return which outline owns each pixel of a window: index + 1, the later one where they overlap, 0 for none."""
    owner = np.zeros(window.height * window.width, np.int32)
    shifted = replace(rois, xy=rois.xy - np.array([window.x, window.y], np.float32))
    roi, pixel = pixels(spans(shifted, window.height, window.width), window.width)
    owner[pixel] = roi + 1  # of several outlines numpy keeps the last, and they come in order
    return owner.reshape(window.height, window.width)


def mask_of(rois: RoiSet, index: int, window: Window) -> Mask:
    """Return the pixels of one outline in a window."""
    return numbered(rois[index], window) > 0


def others(rois: RoiSet, indices: Collection[int], window: Window, position: NDArray[np.int32] | None = None) -> Mask:
    """Return the pixels in a window of further outlines, in the plane of `indices`, or of `position`."""
    place = rois.position[next(iter(indices)), 1:] if position is None else position[1:]
    low, high = module.bounds(rois)
    near = ((high[:, 0] > window.x) & (low[:, 0] < window.x + window.width)) & (
        (high[:, 1] > window.y) & (low[:, 1] < window.y + window.height)
    )
    same = ((rois.position[:, 1:] == place) | (rois.position[:, 1:] == 0) | (place == 0)).all(axis=1)
    rows = [k for k in np.flatnonzero(near & same).tolist() if k not in indices]
    return numbered(rois[np.array(rows, int)], window) > 0 if rows else np.zeros((window.height, window.width), bool)


def traced(
    labels: NDArray, window: Window, names: Sequence[str], position: NDArray[np.int32], group: int = 0
) -> RoiSet:
    """Return outlines along the pixel edges of labels 1..n in a window, named in this order.

    Parameters
    ----------
    labels : ndarray of int or bool (y, x)
    window : Window
    names : sequence of str (n,)
    position : ndarray of int32 (3,)
        Channel, slice and frame of all of them.
    group : int
    """
    found = module.from_labels(images.from_array(labels.astype(np.int32), "yx"))
    kept = [names[label - 1] for label in found.label.tolist()]
    return replace(
        found,
        xy=found.xy + np.array([window.x, window.y], np.float32),
        names=tuple(kept),
        position=np.tile(np.asarray(position, np.int32), (len(found), 1)),
        group=np.full(len(found), group, np.uint8),
    )


def new_names(rois: RoiSet, index: int, centers: Sequence[tuple[float, float]]) -> list[str]:
    """Return names for further outlines made from one: in its own style, and none that is taken.

    A name of ours gets the next free label, one of ImageJ's (0003-0120-0071: slice, y, x) the new centre, any other a
    letter.

    Parameters
    ----------
    rois : RoiSet
    index : int
        The one they are made from.
    centers : sequence of (y, x)
        Of the further outlines.
    """
    name = rois.names[index]
    if parsed := parse_name(name):
        first = 1 + max((found[2] for found in map(parse_name, rois.names) if found), default=0)
        label = np.arange(first, first + len(centers))
        frame, z = (np.full(len(centers), number) for number in parsed[:2])
        return list(make_names(label, frame, z if parsed[1] else None))
    if AUTOMATIC.fullmatch(name):
        prefix = f"{int(name.split('-')[0]):04d}-" if len(name.split("-")) > 2 else ""
        wanted = [f"{prefix}{round(y):04d}-{round(x):04d}" for y, x in centers]
        return [_free(one, set(rois.names), "-{}", 1) for one in wanted]
    taken, result = set(rois.names), []
    for _ in centers:
        result.append(next(f"{name}{letter}" for letter in _letters() if f"{name}{letter}" not in taken))
        taken.add(result[-1])
    return result


def relabelled(rois: RoiSet) -> RoiSet:
    """Return ROIs whose labels are those that their names tell, else 1..n."""
    return replace(rois, label=label_numbers(rois.names, rois.position))


def base_name(name: str) -> str:
    """Return a name without the ending (-1, -2, …) by which ImageJ tells ROIs of one name apart."""
    return name if AUTOMATIC.fullmatch(name) else re.sub(r"-\d+$", "", name)


def _letters() -> list[str]:
    """Return b, c, … z, then numbers."""
    return [*map(chr, range(ord("b"), ord("z") + 1)), *(f" {k}" for k in range(27, 1000))]


def _free(name: str, taken: set[str], ending: str, number: int) -> str:
    """Return a name that is not taken."""
    free = name
    while free in taken:
        free, number = name + ending.format(number), number + 1
    return free
