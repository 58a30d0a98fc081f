"""TIFF files, opened with one kind of error."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

from talanoa.core.errors import BadInput
from talanoa.image.formats import ome as image_ome

# What tifffile was seen to raise on files with random bytes changed.
_DAMAGE = (ValueError, LookupError, TypeError, RuntimeError, OSError, ArithmeticError, AssertionError, struct.error,
           zlib.error)  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file, with the OME-XML of its companion file where it names one, and close it."""
    with damage_explained(path):
        tif = tifffile.TiffFile(path)
    with tif:
        with damage_explained(path):
            own = tif.ome_metadata if tif.is_ome else None
            text = image_ome.ome_xml(path, own) if own else own
            whole = tif if text == own else tifffile.TiffFile(path, omexml=text)
        with whole:
            yield whole


@contextmanager
def damage_explained(path: Path, where: str = "") -> Iterator[None]:
    """Turn what a damaged or foreign file makes the library raise into `BadInput`; `where`: the part of it."""
    try:
        yield
    except PermissionError as error:
        raise BadInput(f"{path} may not be read ({error.strerror}). Change its permissions or copy it.") from error
    except MemoryError as error:
        raise BadInput(f"{path.name} does not fit into memory: {error}. Crop it or split it into parts.") from error
    except _DAMAGE as error:
        place = f", {where}," if where else ""
        raise BadInput(
            f"{path.name}{place} cannot be read as an image ({error}); expected TIFF, OME-TIFF, "
            "OME-Zarr, PNG or JPEG. The file is damaged or of another kind: open it in Fiji (Bio-Formats) and save it "
            "as TIFF."
        ) from error
