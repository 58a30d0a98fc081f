"""Labels to ROIs and back, exactly: traced outlines give the label image they came from, pixel by pixel.

The parts: `roi_set` holds the outlines, `trace` follows pixel edges, `talanoa.rois.fill` knows which pixels are inside
(as
ImageJ's masks do), `talanoa.rois.files` reads and writes ImageJ's files. This module is the front of all four.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa import image
from talanoa.core.errors import BadInput
from talanoa.rois.fill import pixels, spans
from talanoa.rois.places import on_axis
from talanoa.rois.roi_set import (
    TRACED,
    RoiSet,
    bound_in,
    concatenate,
    fill_numbers,
    make_names,
    parse_name,
    starts,
)
from talanoa.rois.trace import trace

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


_CHUNK = 1 << 22  # pixels painted at once


@dataclass(frozen=True)
class Filled:
    """A label image made from ROIs, and what the ROIs would not tell by themselves.

    Attributes
    ----------
    labels : xarray.DataArray
        int32 (t, 1, z, y, x).
    overlaps : pandas.DataFrame
        Columns Frame, Plane, Earlier, Later (names of two ROIs) and Pixels, the number of pixels that the later ROI
        took from the earlier one.
    clipped, outside, empty, covered : tuple of str
        Names of ROIs that reach beyond the image; that lie outside it; whose outline holds no pixel centre; of which no
        pixel is left because later ROIs cover them.
    warnings : list of str
        All of this in words, for the user.
    """

    labels: xr.DataArray
    overlaps: pd.DataFrame
    clipped: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    covered: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


def from_labels(labels: xr.DataArray) -> RoiSet:
    """Trace every object of a label image: one ROI per frame, slice and label.

    Parameters
    ----------
    labels : xarray.DataArray
        Whole numbers (t, 1, z, y, x), 0 = background.

    Returns
    -------
    RoiSet
        Corners on pixel edges. Holes and several parts of an object are paths of its one composite ROI. Names are
        T0001_L00012, or T0001_Z003_L00012 in stacks; ROIs of stacks and time-lapses are bound to their slice and frame.

    Raises
    ------
    BadInput
        No label image: more than one channel, negative numbers or fractions.
    """
    values = _check_labels(labels)
    n_t, n_z = values.shape[:2]
    parts = [
        _trace_plane(values[t, z], t + 1, z + 1, n_z > 1, n_z > 1 or n_t > 1) for t in range(n_t) for z in range(n_z)
    ]
    return bound_in(concatenate([part for part in parts if len(part)]), 1, n_z, n_t)


def to_labels(rois: RoiSet, shape: Sequence[int] | None = None, like: xr.DataArray | None = None) -> Filled:
    """Paint ROIs into a label image; where they overlap, the later ROI wins, and the overlap is reported.

    Parameters
    ----------
    rois : RoiSet
        `rois.label` are the numbers painted; where one occurs twice in a plane, the later ROI gets a free number. ROIs
        that are not bound to a frame or slice are painted in all of them. In an image of one plane, positions are
        ignored when all ROIs have the same one. Channels are ignored; frames and slices of an image with one of them
        stand for each other (`on_axis`).
    shape : (t, z, y, x), optional
        Sizes of the label image; may be left out when `like` is given.
    like : xarray.DataArray, optional
        An image (t, c, z, y, x) that gives the sizes and the pixel size.

    Returns
    -------
    Filled

    Raises
    ------
    BadInput
        Neither `shape` nor `like` is given, or they disagree.
    """
    n_t, n_z, height, width = _sizes(shape, like)
    rois, note = on_axis(rois, n_t, n_z)
    number = _numbers(rois)
    n_c = 1 if like is None else int(like.sizes["c"])
    painted = np.zeros((n_t, 1, n_z, height, width), np.int32)
    report = _Report(np.zeros(len(rois), np.int64), np.zeros(len(rois), bool), np.zeros(len(rois), bool), [])
    for (t, z), chosen in _by_plane(rois, n_t, n_z, n_c):
        owner = _paint(rois, chosen, (height, width), (t, z), report)
        report.left[:] |= np.bincount(owner.ravel(), minlength=len(rois) + 1)[1:] > 0
        painted[t, 0, z] = np.concatenate([[0], number])[owner]
    filled = _filled(rois, _label_image(painted, like), report, (height, width))
    notes = [text for text in (note, _number_note(rois, number)) if text]
    return replace(filled, warnings=[*notes, *filled.warnings])


class _Report(NamedTuple):
    """What was seen while painting, by ROI index; `pairs` holds (t, z, earlier, later, pixels) blocks."""

    area: NDArray[np.int64]
    placed: NDArray[np.bool_]
    left: NDArray[np.bool_]
    pairs: list[NDArray[np.int64]]


def _check_labels(labels: xr.DataArray) -> NDArray[np.int32]:
    """Return labels as int32 (t, z, y, x), or say why they are none."""
    if tuple(labels.dims) != ("t", "c", "z", "y", "x") or labels.sizes["c"] != 1:
        raise BadInput(
            f"Found an image with axes {dict(labels.sizes)}; expected a label image (t, c, z, y, x) with one channel. "
            "Choose the channel that holds the labels."
        )
    values = np.asarray(labels.values)[:, 0]
    if values.dtype == np.int32 and not (values.size and values.min() < 0):
        return values
    whole = values.astype(np.int64)
    if not np.array_equal(whole, values) or (whole.size and not 0 <= whole.min() <= whole.max() < 2**31):
        raise BadInput(
            f"Found values from {values.min()} to {values.max()} ({values.dtype}); expected a label image: whole "
            "numbers, 0 for the background. Segment the image first, or give its label image."
        )
    return whole.astype(np.int32)


def _trace_plane(plane: NDArray[np.int32], frame: int, z: int, stack: bool, bound: bool) -> RoiSet:
    """Trace one plane and name its ROIs."""
    outlines = trace(plane)
    label, n_paths = np.unique(outlines.path_label, return_counts=True)
    n = len(label)
    t, s = np.full(n, frame), np.full(n, z)
    position = np.stack([np.zeros(n, int), s, t], axis=1) if bound else np.zeros((n, 3), int)
    names = make_names(label, t, s if stack else None)
    return RoiSet(
        outlines.xy,
        outlines.path_start,
        starts(n_paths),
        names,
        label.astype(np.int32),
        position.astype(np.int32),
        np.full(n, TRACED, np.uint8),
    )


def _sizes(shape: Sequence[int] | None, like: xr.DataArray | None) -> tuple[int, int, int, int]:
    """Return (t, z, y, x)."""
    wanted = None if like is None else tuple(int(like.sizes[dim]) for dim in "tzyx")
    given = None if shape is None else tuple(int(size) for size in shape)
    if given is not None and len(given) == 2:
        given = (1, 1, *given)
    if given and wanted and given != wanted:
        raise BadInput(
            f"Found sizes {given} and an image of {wanted} (t, z, y, x); expected the same. Give one of them."
        )
    sizes = given or wanted
    if sizes is None or len(sizes) != 4 or min(sizes) < 1:
        raise BadInput(f"Found the sizes {sizes}; expected (t, z, y, x) of the image that the ROIs were drawn in.")
    return sizes


def _numbers(rois: RoiSet) -> NDArray[np.int32]:
    """Return the numbers to paint: the labels, and free numbers where two ROIs of one plane share one."""
    places = np.column_stack([rois.label, rois.position[:, 1:]])
    _, first = np.unique(places, axis=0, return_index=True)
    if len(first) == len(rois) and rois.label.min(initial=1) > 0:
        return rois.label
    number = np.zeros(len(rois), np.int64)
    number[first] = rois.label[first].clip(0)
    return fill_numbers(number)


def _number_note(rois: RoiSet, number: NDArray[np.int32]) -> str:
    """Say which ROIs got a free number while the names of others give theirs."""
    if np.array_equal(number, np.arange(1, len(number) + 1)):
        return ""
    own = [parsed[2] if parsed else 0 for parsed in map(parse_name, rois.names)]
    new = np.flatnonzero(np.array(own) != number).tolist()
    if not new or len(new) == len(rois):
        return ""
    listed = ", ".join(f"{rois.names[k]} → {number[k]}" for k in new[:5]) + (", …" if len(new) > 5 else "")
    return (
        f"{len(new)} ROI{'s' * (len(new) > 1)} without an object number of its own in the name got a free number "
        f"({listed}); the other objects keep theirs."
    )


def _by_plane(rois: RoiSet, n_t: int, n_z: int, n_c: int) -> Iterator[tuple[tuple[int, int], NDArray[np.int64]]]:
    """Yield ((t, z) from 0, ROI indices) for every plane that has ROIs."""
    frame, z = plane_positions(rois.position, n_t, n_z, n_c)
    for t in range(n_t):
        here = (frame == 0) | (frame == t + 1)
        for s in range(n_z):
            chosen = np.flatnonzero(here & ((z == 0) | (z == s + 1)))
            if len(chosen):
                yield (t, s), chosen


def plane_positions(position: NDArray, n_t: int, n_z: int, n_c: int = 1) -> tuple[NDArray, NDArray]:
    """Return frame and slice of each ROI in an image of `n_t` frames and `n_z` slices; 0 where it is not bound.

    A stack with one long axis has one index in ImageJ, which is kept as the slice: in a time-lapse it is the frame, in
    an image of several channels the channel. An image of one plane holds all ROIs when they have the same position.
    """
    z, frame = position[:, 1], position[:, 2]
    if n_z == 1 and n_t > 1 and len(frame) and not frame.any():
        return z, np.zeros_like(z)
    if n_z == n_t == 1 and len(frame) and (n_c > 1 or ((z == z[0]) & (frame == frame[0])).all()):
        return np.zeros_like(z), np.zeros_like(z)
    return frame, z


def _paint(
    rois: RoiSet, chosen: NDArray[np.int64], size: tuple[int, int], place: tuple[int, int], report: _Report
) -> NDArray[np.int32]:
    """Paint ROIs into one plane; return for every pixel the index of its last ROI + 1, 0 where there is none."""
    owner = np.zeros(size, np.int32)
    report.placed[chosen] = True
    for some in _chunks(rois, chosen, size):
        roi, pixel = pixels(spans(rois[some], *size), size[1])
        roi = some[roi]
        report.area[:] += np.bincount(roi, minlength=len(rois))
        pairs = _put(owner.reshape(-1), roi, pixel)
        report.pairs.append(np.column_stack([np.broadcast_to(np.array(place), (len(pairs), 2)), pairs]))
    return owner


def _chunks(rois: RoiSet, chosen: NDArray[np.int64], size: tuple[int, int]) -> Iterator[NDArray[np.int64]]:
    """Split ROI indices into runs whose bounding boxes together hold about `_CHUNK` pixels."""
    low, high = bounds(rois)
    box = np.clip(high[chosen], 0, size[::-1]) - np.clip(low[chosen], 0, size[::-1])
    run = np.cumsum(box.astype(np.float64).prod(axis=1)) // _CHUNK
    yield from np.split(chosen, np.flatnonzero(np.diff(run)) + 1)


def _put(owner: NDArray[np.int32], roi: NDArray[np.int64], pixel: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give pixels to ROIs, in order; return rows (earlier, later, pixels) of ROIs that lost pixels to another."""
    before = owner[pixel]
    owner[pixel] = roi + 1  # of several ROIs, numpy keeps the last
    contested = np.zeros(len(owner), bool) if len(pixel) else owner.astype(bool)
    contested[pixel[(owner[pixel] != roi + 1) | (before > 0)]] = True
    disputed = np.flatnonzero(contested[pixel])
    disputed = disputed[np.argsort(pixel[disputed], kind="stable")]
    where, later, earlier = pixel[disputed], roi[disputed], before[disputed].astype(np.int64) - 1
    again = np.flatnonzero(where[1:] == where[:-1]) + 1
    earlier[again] = later[again - 1]
    took = earlier >= 0
    pairs, count = np.unique(np.stack([earlier[took], later[took]], axis=1), axis=0, return_counts=True)
    return np.column_stack([pairs, count])


def bounds(rois: RoiSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the lowest and highest x, y of each ROI: two (n, 2) arrays, 0 for a ROI without vertices."""
    vertex = rois.path_start[rois.roi_start]
    drawn = np.diff(vertex) > 0
    low, high = np.zeros((2, len(rois), 2), np.float32)
    if drawn.any():
        low[drawn] = np.minimum.reduceat(rois.xy, vertex[:-1][drawn], axis=0)
        high[drawn] = np.maximum.reduceat(rois.xy, vertex[:-1][drawn], axis=0)
    return low, high


def _label_image(values: NDArray[np.int32], like: xr.DataArray | None) -> xr.DataArray:
    """Wrap labels in the image form, with the pixel size of `like`."""
    known = {} if like is None else like.attrs
    kept = {key: known[key] for key in ("pixel_size", "unit", "frame_interval", "name") if key in known}
    return image.from_array(values, image.DIMS, **kept)


def _filled(rois: RoiSet, labels: xr.DataArray, report: _Report, size: tuple[int, int]) -> Filled:
    """Put the report into words."""
    low, high = bounds(rois)
    beyond = ((low < -0.5) | (high > np.array(size[::-1]) + 0.5)).any(axis=1)
    outside = ~report.placed | ((report.area == 0) & ((high <= 0) | (low >= np.array(size[::-1]))).any(axis=1))
    found = {
        "clipped": beyond & ~outside & (report.area > 0),
        "outside": outside,
        "empty": (report.area == 0) & ~outside,
        "covered": (report.area > 0) & ~report.left,
    }
    names = {key: tuple(rois.names[i] for i in np.flatnonzero(hit)) for key, hit in found.items()}
    overlaps = _overlap_table(rois, report)
    return Filled(labels, overlaps, **names, warnings=_warnings(names, overlaps, labels))


def _overlap_table(rois: RoiSet, report: _Report) -> pd.DataFrame:
    """List the pairs of ROIs that share pixels."""
    import pandas as pd

    rows = np.concatenate([np.zeros((0, 5), np.int64), *report.pairs])
    return pd.DataFrame(
        {
            "Frame": rows[:, 0] + 1,
            "Plane": rows[:, 1] + 1,
            "Earlier": [rois.names[i] for i in rows[:, 2].tolist()],
            "Later": [rois.names[i] for i in rows[:, 3].tolist()],
            "Pixels": rows[:, 4],
        }
    )


def _warnings(names: dict[str, tuple[str, ...]], overlaps: pd.DataFrame, labels: xr.DataArray) -> list[str]:
    """Say what happened to which ROIs."""
    sizes = " x ".join(str(labels.sizes[dim]) for dim in "tzyx")
    texts = {
        "outside": f"outside the image ({sizes}, t x z x y x x), not painted",
        "clipped": "reach beyond the image and were cut at its border",
        "empty": "hold no pixel centre, nothing painted",
        "covered": "completely covered by later ROIs, no pixel is left",
    }
    found = [f"{name_some(names[key])}: {text}." for key, text in texts.items() if names[key]]
    if len(overlaps):
        worst = int(overlaps["Pixels"].argmax())
        earlier, later, most = (overlaps[key].iloc[worst] for key in ("Earlier", "Later", "Pixels"))
        found.append(
            f"{len(overlaps)} pairs of ROIs overlap in {overlaps['Pixels'].sum()} pixels, which went to the later ROI; "
            f"most, {most}, between {earlier} and {later}."
        )
    return found


def name_some(names: Sequence[str], most: int = 5) -> str:
    """Return '3 ROIs (a, b, c)', with at most `most` names."""
    listed = ", ".join(names[:most]) + (", …" if len(names) > most else "")
    return f"{len(names)} ROI{'' if len(names) == 1 else 's'} ({listed})"
