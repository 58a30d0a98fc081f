"""Which pixels are inside an outline: the rule of ImageJ's `roi.getMask()`, for many outlines in one pass.

A pixel is inside when its centre is, by the even-odd rule; a centre exactly on an edge belongs to the object on its
left. ImageJ's PolygonFiller rounds y to whole rows first and moves edges by 1e-8, and takes float coordinates relative
to the upper left corner of the ROI in single precision. All of that is done in the same way here, so that masks agree
in every pixel (ImageJ 1.54p; PolygonRoi.getMask, ShapeRoi.getMask).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.rois.roi_set import RoiSet, starts

_NUDGE = 1e-8


class Spans(NamedTuple):
    """Runs of pixels inside ROIs: row y from x_first up to, not including, x_end; ordered by ROI, then by row."""

    roi: NDArray[np.int64]
    y: NDArray[np.int64]
    x_first: NDArray[np.int64]
    x_end: NDArray[np.int64]


class _Edges(NamedTuple):
    """Edges that cross pixel rows top:bottom, in image coordinates."""

    roi: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]
    x: NDArray[np.float64]  # where the edge crosses the middle of row `top`, relative to `left`
    slope: NDArray[np.float64]
    left: NDArray[np.int64]


def spans(rois: RoiSet, height: int, width: int) -> Spans:
    """Return the pixels inside each ROI, clipped to an image of `height` x `width`."""
    edges = _clip_rows(_edges(rois), height)
    rows = edges.bottom - edges.top
    edge = np.repeat(np.arange(len(rows)), rows)
    step = np.arange(len(edge)) - np.repeat(starts(rows)[:-1], rows)
    roi, y = edges.roi[edge], edges.top[edge] + step
    x = edges.x[edge] + step * edges.slope[edge]
    order = np.lexsort((x, y, roi))
    crossing = np.floor(x + 0.5)[order].astype(np.int64) + edges.left[edge][order]
    crossing = np.clip(crossing, 0, width)
    result = Spans(roi[order][::2], y[order][::2], crossing[::2], crossing[1::2])
    kept = result.x_end > result.x_first
    return Spans(*(part[kept] for part in result))


def pixels(inside: Spans, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (ROI, index into the flattened plane) of every pixel of the spans."""
    length = inside.x_end - inside.x_first
    offset = np.arange(int(length.sum())) - np.repeat(starts(length)[:-1], length)
    return np.repeat(inside.roi, length), np.repeat(inside.y * width + inside.x_first, length) + offset


def _edges(rois: RoiSet) -> _Edges:
    """Return all edges that cross the middle of a pixel row, with ImageJ's rounding."""
    n_vertices = np.diff(rois.path_start)
    path = np.repeat(np.arange(len(n_vertices)), n_vertices)
    roi = np.repeat(np.arange(len(rois)), np.diff(rois.roi_start))[path]
    following = np.arange(1, len(rois.xy) + 1)
    following[rois.path_start[1:][n_vertices > 0] - 1] = rois.path_start[:-1][n_vertices > 0]
    xy, corner = _relative(rois, roi)
    row = np.floor(xy[:, 1] + 0.5).astype(np.int64)
    kept = np.flatnonzero(row != row[following])
    upward = row[kept] > row[following[kept]]
    first = np.where(upward, following[kept], kept)
    last = np.where(upward, kept, following[kept])
    slope = (xy[last, 0] - xy[first, 0]) / (xy[last, 1] - xy[first, 1])
    x = xy[first, 0] + (row[first] - xy[first, 1] + 0.5) * slope + _NUDGE
    left, upper = corner[roi[kept]].T
    return _Edges(roi[kept], row[first] + upper, row[last] + upper, x, slope, left)


def _relative(rois: RoiSet, roi: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices relative to the whole-number upper left corner of their ROI, and these corners (n_rois, 2).

    ImageJ subtracts in single precision: the exact minimum for a polygon, the whole-number corner for a composite.
    """
    vertex = rois.path_start[rois.roi_start]
    drawn = np.diff(vertex) > 0
    base = np.zeros((len(rois), 2), np.float32)
    if drawn.any():
        base[drawn] = np.minimum.reduceat(rois.xy, vertex[:-1][drawn], axis=0)
    corner = np.floor(base)
    base = np.where(np.diff(rois.roi_start)[:, None] > 1, corner, base)
    relative = (rois.xy - base[roi]).astype(np.float64)
    return relative + (base.astype(np.float64) - corner)[roi], corner.astype(np.int64)


def _clip_rows(edges: _Edges, height: int) -> _Edges:
    """Cut edges to the rows of the image; those that cross none are left out."""
    top = np.clip(edges.top, 0, height)
    bottom = np.clip(edges.bottom, 0, height)
    x = edges.x + (top - edges.top) * edges.slope
    kept = bottom > top
    return _Edges(edges.roi[kept], top[kept], bottom[kept], x[kept], edges.slope[kept], edges.left[kept])
