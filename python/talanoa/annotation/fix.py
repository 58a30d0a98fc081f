"""Repairs of outlines: split, merge, fill, delete, smooth, clip, simplify. What is not meant stays exactly as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from talanoa.annotation.split import cut_along, divide
from talanoa.core.errors import BadInput
from talanoa.rois import masks
from talanoa.rois.masks import Coverage, Mask, Window
from talanoa.rois.roi_set import RoiSet, concatenate, parse_name

_BRIDGE = 5  # pixels; parts that lie closer are joined when merged
_CROSS = np.ones((3, 3), bool)


class Settings(NamedTuple):
    """What some repairs need.

    Parameters
    ----------
    line : (x1, y1, x2, y2), optional
        split: cut along this line, in pixels; else at the necks.
    pieces : int
        split: how many.
    smoothing : float
        smooth: sigma in pixels.
    size : (height, width), optional
        clip: of the image.
    """

    line: tuple[float, float, float, float] | None = None
    pieces: int = 2
    smoothing: float = 2.0
    size: tuple[int, int] | None = None


class Fixed(NamedTuple):
    """All ROIs in order, the indices of those that are new or changed, and a note."""

    rois: RoiSet
    changed: list[int]
    note: str


def apply(rois: RoiSet, fix: str, indices: Sequence[int], settings: Settings = Settings()) -> Fixed:  # noqa: B008
    """Repair some ROIs.

    Parameters
    ----------
    rois : RoiSet
    fix : {"split", "merge", "fill", "delete", "smooth", "clip", "simplify"}
    indices : sequence of int
        Which ones, from 0.
    settings : Settings

    Returns
    -------
    Fixed
        ROIs that are not meant are the same, in the same order. What a repair adds, it takes from the background only.

    Raises
    ------
    BadInput
        No such ROI; too few for a merge; a line that does not cut; a ROI that cannot be split.
    """
    chosen = sorted(set(indices))
    if not chosen or chosen[-1] >= len(rois):
        found = f"index {chosen[-1]}" if chosen else "no index"
        raise BadInput(f"Found {found} and {len(rois)} ROIs; expected index=0 to {len(rois) - 1}. Select the ROIs.")
    work = _Work(rois, settings, Coverage(rois), list(rois.names))
    replaced = _merge(work, chosen) if fix == "merge" else {k: SINGLE[fix](work, k) for k in chosen}
    pieces: list[RoiSet] = []
    changed: list[int] = []
    place = following = 0
    for k, piece in sorted(replaced.items()):
        place += k - following
        changed += range(place, place + len(piece))
        pieces += [rois[following:k], piece]
        place, following = place + len(piece), k + 1
    pieces.append(rois[following:])
    complete = masks.relabelled(concatenate([piece for piece in pieces if len(piece)]))
    return Fixed(complete, changed, _note(fix, len(chosen), len(changed)))


@dataclass
class _Work:
    """What the repairs of one call share: what is covered, and the names that are taken, are kept up to date."""

    rois: RoiSet
    settings: Settings
    coverage: Coverage
    names: list[str]


def _split(work: _Work, index: int) -> RoiSet:
    rois, settings = work.rois, work.settings
    window = masks.window_of(rois[index])
    mask = masks.mask_of(rois, index, window)
    if settings.line is not None:
        x1, y1, x2, y2 = settings.line
        labels = cut_along(mask, (y1 - window.y, x1 - window.x), (y2 - window.y, x2 - window.x))
    else:
        labels = divide(mask, settings.pieces)
    count = int(labels.max(initial=0))
    if count < 2:
        why = (
            "the line does not cut it in two"
            if settings.line
            else f"it has too few pixels for {settings.pieces} pieces"
        )
        raise BadInput(f"ROI {rois.names[index]} was not split: {why}. Draw a line across it, and split along that.")
    centers = ndimage.center_of_mass(labels > 0, labels, range(2, count + 1))
    names = masks.new_names(work.names, index, [(y + window.y, x + window.x) for y, x in centers])
    work.names += names
    return masks.traced(labels, window, [rois.names[index], *names], rois, index)


def _fill(work: _Work, index: int) -> RoiSet:
    return _grown(work, index, lambda mask: ndimage.binary_fill_holes(mask), 1)


def _smooth(work: _Work, index: int) -> RoiSet:
    def smoothed(mask: Mask) -> Mask:
        soft = ndimage.gaussian_filter(mask.astype(np.float32), work.settings.smoothing) > 0.5
        return _largest(soft) if soft.any() else mask

    return _grown(work, index, smoothed, int(3 * work.settings.smoothing) + 1, free=True)


def _simplify(work: _Work, index: int) -> RoiSet:
    return _grown(work, index, lambda mask: _largest(ndimage.binary_fill_holes(mask)), 1, free=True)


def _clip(work: _Work, index: int) -> RoiSet:
    rois, settings = work.rois, work.settings
    if settings.size is None:
        raise BadInput("The size of the image is not known; expected an open image, or image=<name or file>.")
    height, width = settings.size
    window = masks.window_of(rois[index])
    rows, columns = np.arange(window.height) + window.y, np.arange(window.width) + window.x
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    mask = masks.mask_of(rois, index, window)
    if (mask <= inside).all():
        return rois[index]
    return _as_one(rois, index, mask & inside, window)


def _delete(work: _Work, index: int) -> RoiSet:
    return work.rois[np.zeros(0, int)]


def _merge(work: _Work, chosen: Sequence[int]) -> dict[int, RoiSet]:
    """Join ROIs of one plane to one outline; those of several slices get the name of one object."""
    if len(chosen) < 2:
        raise BadInput(f"Found {len(chosen)} ROI to merge; expected two or more. Select the parts, then merge.")
    rois = work.rois
    places = [tuple(np.maximum(rois.position[k, 1:], 1).tolist()) for k in chosen]
    replaced: dict[int, RoiSet] = {}
    for place in dict.fromkeys(places):
        same = [k for k, where in zip(chosen, places, strict=True) if where == place]
        window = masks.window_of(rois[np.array(same)], margin=_BRIDGE + 1)
        mask = masks.numbered(rois[np.array(same)], window) > 0
        free = ~work.coverage.taken(window, rois.position[same[0]])
        joined = mask | (_bridged(mask) & free)
        merged = (
            rois[same[0]] if len(same) == 1 else _as_one(rois, same[0], joined, window, int(rois.group[same].max()))
        )
        replaced |= {same[0]: _renamed(merged, rois.names[chosen[0]], place)}
        replaced |= {k: rois[np.zeros(0, int)] for k in same[1:]}
    return replaced


def _renamed(merged: RoiSet, name: str, place: tuple[int, ...]) -> RoiSet:
    """Return an outline named as a part of the object `name`."""
    parsed = parse_name(name)
    if parsed and parsed[1]:
        name = f"T{parsed[0]:04d}_Z{place[0]:03d}_L{parsed[2]:05d}"
    return replace(merged, names=(name,) * len(merged))


def _bridged(mask: Mask) -> Mask:
    """Return a mask whose parts are joined where they lie close."""
    for reach in range(1, _BRIDGE + 1):
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        closed = ndimage.binary_closing(mask, x**2 + y**2 <= (reach + 0.5) ** 2)
        if ndimage.label(closed | mask, _CROSS)[1] < ndimage.label(mask, _CROSS)[1]:
            return closed
    return mask


def _grown(work: _Work, index: int, change: Callable[[Mask], Mask], margin: int, free: bool = False) -> RoiSet:
    """Return a ROI with a changed mask; it gains background only, and with `free` it may lose pixels."""
    rois, position = work.rois, work.rois.position[index]
    window = masks.window_of(rois[index], margin)
    mask = masks.mask_of(rois, index, window)
    changed = change(mask) & (mask | ~work.coverage.taken(window, position))
    changed = changed if free else changed | mask
    work.coverage.add(window, position, changed & ~mask)
    if (changed == mask).all() and len(rois.paths(index)) == 1:
        return rois[index]
    return _as_one(rois, index, changed, window)


def _as_one(rois: RoiSet, index: int, mask: Mask, window: Window, group: int | None = None) -> RoiSet:
    """Return a mask as one outline with the name and the place of a ROI; none where it is empty."""
    if not mask.any():
        return rois[np.zeros(0, int)]
    made = masks.traced(mask, window, [rois.names[index]], rois, index)
    return made if group is None else replace(made, group=np.full(len(made), group, np.uint8))


def _largest(mask: NDArray) -> Mask:
    """Return the largest part of a mask."""
    labels, count = ndimage.label(mask, _CROSS)
    return labels == 1 + np.bincount(labels.ravel())[1:].argmax() if count else mask


def _note(fix: str, before: int, after: int) -> str:
    words = {"split": "split into", "merge": "merged to", "delete": "deleted", "clip": "clipped", "fill": "filled"}
    said = words.get(fix, f"{fix}ed" if fix == "smooth" else "simplified")
    ending = f" {after}" if fix in ("split", "merge") else ""
    return f"{before} ROI{'s' * (before != 1)} {said}{ending}."


SINGLE: dict[str, Callable[[_Work, int], RoiSet]] = {
    "split": _split,
    "fill": _fill,
    "delete": _delete,
    "smooth": _smooth,
    "clip": _clip,
    "simplify": _simplify,
}
