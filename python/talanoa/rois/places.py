"""Where the ROIs of a file lie in an image: channel, slice and frame, or the one index of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talanoa.rois.decoding import Decoded
from talanoa.rois.roi_set import RoiSet, parse_name


def has_index(roi: Decoded) -> bool:
    """Return whether a ROI is bound by the one index of a stack."""
    return max(roi.czt) <= 0 < roi.stack_index


def of(found: Sequence[Decoded], image_shape: Sequence[int] | None) -> tuple[NDArray[np.int32], list[str]]:
    """Return channel, slice and frame of ROIs (n, 3), 0 where they are not bound, and notes.

    One index is read as ImageJ 1.54 reads it: in a hyperstack it is the slice, in one without slices the frame. Files
    of other sources count all planes of a hyperstack; they are known by an index beyond the slices or frames.

    Parameters
    ----------
    found : sequence of Decoded
    image_shape : (y, x), (t, z, y, x) or (t, c, z, y, x), optional
        Sizes of the image; without them the index is given as the slice.
    """
    c, z, t = sizes(image_shape)
    loose = [roi for roi in found if has_index(roi) and _by_name(roi) is None]
    last = max((roi.stack_index for roi in loose), default=0)
    counted = (z if z > 1 else t) < last <= c * z * t
    rows = [_place(roi, (c, z, t), counted, image_shape is not None and len(image_shape) > 4) for roi in found]
    position = np.array(rows, np.int32).reshape(-1, 3).clip(0)
    return position, _notes(loose, (c, z, t), counted)


def sizes(image_shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Return channels, slices and frames of an image shape; 1 where it does not tell."""
    if image_shape is None or len(image_shape) < 4:
        return 1, 1, 1
    t, *c, z = (int(size) for size in image_shape[:-2])
    return (c[0] if c else 1), z, t


def on_axis(rois: RoiSet, frames: int, slices: int) -> tuple[RoiSet, str]:
    """Return ROIs bound to the axis that an image has, and a note where they were bound to the other one.

    One program (or setting of ImageJ) calls the planes of a stack slices, another one frames. In an image with one of
    the two axes, ROIs whose positions lie along the other one, and fit, are taken for the one that is there.
    """
    z, frame = rois.position[:, 1], rois.position[:, 2]
    last_z, last_frame = int(z.max(initial=0)), int(frame.max(initial=0))
    if slices == 1 < frames and last_frame <= 1 < last_z <= frames:
        place = np.stack([rois.position[:, 0], np.minimum(z, 1), z], axis=1)
        known = not last_frame  # the one index of a plain stack
        note = "" if known else f"The ROIs are bound to slices, the image has {frames} frames: taken as frames."
    elif frames == 1 < slices and last_z <= 1 < last_frame <= slices:
        place = np.stack([rois.position[:, 0], frame, np.minimum(frame, 1)], axis=1)
        note = f"The ROIs are bound to frames, the image has {slices} slices: taken as slices."
    else:
        return rois, ""
    return replace(rois, position=place.astype(np.int32)), note


def _place(roi: Decoded, size: tuple[int, int, int], counted: bool, channels: bool) -> tuple[int, int, int]:
    """Return channel, slice and frame of one ROI."""
    c, z, t = size
    if not has_index(roi):
        return roi.czt
    if named := _by_name(roi):
        return named
    index = roi.stack_index
    if counted:
        rest, channel = divmod(index - 1, c)
        frame, plane = divmod(rest, z)
        return (channel + 1 if channels else 0, plane + 1, frame + 1)
    if z == 1 < t:
        return (0, 1, index)
    return (0, index, 1 if t > 1 else 0)


def _by_name(roi: Decoded) -> tuple[int, int, int] | None:
    """Return the place that a name of ours gives, where the index agrees with it."""
    parsed = parse_name(roi.name)
    if parsed and roi.stack_index == (parsed[1] or parsed[0]):
        return (0, parsed[1] or 1, parsed[0])
    return None


def _notes(loose: Sequence[Decoded], size: tuple[int, int, int], counted: bool) -> list[str]:
    """Say how the one index was read in a hyperstack, where it can mean two things."""
    c, z, t = size
    if not loose or (c > 1) + (z > 1) + (t > 1) < 2:
        return []
    axis = "slice" if z > 1 else "frame"
    way = (
        f"counted through all channels, slices and frames, because one is larger than the number of {axis}s"
        if counted
        else f"taken for the {axis}, as ImageJ does"
    )
    names = ", ".join(roi.name for roi in loose[:5]) + (", …" if len(loose) > 5 else "")
    return [f"{len(loose)} ROI{'s' * (len(loose) > 1)} ({names}) of a hyperstack have one stack index; it was {way}."]
