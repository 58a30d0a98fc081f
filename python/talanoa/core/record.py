"""The record of a result, ``record.json``: read, written, and what stands in it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from talanoa.core import places
from talanoa.core.errors import BadInput
from talanoa.core.files import exists, file_sha256, read_json

FORMAT = 1
RECORD = "result.json"
_REPORTED = ("talanoa", "torch", "onnxruntime", "numpy", "scipy", "numba", "xarray", "tifffile", "roifile")


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
