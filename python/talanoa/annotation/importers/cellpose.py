"""Cellpose's own files. Its masks (PNG, TIFF) and ROI zips are ordinary ones; `_seg.npy` is a pickle and stays shut."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
import xarray as xr

from talanoa.annotation.importers.form import Imported, fitted
from talanoa.core.errors import BadInput
from talanoa.image.form import from_array
from talanoa.image.reading import wanted
from talanoa.rois import contours
from talanoa.rois.archive import DAMAGE
from talanoa.rois.convert import to_labels
from talanoa.rois.roi_set import pack

_MOST_TEXT = 64 << 20  # bytes of outlines

BESIDE = ("_cp_masks.tif", "_cp_masks.png", "_masks.tif", "_masks.png", "_rois.zip")


def read_npy(path: Path, like: xr.DataArray | None = None) -> Imported:
    """Read a .npy file that holds labels as plain numbers, (y, x), or (z, y, x) for an image with slices.

    Cellpose's `_seg.npy` is a Python pickle, which can run any program when it is opened: it is refused.

    Raises
    ------
    BadInput
        A pickle, or no label image.
    """
    from talanoa.image.labels import as_labels

    try:
        values = np.array(np.load(path, mmap_mode="r", allow_pickle=False))  # mapped: no more memory than the file
    except (*DAMAGE, TokenError, SyntaxError, TypeError, OverflowError) as error:
        raise BadInput(_refusal(path)) from error
    if not isinstance(values, np.ndarray) or values.ndim not in (2, 3):
        raise BadInput(f"{path.name} holds no label image (y, x) or (z, y, x). Save the masks as TIFF.")
    dims = (wanted().dims or "").replace("c", "")
    labels = as_labels(from_array(values, dims if len(dims) == values.ndim else "yx" if values.ndim == 2 else "zyx"))
    return Imported(fitted(labels, like, path))


def read_outlines(path: Path, like: xr.DataArray | None = None) -> Imported:
    """Read `_cp_outlines.txt`: a line x,y,x,y,… for each object, a contour through the centres of its border pixels.

    Raises
    ------
    BadInput
        Without the image; lines that are no contours.
    """
    if like is None:
        raise BadInput(f"{path.name} holds outlines; expected the image that they belong to as well. Open or name it.")
    if path.stat().st_size > _MOST_TEXT:
        raise BadInput(f"{path.name} has {path.stat().st_size:,} bytes; expected outlines. Take the _cp_masks file.")
    try:
        lines = [line for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
        paths = [np.array([float(part) for part in line.split(",")]).reshape(-1, 2) for line in lines]
    except (ValueError, OSError) as error:
        raise BadInput(f"{path.name} holds no outlines ({error}); expected lines x,y,x,y. Export it again.") from error
    whole = [one for one in paths if len(one) > 2 and (one == np.rint(one)).all() and (np.abs(one) < 1 << 20).all()]
    if not whole:
        raise BadInput(f"{path.name} holds no outlines; expected lines x,y,x,y,… of pixels. Export it again.")
    start = np.cumsum([0, *map(len, whole)])
    drawn = pack(np.concatenate(whole), start, np.arange(len(start)), [f"{k:05d}" for k in range(1, len(start))])
    filled = to_labels(contours.with_border(drawn), like=like)
    left = len(paths) - len(whole)
    notes = [f"{left} lines of {path.name} are no contours and were left out."] if left else []
    return Imported(filled.labels, notes=[*notes, *filled.warnings])


def _refusal(path: Path) -> str:
    """Say why a pickle is not opened, and which file to take instead."""
    stem = path.name.removesuffix(".npy").removesuffix("_seg")
    there = [name for name in (stem + ending for ending in BESIDE) if path.with_name(name).exists()]
    take = (
        f"Take {there[0]} beside it."
        if there
        else "In Cellpose choose File > Save masks as PNG/tif, or save the outlines as a zip of ImageJ ROIs."
    )
    return (
        f"{path.name} is a pickle or damaged; a pickle can run any program when it is opened, so it is not. "
        f"Expected masks as TIFF or PNG, or a ROI zip. {take}"
    )
