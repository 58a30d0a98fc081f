"""The one format of a result folder: what came out, and everything needed to do it again.

A result folder holds `labels.tif`, `rois.zip`, `measurements.csv`, `overlay.png` (those that the task made), what
the task attached (a copy of the model, say) and `result.json`, the record. It appears whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.files import check_plain, check_target, write_aside
from talanoa.core.record import RECORD, array_sha256, write_record
from talanoa.measure import tables

if TYPE_CHECKING:
    from talanoa.rois.roi_set import RoiSet


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a task made; None is left out of the folder.

    Attributes
    ----------
    labels : xarray.DataArray, optional
        Image form; becomes `labels.tif`.
    rois : RoiSet, optional
        Becomes `rois.zip`.
    table : pandas.DataFrame, optional
        Becomes `measurements.csv`; its units go into the record.
    overlay : uint8 array (y, x, 3), optional
        Becomes `overlay.png`.
    maps : mapping of name to xarray.DataArray
        More images, such as the network's maps; become `<name>.tif`.
    image : xarray.DataArray, optional
        A restored or predicted image; becomes `image.tif`.
    attachments : mapping of name to path
        Files and folders copied under that name: the model, its report, its training parameters.
    """

    labels: xr.DataArray | None = None
    rois: RoiSet | None = None
    table: pd.DataFrame | None = None
    overlay: NDArray[np.uint8] | None = None
    image: xr.DataArray | None = None
    maps: Mapping[str, xr.DataArray] = field(default_factory=dict)
    attachments: Mapping[str, Path] = field(default_factory=dict)


def write_result(
    folder: str | os.PathLike[str], outputs: Outputs, record: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write a result folder.

    Parameters
    ----------
    folder : path
        Its parent exists; it does not (or is empty), unless `overwrite` and it holds an earlier result.
    outputs : Outputs
        What to write.
    record : mapping
        Request, device, times, hashes of inputs …: everything that JSON can hold, and numpy numbers, paths, tuples.
        The format's version, the time, the versions of the software and the hashes of the files are added.
    overwrite : bool
        Replace an earlier result folder.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BadInput
        The folder exists (the message offers the next free name) or cannot be written; the disk is full.
    """
    folder = Path(folder).expanduser()
    check_target(folder, overwrite)
    if overwrite and folder.exists() and not (folder / RECORD).is_file() and any(folder.iterdir()):
        raise BadInput(f"{folder} holds no {RECORD}; expected a result folder to replace. Choose another folder.")
    with write_aside(folder, overwrite) as aside:
        aside.mkdir()
        _write_outputs(aside, outputs)
        _write_record(aside, outputs, record)
    return folder


def _write_outputs(folder: Path, outputs: Outputs) -> None:
    """Write each output that is there into `folder`."""
    if outputs.labels is not None:
        images.write_labels(folder / "labels.tif", outputs.labels)
    if outputs.image is not None:
        images.write(folder / "image.tif", outputs.image)
    for name, values in outputs.maps.items():
        images.write(folder / f"{name}.tif", values)
    if outputs.rois is not None:
        from talanoa import rois

        rois.write_zip(folder / "rois.zip", outputs.rois)
    if outputs.table is not None:
        tables.write_csv(folder / "measurements.csv", outputs.table)
    if outputs.overlay is not None:
        from talanoa.image.overlay import write_png

        write_png(folder / "overlay.png", outputs.overlay)
    for name, source in outputs.attachments.items():
        attach(folder, name, Path(source))


def attach(folder: Path, name: str, source: Path) -> None:
    """Copy a file or folder to `folder`/`name`."""
    if Path(name).name != name:
        raise ValueError(f"an attachment is named by a plain file name, not {name!r}")
    if source.is_dir():
        check_plain(source, "Copy it with the files themselves.")
        shutil.copytree(source, folder / name, symlinks=True)  # one that was made since is not followed either
    else:
        shutil.copyfile(source, folder / name)


def _write_record(folder: Path, outputs: Outputs, record: Mapping[str, Any]) -> None:
    """Write `result.json` with what this module adds."""
    more: dict[str, Any] = {}
    if outputs.labels is not None:
        more["labels_sha256"] = array_sha256(outputs.labels)
    if outputs.table is not None:
        more["units"] = dict(outputs.table.attrs.get("units", {}))
    write_record(folder, {**record, **more})
