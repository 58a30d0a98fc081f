"""What the Python door returns: objects that were found, images that were made, what a training would take."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from talanoa.rois.roi_set import RoiSet


@dataclass(frozen=True, eq=False)
class Segmented:
    """What `segment` found.

    Attributes
    ----------
    labels : DataArray of int32 (t, 1, z, y, x) or None
        1..n in each frame, 0 = background. None for a folder of images.
    rois : RoiSet or None
        One outline per object and frame.
    table : DataFrame
        One row per object and frame; for a folder of images one row per image.
    record : dict
        Everything needed to do it again: complete request, device, tiles, thresholds, hashes, times.
    folder : Path or None
        The result folder, where `out` was given.
    message : str
        One line that sums up.
    warnings : list of str
        What looked odd.
    failures : list of str
        For a folder of images: those that could not be segmented. The same call again tries them anew.
    """

    labels: xr.DataArray | None
    rois: RoiSet | None
    table: pd.DataFrame
    record: dict[str, Any] | None
    folder: Path | None
    message: str
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _ImageMade:
    """What a task makes of an image."""

    image: xr.DataArray | None
    uncertainty: xr.DataArray | None
    table: pd.DataFrame | None
    record: dict[str, Any] | None
    folder: Path | None
    path: Path | None
    message: str
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Restored(_ImageMade):
    """What `restore` made.

    Attributes
    ----------
    image : DataArray (t, c, z, y, x) or None
        In the intensities of the image that was restored. None for a folder of images, and for an image that is larger
        than memory.
    uncertainty : DataArray of float32 (t, c, z, y, x) or None
        In intensities, where it was asked for.
    table : DataFrame or None
        For a folder of images one row per image.
    record : dict
        Everything needed to do it again: complete request, device, tiles, normalisation, hashes, times.
    folder : Path or None
        The result folder, where `out` was given.
    path : Path or None
        File of the restored image, where it is larger than memory.
    message : str
        One line that sums up.
    warnings : list of str
        What looked odd.
    failures : list of str
        For a folder of images: those that could not be restored. The same call again tries them anew.
    """


class Predicted(_ImageMade):
    """What `predict_fluorescence` made.

    Attributes
    ----------
    image : DataArray (t, stains, 1, y, x) or None
        A channel for each stain, in intensities of the training's plate; masks from 0 to 1. With ``keep_input`` the
        transmitted light comes first. None for a folder of images, and for an image that is larger than memory.
    uncertainty : DataArray of float32 (t, stains, 1, y, x) or None
        In the same units, where it was asked for.
    table, record, folder, path, message, warnings, failures
        As of `Restored`.
    """


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a training would take, as `estimate` found.

    Attributes
    ----------
    seconds : float
        Of the whole training; with ``preset="long"`` at most.
    memory : int
        Bytes in use at its peak.
    details : dict
        ``parts`` of the seconds, ``facts`` of the data, ``settings``, ``device``, ``how`` it was measured.
    pictures : dict of PIL.Image
        ``pairs`` (images and their outlines) and ``patches`` (as the network will see them).
    message : str
        One line that sums up.
    warnings : list of str
        What is odd about the data.
    """

    seconds: float
    memory: int
    details: dict[str, Any]
    pictures: dict[str, Any]
    message: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Studied:
    """What `study` found: one row for each training, the folder with table and plot, the best in a sentence.

    `failures` are the names of the trainings that could not be done; the same call again tries them anew.
    """

    table: pd.DataFrame
    folder: Path
    message: str
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
