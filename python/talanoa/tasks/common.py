"""What tasks share: what the door gave, a host that keeps the warnings, masks in JSON."""

from __future__ import annotations

import base64
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from talanoa.core.errors import BadInput
from talanoa.core.host import Host, PassingOn
from talanoa.image import grey_values, reading

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from talanoa.core.request import Request
    from talanoa.models.folder import Model
    from talanoa.rois.convert import RoiSet


class Given(NamedTuple):
    """What a door hands over besides the request: the open image, its ROIs, a selection (bool, y x).

    A window that changes thresholds also gives `handle`: an empty text keeps the network's output for later, and the
    handle that the reply names then uses it; `preview` asks for the outlines alone.
    """

    image: xr.DataArray | None = None
    rois: RoiSet | None = None
    selection: np.ndarray | None = None
    handle: str | None = None
    preview: bool = False


class Collecting(PassingOn):
    """A host that passes everything on and keeps each warning once, those of another such host included."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.warnings: list[str] = list(host.warnings) if isinstance(host, Collecting) else []

    def warn(self, text: str) -> None:
        """Keep and pass on what was not said yet."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.host.warn(text)


def read_image(path: Path, host: Host) -> xr.DataArray:
    """Read an image file and report its notes."""
    from talanoa import image

    found = image.read(path)
    report_notes(found, host)
    return found


def report_notes(image: xr.DataArray, host: Host) -> None:
    """Report as warnings what the reader of an image, or the conversion from ImageJ, had to assume or leave out."""
    for note in image.attrs.get("notes", ()):
        host.warn(str(note))


def check_reading(request: Request, given: Given) -> None:
    """Refuse what says how files are read (`dims`, `series`, ...) for an image that is open, or in memory."""
    said = {key: getattr(request, key, None) for key in ("dims", "series", "missing_planes")}
    keys = [key for key, value in said.items() if value not in (None, reading.REFUSE)]
    named = any(getattr(request, key, None) for key in ("image", "images", "source", "dataset"))
    if not keys or named or given.image is None:
        return
    sizes = given.image.sizes
    raise BadInput(
        f"{' and '.join(keys)}: found with an open image ({sizes['c']} channels, {sizes['z']} slices, {sizes['t']} "
        "frames); expected an image file, or a folder. Set image=<file>, or correct the open image in ImageJ (Image > "
        "Properties)."
    )


def check_new(path: Path) -> None:
    """Raise `BadInput` when a file or folder that a task shall write exists already, or cannot be made.

    Done before the work, so that no time is lost; writing checks again.
    """
    from talanoa.core.files import check_target

    check_target(path.absolute(), overwrite=False)
    if not os.access(path.absolute().parent, os.W_OK):
        raise BadInput(
            f"{path} cannot be written: you may not write to {path.absolute().parent}. Choose another place."
        )


def explained(error: Exception) -> str:
    """Return what to show of an exception that no task foresaw; the traceback belongs to the log."""
    if isinstance(error, MemoryError):
        return f"Memory ran out ({error}). Close other images, take fewer frames, or use a machine with more."
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{place}. Nothing was changed; check the place, its free space and its permissions."
    return f"{type(error).__name__}: {error}. This was not foreseen; the details are in the log{_log_file()}."


def _log_file() -> str:
    """Return ' (path)' of the log file, if this process writes one."""
    for handler in logging.getLogger().handlers + logging.getLogger("talanoa").handlers:
        if isinstance(handler, logging.FileHandler):
            return f" ({handler.baseFilename})"
    return ""


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Pack a boolean mask (y, x) into JSON."""
    import numpy as np

    packed = zlib.compress(np.packbits(mask.astype(bool)).tobytes())
    return {"shape": list(mask.shape), "bits": base64.b64encode(packed).decode("ascii")}


def decode_mask(packed: Mapping[str, Any]) -> np.ndarray:
    """Unpack what `encode_mask` packed."""
    import numpy as np

    try:
        rows, columns = packed["shape"]
        most = -(-rows * columns // 8)
        bits = np.frombuffer(zlib.decompressobj().decompress(base64.b64decode(packed["bits"]), most), np.uint8)
        if min(rows, columns) < 1 or len(bits) != most:
            raise ValueError(f"{len(bits)} bytes for {rows} x {columns} pixels")
        return np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(bool)
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise BadInput(
            f"The recorded selection is damaged ({error}); expected a mask as Talanoa records it. Restore the record "
            "from a copy."
        ) from error


def image_facts(image: xr.DataArray, named: str | None, sha256: str) -> dict[str, Any]:
    """Return what a record says of the image: where it came from, sizes, calibration, hash."""
    source = image.attrs.get("source") or named
    return {
        "source": str(Path(source).absolute()) if source else None,
        "name": str(image.attrs.get("name", "")),
        "sizes": {str(dim): int(size) for dim, size in image.sizes.items()},
        "dtype": str(image.dtype),
        "pixel_size": [float(side) for side in image.attrs["pixel_size"]],
        "unit": str(image.attrs["unit"]),
        **grey_values.facts(image.attrs),
        "sha256": sha256,
    }


def model_facts(model: Model) -> dict[str, Any]:
    """Return what a record says of the model."""
    return {
        "name": model.name,
        "folder": str(Path(model.folder).absolute()) if model.folder else None,
        "sha256": model.sha256,
        "seed": model.training.get("settings", {}).get("seed"),
    }
