"""Outlines of a segmentation in blocks: made block by block, gathered into one ROI zip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import rois
from talanoa.models import geometry
from talanoa.models.methods.star_convex import Candidates
from talanoa.models.runtime.store import Store
from talanoa.rois.files import entry_names
from talanoa.rois.roi_set import bound_in, make_names, rename
from talanoa.rois.zip_stored import write_parts
from talanoa.segmentation.blocks.draw import as_image
from talanoa.segmentation.blocks.grid import Box
from talanoa.segmentation.blocks.job import ROIS

_UNCALIBRATED = {"pixel_size": (1.0, 1.0, 1.0), "unit": "pixel", "frame_interval": 0.0, "name": ""}


def traced(labels: NDArray[np.int32], box: Box) -> rois.RoiSet:
    """Trace the objects of a part of a frame; places are those of the whole frame.

    Parameters
    ----------
    labels : ndarray of int32, (y, x) or (z, y, x)
        Objects, 0 = background.
    box : Box
        Where the part lies.
    """
    made = rois.from_labels(as_image(labels, _UNCALIBRATED))
    position = made.position.copy()
    if len(box) == 3:
        position[:, 1] = np.maximum(position[:, 1], 1) + box[0][0]
    return replace(made, xy=made.xy + np.array([box[-1][0], box[-2][0]], np.float32), position=position)


def star(winners: Candidates, numbers: NDArray[np.int32]) -> rois.RoiSet:
    """Return the polygons of the winners that have a number."""
    there = np.flatnonzero(numbers)
    found = winners.take(there)
    return rois.from_polygons(geometry.polygon_corners(found.distances, found.points), numbers[there])


def placed(made: rois.RoiSet, frame: int, plane: int | None, form: xr.DataArray) -> rois.RoiSet:
    """Bind outlines to the frame and slice of the whole image, and name them so.

    Parameters
    ----------
    made : RoiSet
        Their positions hold the slices of volumes.
    frame : int
        Counted from 1.
    plane : int or None
        Slice of the image, counted from 0, that was segmented; None: a volume.
    form : DataArray (t, c, z, y, x)
        The image; its sizes are used.
    """
    number = np.full(len(made), frame)
    if plane is None:
        slices = made.position[:, 1]
        position = np.stack([np.zeros(len(made), int), slices, number], axis=1)
        named = rename(made, make_names(made.label, number, slices), position)
    else:
        bound = form.sizes["t"] > 1 or form.sizes["z"] > 1
        position = np.tile([0, plane + 1, frame] if bound else [0, 0, 0], (len(made), 1))
        named = rename(made, make_names(made.label, number), position)
    return bound_in(named, *(int(form.sizes[dim]) for dim in "czt"))


def save(store: Store, block: int, made: rois.RoiSet) -> None:
    """Store the outlines of a block as they will be in the zip."""
    if len(made):
        buffer, begin = rois.encode(made)
        store.save(ROIS, block, buffer=buffer, begin=begin, names=np.array(entry_names(made.names)))


def bytes_of(store: Store, blocks: Iterable[int]) -> int:
    """Return about how large the zip of all outlines will be."""
    return sum(store.path(ROIS, block).stat().st_size for block in blocks if store.has(ROIS, block))


def write_zip(path: Path, store: Store, blocks: Iterable[int]) -> None:
    """Gather the outlines of all blocks in one zip for the ROI Manager, a block in memory at a time."""
    stored = (store.load(ROIS, block) for block in blocks if store.has(ROIS, block))
    write_parts(path, ((part["names"].tolist(), part["buffer"], part["begin"]) for part in stored))
