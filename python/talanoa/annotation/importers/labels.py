"""Annotations that other programs made: one function for all of their files."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from talanoa import rois
from talanoa.annotation.importers.form import Imported
from talanoa.annotation.importers.geojson import SUFFIXES, read_geojson
from talanoa.annotation.importers.pictures import read_picture
from talanoa.annotation.propose_parts import like_image
from talanoa.core import foreign_files
from talanoa.core.errors import BadInput, naming
from talanoa.rois import archive as roi_archive
from talanoa.rois import files
from talanoa.rois.objects import groups_of, labels_of


def import_labels(
    path: str | Path, like: xr.DataArray | None = None, mask: str = "refuse", colours: str = "refuse"
) -> Imported:
    """Read annotations.

    Parameters
    ----------
    path : path
        A label image (TIFF, OME-TIFF, OME-Zarr, PNG; Cellpose's ``_cp_masks``, Labkit's TIFF), a ROI zip or .roi file
        of ImageJ or Cellpose, Cellpose's ``_cp_outlines.txt``, a folder of the Cell Tracking Challenge, QuPath's
        GeoJSON (also zipped), or a .npy file of plain numbers. Name and content tell what it is.
    like : DataArray, (t, c, z, y, x), optional
        The image that they belong to: gives the size and the calibration. Outlines (ROIs, GeoJSON) need it.
    mask : {"refuse", "split", "keep"}
        What to do with a mask of one value: refuse it, number its separate parts, keep it as one object.
    colours : {"refuse", "map"}
        What to do with a picture in colours: refuse it, or make an object of each connected part of one colour.

    Raises
    ------
    BadInput
        No such file, a file that cannot be read (safely), another size than the image's; with the remedy.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise BadInput(f"Found no file {path}; expected annotations. Check the spelling and the folder.")
    with naming(path.name):
        return _imported(path, like, mask, colours)


def _imported(path: Path, like: xr.DataArray | None, mask: str, colours: str) -> Imported:
    """Read annotations with the reader of their kind."""
    lower = path.name.lower()
    if path.is_dir() and not lower.endswith(".zarr"):
        from talanoa.annotation.importers.ctc import read_folder

        return read_folder(path, like)
    if lower.endswith(".npy"):
        from talanoa.annotation.importers.cellpose import read_npy

        return read_npy(path, like)
    if lower.endswith("_outlines.txt"):
        from talanoa.annotation.importers.cellpose import read_outlines

        return read_outlines(path, like)
    if lower.endswith((".zip", ".roi", ".geojson", ".json", ".geojson.gz", ".json.gz")):
        return _outlines(path, like)
    if foreign := foreign_files.hint(path):
        raise BadInput(f"{path.name} is {foreign}.")
    return read_picture(path, like, mask, colours)


def _outlines(path: Path, like: xr.DataArray | None) -> Imported:
    """Read ROIs or GeoJSON."""
    if like is None:
        raise BadInput(
            f"{path.name} holds outlines; expected the image that they belong to as well. Open it, or name it."
        )
    zipped = path.suffix.lower() == ".zip" and zipfile.is_zipfile(path)
    if zipped:
        with roi_archive.opened(path, "a ROI zip or a zip of GeoJSON", "Export it again.") as archive:
            names = [name.lower() for name in archive.namelist()]
        zipped = not any(name.endswith(".roi") for name in names) and any(name.endswith(SUFFIXES) for name in names)
    if zipped or path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        return read_geojson(path, like)
    return read_rois(path, like)


def read_rois(path: Path, like: xr.DataArray) -> Imported:
    """Read the ROIs of an image; the outlines of an object over several slices are joined, groups are classes."""
    z, y, x = (int(like.sizes[dim]) for dim in "zyx")
    if like.sizes["t"] == 1:
        values, notes = labels_of(path, (z, y, x))
        groups = groups_of(path, values)
        class_of = {label: int(group) for label, group in enumerate(groups.tolist()) if group}
        return Imported(like_image(values[None, None], like), (), class_of, list(notes))
    drawn = files.read_zip(path, image_shape=like.shape)
    filled = rois.to_labels(drawn.rois, like=like)
    each = rois.to_labels(replace(drawn.rois, label=np.arange(1, len(drawn.rois) + 1, dtype=np.int32)), like=like)
    pairs = np.unique(np.stack([np.asarray(filled.labels).ravel(), np.asarray(each.labels).ravel()]), axis=1)
    groups = np.concatenate([[0], drawn.rois.group])
    class_of = {label: int(groups[roi]) for label, roi in pairs.T.tolist() if groups[roi]}
    labels = like_image(np.asarray(filled.labels), like)
    return Imported(labels, (), class_of, [*drawn.warnings, *filled.warnings])
