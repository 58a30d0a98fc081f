"""What tasks share: what the door gave, a host that keeps the warnings, masks in JSON."""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from talanoa.core.errors import BadInput
from talanoa.image import reading
from talanoa.rois.given import Given

if TYPE_CHECKING:
    import numpy as np

    from talanoa.core.request import Request


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
