"""ROIs drawn slice by slice -> objects of a volume: what belongs together is told by the names, else by the overlap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa.rois import convert, files, places
from talanoa.rois.linking import object_labels
from talanoa.rois.linking_pairs import AUTOMATIC
from talanoa.rois.roi_set import parse_name

if TYPE_CHECKING:
    from talanoa.rois.roi_set import RoiSet

REPEATED = re.compile(r"-\d+$")  # ImageJ tells ROIs of one name apart by such an ending


def labels_of(path: Path, shape: Sequence[int]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Read a ROI file as the labels of a volume.

    Parameters
    ----------
    path : Path
        Zip or single .roi file of ImageJ.
    shape : (int, int, int)
        Slices, height and width of the image; one slice for a plane.

    Returns
    -------
    labels : ndarray of int32, (z, y, x)
    notes : tuple of str
        What became of ROIs that are no areas, overlap or lie outside; how outlines were joined.
    """
    n_z, height, width = shape
    read = files.read_zip(path, image_shape=(1, n_z, height, width))
    drawn, note = places.on_axis(read.rois, 1, n_z)
    notes = (*read.warnings, *([note] if note else []))
    if n_z == 1 or all(parse_name(name) for name in drawn.names):
        filled = convert.to_labels(drawn, (1, n_z, height, width))
        return np.asarray(filled.labels.values[0, 0], np.int32), (*notes, *filled.warnings)
    plain = replace(drawn, label=np.arange(1, len(drawn) + 1, dtype=np.int32))
    filled = convert.to_labels(plain, (1, n_z, height, width))
    joined, note = join_slices(np.asarray(filled.labels.values[0, 0], np.int32), drawn)
    return joined, (*notes, *filled.warnings, note)


def groups_of(path: Path, labels: NDArray) -> NDArray[np.int32]:
    """Return the ROI group of each label of `labels_of`, index = label; 0 for objects without a group.

    Parameters
    ----------
    path : Path
        The ROI file.
    labels : ndarray of int, (z, y, x)
        What `labels_of` made of it. The outlines of an object over several slices vote with their areas.
    """
    n_z, height, width = labels.shape
    drawn = files.read_zip(path, image_shape=(1, n_z, height, width)).rois
    painted = convert.to_labels(replace(drawn, label=np.arange(1, len(drawn) + 1, dtype=np.int32)), (1, *labels.shape))
    group = np.concatenate([[0], drawn.group])[painted.labels.values[0, 0]]
    votes = np.zeros((int(labels.max()) + 1, 256), np.int64)
    np.add.at(votes, (labels[labels > 0], group[labels > 0]), 1)
    return votes.argmax(axis=1).astype(np.int32)


def join_slices(labels: NDArray[np.int32], rois: RoiSet) -> tuple[NDArray[np.int32], str]:
    """Give the outlines of one object the same number in all slices.

    ROIs that a person named are one object when the names are equal, but for the ending (-1, -2, …) by which ImageJ
    tells them apart. ROIs with automatic names are joined from slice to slice where each covers the other best, and at
    least half of the smaller one; see `talanoa.rois.linking`.

    Parameters
    ----------
    labels : ndarray of int32, (z, y, x)
        ROI k of `rois` is painted as k + 1.
    rois : RoiSet
        For their names.

    Returns
    -------
    labels : ndarray of int32, (z, y, x)
        One number for each object: that of its names, where they are ours, else a free one.
    note : str
        How many outlines make how many objects.
    """
    bare = all(AUTOMATIC.fullmatch(name) for name in rois.names)
    number = object_labels(rois)
    joined = np.concatenate([[0], number])[labels].astype(np.int32)
    how = "where they overlap from slice to slice" if bare else "by their names"
    return joined, f"{len(rois)} outlines were joined to {len(np.unique(number))} objects {how}."
