"""Reading TIFF of every kind into the image form; writing ImageJ TIFF and OME-TIFF."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from talanoa import image_metadata as metadata
from talanoa.errors import BadInput
from talanoa.files import write_aside
from talanoa.image import from_array
from talanoa.limits import check_declared

# What tifffile was seen to raise on files with random bytes changed.
_DAMAGE = (ValueError, LookupError, TypeError, RuntimeError, OSError, ArithmeticError, AssertionError, struct.error,
           zlib.error)  # fmt: skip
_KNOWN = frozenset("TCZYXS")
_IMAGEJ_TYPES = (np.uint16, np.int16, np.float32)  # tried in this order for values of any other type
_OME_TYPES = (np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32, np.float32, np.float64)


def read(path: Path, dims: str | None = None) -> xr.DataArray:
    """Read the first image of a TIFF file; see `talanoa.image.read`."""
    with opened(path) as tif:
        with damage_explained(path):
            series = tif.series[0]
            check_size(path, series)
            values = series.asarray()
            if values.ndim != len(series.axes):
                raise ValueError(f"an image of shape {values.shape} with the axes {series.axes}")
        if metadata.is_signed(tif) and values.dtype == np.uint16:
            values = (values.astype(np.int32) - metadata.SIGNED_OFFSET).astype(np.int16)
        return described(path, tif, values, dims)


def described(path: Path, tif: tifffile.TiffFile, values: NDArray[Any], dims: str | None) -> xr.DataArray:
    """Return the values of the first image of an open file in the image form, with what its metadata say."""
    found = tif.series[0].axes
    attrs = metadata.from_tiff(tif, values.shape, found)
    axes, note = axes_of(path, found, values.shape, dims)
    notes = [*attrs.pop("notes", ()), *([note] if note else [])]
    if len(tif.series) > 1:
        notes.append(f"the file holds {len(tif.series)} images; the first was read")
    values, axes, note = _without_alpha(values, axes)
    notes += [note] if note else []
    image = from_array(values, axes, **attrs.pop("form"))
    image.attrs.update(attrs, **({"notes": tuple(notes)} if notes else {}))
    return image


def write(path: Path, image: xr.DataArray, overwrite: bool = False) -> None:
    """Write ImageJ TIFF, or OME-TIFF when the name ends with .ome.tif(f); see `talanoa.image.write`."""
    ome = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    values = exact(np.asarray(image), _OME_TYPES, "OME-TIFF") if ome else _imagej_values(np.asarray(image))
    size_y, size_x = image.attrs["pixel_size"][1:]
    rgb = image.attrs["rgb"]
    if rgb:  # (t, c, z, y, x) -> samples last
        values, axes = values.transpose(0, 2, 3, 4, 1), "TZYXS"
    elif ome:
        axes = "TCZYX"
    else:
        values, axes = values.transpose(0, 2, 1, 3, 4), "TZCYX"
    written = metadata.for_ome(image) if ome else metadata.for_imagej(image, signed=values.dtype == np.int16)
    kind: dict[str, Any] = {"ome": True} if ome else {"imagej": True}
    with write_aside(path, overwrite) as aside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*truncating ImageJ file")  # above 4 GB that is ImageJ's own format
        tifffile.imwrite(
            aside,
            np.ascontiguousarray(values),
            photometric="rgb" if rgb else "minisblack",
            resolution=(1 / size_x, 1 / size_y),
            resolutionunit="NONE",
            metadata={"axes": axes, **written},
            extratags=[] if ome or rgb else metadata.colour_map(image),
            **kind,
        )


def exact(values: NDArray[Any], types: tuple[type, ...], format_name: str) -> NDArray[Any]:
    """Return `values` in the first of `types` that holds every one of them exactly.

    Raises
    ------
    BadInput
        None does.
    """
    if values.dtype.type in types:
        return values
    for kind in types:
        if _fits(values, np.dtype(kind)):
            return values.astype(kind)
    low, high = values.min(), values.max()
    raise BadInput(
        f"Found {values.dtype} values from {low} to {high}, which {format_name} cannot hold exactly; expected one of "
        f"{', '.join(np.dtype(kind).name for kind in types)}. Round or rescale them, or write OME-Zarr (.ome.zarr)."
    )


def _fits(values: NDArray[Any], kind: np.dtype[Any]) -> bool:
    """Return True when every value survives the way to `kind` and back."""
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return values.dtype.kind in "iu" and limits.min <= int(values.min()) and int(values.max()) <= limits.max
    with np.errstate(over="ignore"):
        there = values.astype(kind)
    if values.dtype.kind == "f":
        return bool(np.array_equal(there.astype(values.dtype), values, equal_nan=True))
    in_range = np.abs(there) < 2.0**53  # whole numbers beyond it may round on the way back
    return bool(in_range.all() and np.array_equal(there.astype(values.dtype), values))


def _imagej_values(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in a type that ImageJ has."""
    return values if values.dtype == np.uint8 else exact(values, _IMAGEJ_TYPES, "ImageJ's TIFF")


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file, and close it."""
    with damage_explained(path):
        tif = tifffile.TiffFile(path)
    with tif:
        yield tif


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Turn what a damaged or foreign file makes the library raise into `BadInput`."""
    try:
        yield
    except PermissionError as error:
        raise BadInput(f"{path} may not be read ({error.strerror}). Change its permissions or copy it.") from error
    except MemoryError as error:
        raise BadInput(f"{path.name} does not fit into memory: {error}. Crop it or split it into parts.") from error
    except _DAMAGE as error:
        raise BadInput(
            f"{path.name} cannot be read as an image ({error}); expected TIFF, OME-TIFF, OME-Zarr, PNG or JPEG. "
            "The file is damaged or of another kind: open it in Fiji (Bio-Formats) and save it as TIFF."
        ) from error


def check_size(path: Path, series: tifffile.TiffPageSeries, in_memory: bool = True) -> None:
    """Compare what the header declares with the file and, where all of it is to be read, with the memory."""
    page = series.keyframe
    stored = None
    if page.compression == 1:
        parents = {Path(p.parent.filehandle.path) for p in series.pages if p is not None} or {path}
        stored = sum(parent.stat().st_size for parent in parents)
    itemsize = page.bitspersample / 8 if isinstance(page.bitspersample, int) else series.dtype.itemsize
    check_declared(path, series.shape, itemsize, stored, in_memory)


def axes_of(path: Path, found: str, shape: tuple[int, ...], dims: str | None) -> tuple[str, str]:
    """Return one letter per axis and a note on what was assumed."""
    if dims is not None:
        dims = dims.upper()
        return (dims + "S" if found.endswith("S") and len(dims) == len(shape) - 1 else dims), ""
    unknown = [axis for axis in found if axis not in _KNOWN]
    if not unknown:
        return found, ""
    if len(unknown) > 1 or "Z" in found:
        raise BadInput(
            f"{path.name} has {shape} pixels on axes that it does not name ({found}); expected t, c, z, y, x. "
            'Say what they are, for example dims="tzyx".'
        )
    planes = shape[found.index(unknown[0])]
    note = (
        f"the file does not say what its {planes} planes are; they were read as z, as ImageJ does "
        f'(dims="{found.replace(unknown[0], "T").lower()}" reads them as time)'
    )
    return found.replace(unknown[0], "Z"), note


def _without_alpha(values: NDArray[Any], axes: str) -> tuple[NDArray[Any], str, str]:
    """Drop the fourth sample of RGBA bytes."""
    if "S" not in axes or values.dtype != np.uint8 or values.shape[axes.index("S")] != 4:
        return values, axes, ""
    colours = (slice(None),) * axes.index("S") + (slice(3),)
    return values[colours], axes, "the transparency (alpha) channel was left out"
