"""Contours through the centres of border pixels (Cellpose, OpenCV): ImageJ draws along pixel edges, so they lack half a
pixel all around, 81 pixels instead of 100 for a square of 10 x 10."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from talanoa.rois.fill import pixels, spans
from talanoa.rois.linking_pairs import AUTOMATIC
from talanoa.rois.roi_set import TRACED, RoiSet, concatenate, parse_name, starts
from talanoa.rois.trace import trace

_FEWEST = 8  # corners of a contour that tell how it was made
_BY_PROGRAM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # names that roifile gives
_OF_CELLPOSE = re.compile(r"(?i)_(rois\.zip|cp_outlines\.txt)$")


def whole(rois: RoiSet, path: Path) -> tuple[RoiSet, list[str]]:
    """Return ROIs with the border pixels that contours through pixel centres leave out, and a note.

    Parameters
    ----------
    rois : RoiSet
        All ROIs of a file. They are contours of pixel centres when every corner is a step of one pixel from the next.
    path : Path
        The file: Cellpose's files end in ``_rois.zip``; its ROIs carry names that a program made.
    """
    if not len(rois) or not are_pixel_chains(rois):
        return rois, []
    if _OF_CELLPOSE.search(path.name) or all(map(_BY_PROGRAM.fullmatch, rois.names)):
        note = (
            f"{path.name} holds contours through the centres of border pixels, as Cellpose writes them: the border "
            "pixels were added, so that the objects have their full size."
        )
        return with_border(rois), [note]
    if all(parse_name(name) or AUTOMATIC.fullmatch(name) for name in rois.names):
        return rois, []  # drawn in ImageJ, along pixel edges
    note = (
        f"{path.name} looks like contours through the centres of border pixels, as Cellpose or OpenCV write them; "
        "objects are one pixel smaller then. If it is, let its name end in _rois.zip, or take the label image."
    )
    return rois, [note]


def are_pixel_chains(rois: RoiSet) -> bool:
    """Return whether every ROI is one path of whole-number corners, each a step of one pixel from the next."""
    count = np.diff(rois.path_start)
    if (rois.kind == TRACED).any() or (np.diff(rois.roi_start) != 1).any() or not (count >= _FEWEST).any():
        return False
    following = np.arange(1, len(rois.xy) + 1)
    following[rois.path_start[1:] - 1] = rois.path_start[:-1]
    step = np.abs(rois.xy[following] - rois.xy).max(axis=1)
    return bool((rois.xy == np.rint(rois.xy)).all() and (step <= 1).all())


def with_border(rois: RoiSet) -> RoiSet:
    """Return contours through pixel centres as outlines around the pixels: the border pixels and all within."""
    return concatenate([_around(rois[k]) for k in range(len(rois))])


def _around(roi: RoiSet) -> RoiSet:
    """Return one contour as an outline along pixel edges."""
    corner = roi.xy.min(axis=0)
    border = (roi.xy - corner).astype(np.int64)
    width, height = (int(side) + 1 for side in border.max(axis=0))
    mask = np.zeros((height, width), np.int32)
    centres = replace(roi, xy=(border + 0.5).astype(np.float32))
    mask.reshape(-1)[pixels(spans(centres, height, width), width)[1]] = 1
    mask[border[:, 1], border[:, 0]] = 1
    outline = trace(mask)
    return replace(
        roi,
        xy=outline.xy + corner,
        path_start=outline.path_start,
        roi_start=starts(np.array([len(outline.path_start) - 1])),
        kind=np.full(1, TRACED, np.uint8),
    )
