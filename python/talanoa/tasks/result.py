"""The one format of a result folder: what came out, and everything needed to do it again.

A result folder holds `labels.tif`, `rois.zip`, `measurements.csv`, `overlay.png` (those that the task made), what
the task attached (a copy of the model, say) and `result.json`, the record. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core import places
from talanoa.core.errors import BadInput
from talanoa.core.files import check_plain, check_target, exists, file_sha256, read_json, write_aside
from talanoa.measure import tables

if TYPE_CHECKING:
    from talanoa.rois.convert import RoiSet

FORMAT = 1
RECORD = "result.json"
_REPORTED = ("talanoa", "torch", "onnxruntime", "numpy", "scipy", "numba", "xarray", "tifffile", "roifile")


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


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the record of a result folder.

    Parameters
    ----------
    path : path
        The folder or its `result.json`.

    Returns
    -------
    dict
        As it was written.

    Raises
    ------
    BadInput
        There is none, it is damaged, or it was written by a newer version.
    """
    path = Path(path).expanduser()
    file = path / RECORD if path.is_dir() else path
    if not exists(file):
        raise BadInput(f"Found no {file}; expected a result folder or its {RECORD}.")
    record = read_json(file, "JSON, the record of a result folder", "Restore it from a copy.")
    if not isinstance(record, dict) or not isinstance(record.get("talanoa_result"), int):
        raise BadInput(f"{file} is JSON, but no record of a result; expected the {RECORD} that Talanoa wrote.")
    if record["talanoa_result"] > FORMAT:
        raise BadInput(
            f"{file} has the format version {record['talanoa_result']}; expected at most {FORMAT}. Update Talanoa."
        )
    return record


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages a result depends on, without importing them."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _REPORTED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name == "talanoa":
                from talanoa.core.version import __version__

                found[name] = __version__
    return found


def array_sha256(array: Any) -> str:
    """Return the SHA-256 of an array's dtype, shape and values (C order, little-endian), in hex."""
    values = np.ascontiguousarray(np.asarray(array))
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(f"{values.dtype.str}{values.shape}".encode())
    digest.update(values.data if values.size else b"")
    return digest.hexdigest()


def jsonable(value: Any) -> Any:
    """Turn numpy numbers, arrays, paths, tuples and dates into what JSON holds; NaN and infinity become null.

    Raises
    ------
    TypeError
        A value that a record cannot hold (an error of the program, not of the user).
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, os.PathLike | datetime):
        return str(value)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [jsonable(item) for item in value]
    raise TypeError(f"A record cannot hold a {type(value).__name__}: {value!r}")


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


def _places_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the image and the models of a record lie."""
    image, model = record.get("image"), record.get("model")
    several = model.get("models") if isinstance(model, dict) else None
    models = several or ([model] if isinstance(model, dict) else [])
    return {
        "source": image.get("source") if isinstance(image, dict) else None,
        "models": {one["sha256"]: one["folder"] for one in models if one.get("folder") and one.get("sha256")},
    }


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `result.json` into a folder that holds all other files; format, time, versions and hashes are added.

    It names files without their folders, because results are passed on, see `talanoa.core.places`.
    """
    files = sorted(path for path in folder.iterdir() if path.name != RECORD)
    full = {
        "talanoa_result": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **record,
        "versions": versions(),
        "files": {path.name: file_sha256(path) for path in files},
    }
    plain = jsonable(full)
    plain = {places.KEY: places.remember(_places_of(plain)), **places.portable(plain)}
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    text = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)  # of file names that are not UTF-8
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
