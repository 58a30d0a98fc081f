"""Single outlines as small masks, and back: what checking, repairing and interpolating ROIs share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.rois import convert as module
from talanoa.rois.fill import pixels, spans
from talanoa.rois.linking_pairs import AUTOMATIC
from talanoa.rois.roi_set import TRACED, RoiSet, label_numbers, make_names, parse_name, starts
from talanoa.rois.trace import trace

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
    roi, pixel = _pixels(rois, window)
    owner[pixel] = roi + 1  # of several outlines numpy keeps the last, and they come in order
    return owner.reshape(window.height, window.width)


def mask_of(rois: RoiSet, index: int, window: Window) -> Mask:
    """Return the pixels of one outline in a window."""
    return numbered(rois[index], window) > 0


class Coverage:
    """Which pixels outlines cover, plane by plane, so that one that grows can leave the others alone.

    Parameters
    ----------
    rois : RoiSet
        Outlines that are bound to no slice or frame count in all of them.
    """

    def __init__(self, rois: RoiSet) -> None:
        self._rois = rois
        self._window = window_of(rois)
        self._planes: dict[tuple[int, int], Mask] = {}

    def taken(self, window: Window, position: NDArray[np.int32]) -> Mask:
        """Return the pixels in a window, in the plane of `position`, that outlines cover."""
        covered = np.zeros((window.height, window.width), bool)
        inside, here = self._overlap(window)
        covered[here] = self._plane(position)[inside]
        return covered

    def add(self, window: Window, position: NDArray[np.int32], mask: Mask) -> None:
        """Count the pixels of a mask as covered, too."""
        inside, here = self._overlap(window)
        self._plane(position)[inside] |= mask[here]

    def _overlap(self, window: Window) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return where a window and the canvas overlap, in the canvas and in the window."""
        both = []
        for first, size, begin, length in (
            (self._window.y, self._window.height, window.y, window.height),
            (self._window.x, self._window.width, window.x, window.width),
        ):
            low = max(first, begin)
            high = max(low, min(first + size, begin + length))
            both.append((slice(low - first, high - first), slice(low - begin, high - begin)))
        return (both[0][0], both[1][0]), (both[0][1], both[1][1])

    def _plane(self, position: NDArray[np.int32]) -> Mask:
        """Return the canvas of a plane."""
        place = (int(position[1]), int(position[2]))
        if place not in self._planes:
            bound = self._rois.position[:, 1:]
            same = ((bound == place) | (bound == 0) | (np.array(place) == 0)).all(axis=1)
            self._planes[place] = _covered(self._rois[same], self._window)
        return self._planes[place]


def _covered(rois: RoiSet, window: Window) -> Mask:
    """Return the pixels of a window that outlines cover."""
    canvas = np.zeros(window.height * window.width, bool)
    canvas[_pixels(rois, window)[1]] = True
    return canvas.reshape(window.height, window.width)


def _pixels(rois: RoiSet, window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (index of the outline, index into the flattened window) of every pixel of outlines."""
    shifted = replace(rois, xy=rois.xy - np.array([window.x, window.y], np.float32))
    return pixels(spans(shifted, window.height, window.width), window.width)


def traced(labels: NDArray, window: Window, names: Sequence[str], like: RoiSet, index: int) -> RoiSet:
    """Return outlines along the pixel edges of labels 1..n in a window, named in this order; ROI `index` is the model.

    Parameters
    ----------
    labels : ndarray of int or bool (y, x)
    window : Window
    names : sequence of str (n,)
    like, index : RoiSet, int
        The ROI that gives all of them their place and group.
    """
    found = trace(np.ascontiguousarray(labels, np.int32))
    label, n_paths = np.unique(found.path_label, return_counts=True)
    n = len(label)
    return RoiSet(
        found.xy + np.array([window.x, window.y], np.float32),
        found.path_start,
        starts(n_paths),
        tuple(names[k - 1] for k in label.tolist()),
        label.astype(np.int32),
        np.tile(like.position[index], (n, 1)),
        np.full(n, TRACED, np.uint8),
        np.full(n, like.group[index], np.uint8),
        np.full(n, like.stack_index[index], np.int32),
    )


def new_names(names: Sequence[str], index: int, centers: Sequence[tuple[float, float]]) -> list[str]:
    """Return names for further outlines made from one: in its own style, and none that is taken.

    A name of ours gets the next free label, one of ImageJ's (0003-0120-0071: slice, y, x) the new centre, any other a
    letter.

    Parameters
    ----------
    names : sequence of str
        All that are taken.
    index : int
        The one they are made from.
    centers : sequence of (y, x)
        Of the further outlines.
    """
    name = names[index]
    if parsed := parse_name(name):
        first = 1 + max((found[2] for found in map(parse_name, names) if found), default=0)
        label = np.arange(first, first + len(centers))
        frame, z = (np.full(len(centers), number) for number in parsed[:2])
        return list(make_names(label, frame, z if parsed[1] else None))
    if AUTOMATIC.fullmatch(name):
        prefix = f"{int(name.split('-')[0]):04d}-" if len(name.split("-")) > 2 else ""
        wanted = [f"{prefix}{round(y):04d}-{round(x):04d}" for y, x in centers]
        return [_free(one, set(names), "-{}", 1) for one in wanted]
    taken, result = set(names), []
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
