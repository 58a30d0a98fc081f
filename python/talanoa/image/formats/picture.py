"""PNG and JPEG in the image form."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image, UnidentifiedImageError

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.core.limits import check_declared
from talanoa.image.form import from_array
from talanoa.image.reading import AS_STORED, Reading

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif"})
_GREY16 = ("I;16", "I;16B", "I;16L", "I")
_PNG_COLOUR, _PNG_DEPTH = 25, 24  # offsets of colour type and bit depth in a PNG file


def read(path: Path, how: Reading = AS_STORED) -> xr.DataArray:
    """Read a picture: grey as one channel, colours as RGB; see `talanoa.image.read`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_declared judges the size
            with Image.open(path) as picture:
                depth = 2 if picture.mode in _GREY16 else 1
                check_declared(path, (len(picture.getbands()), *picture.size[::-1]), depth)
                _refuse_deep_colour(path)
                return _in_form(picture, path.name, how.series)
    except Image.DecompressionBombError as error:
        raise BadInput(f"{path.name} is too large for a PNG or JPEG picture: {error}. Save it as TIFF.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise BadInput(
            f"{path.name} cannot be read as a picture ({error}); expected PNG or JPEG. The file is damaged or of "
            "another kind: export it again, best as TIFF."
        ) from error


def write(path: Path, image: xr.DataArray, overwrite: bool = False) -> None:
    """Write one 8 or 16-bit plane, or one RGB plane, as PNG; see `talanoa.image.write`."""
    values = np.asarray(image)
    single = image.sizes["t"] == image.sizes["z"] == 1 and (image.sizes["c"] == 1 or image.attrs["rgb"])
    if not single or values.dtype not in (np.uint8, np.uint16):
        raise BadInput(
            f"Found {dict(image.sizes)} of {values.dtype}; expected one plane of 8 or 16 bit, or RGB, for a PNG. "
            "Write .tif instead."
        )
    plane = values[0, :, 0].transpose(1, 2, 0) if image.attrs["rgb"] else values[0, 0, 0]
    with write_aside(path, overwrite) as aside:
        Image.fromarray(np.ascontiguousarray(plane)).save(aside, format="PNG")


def _in_form(picture: Image.Image, name: str, series: int | None) -> xr.DataArray:
    """Bring a frame of an opened picture, the first or the one asked for, into the image form."""
    notes: list[str] = []
    attrs: dict[str, Any] = {}
    frames = int(getattr(picture, "n_frames", 1))
    if (series or 1) > frames:
        raise BadInput(f"{name} holds {frames} image{'s' * (frames > 1)}; found series={series}. Leave series out.")
    if series is not None:
        picture.seek(series - 1)
    elif frames > 1:
        notes.append(f"the file holds {frames} images; the first was read (series=2 reads the second)")
    if picture.mode == "P":  # indices into a colour table, as ImageJ reads them
        table = np.zeros((256, 3), np.uint8)
        found = np.asarray(picture.getpalette(), np.uint8).reshape(-1, 3)
        table[: len(found)] = found
        attrs["luts"] = (table,)
    elif picture.mode in ("LA", "RGBA", "PA"):
        notes.append("the transparency (alpha) channel was left out")
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    elif picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes.append(f"the pixels are stored as {picture.mode} and were converted to RGB")
        picture = picture.convert("RGB")
    values = np.asarray(picture)
    if picture.mode == "I":  # some versions hand 16-bit grey out as 32-bit
        values = values.astype(np.uint16) if values.min() >= 0 and values.max() < 1 << 16 else values
    image = from_array(values, "yxs" if values.ndim == 3 else "yx")
    image.attrs.update(attrs, **({"notes": tuple(notes)} if notes else {}))
    return image


def _refuse_deep_colour(path: Path) -> None:
    """Refuse a 16-bit colour PNG, of which the library would silently keep 8 bits."""
    with path.open("rb") as stream:
        head = stream.read(_PNG_COLOUR + 1)
    if head.startswith(b"\x89PNG") and len(head) > _PNG_COLOUR and head[_PNG_DEPTH] == 16 and head[_PNG_COLOUR] & 2:
        raise BadInput(f"{path.name} is a PNG with 16 bit per colour; expected 8. Save it as TIFF to keep all of them.")
