"""Reading TIFF of every kind into the image form; writing ImageJ TIFF and OME-TIFF."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.core.limits import check_declared
from talanoa.image import axes as image_axes
from talanoa.image.form import from_array
from talanoa.image.formats import (
    metadata,
    missing,
    sets,
)
from talanoa.image.formats import (
    planes as image_planes,
)
from talanoa.image.formats import (
    samples as image_samples,
)
from talanoa.image.formats import (
    series as image_series,
)
from talanoa.image.formats.missing import Kept
from talanoa.image.formats.tiff_open import damage_explained, opened
from talanoa.image.reading import AS_STORED, Reading, axes_asked, example

# How many bytes one can stand for: as it is, LZW, deflate, PackBits.
_MOST_TIMES = {1: 1, 5: 2800, 8: 1040, 32946: 1040, 32773: 64}
_KNOWN = frozenset("TCZYXS")
_IMAGEJ_TYPES = (np.uint16, np.int16, np.float32)  # tried in this order for values of any other type
_OME_TYPES = (np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32, np.float32, np.float64)


class Found(NamedTuple):
    """The image of an open file that is to be read, all of its planes being there.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Its pages.
    axes : str
        A letter of TCZYXS for each of its axes.
    notes : tuple of str
        What was assumed or left out.
    declared : tuple of int
        Its shape before planes were left out.
    kept : Kept
        Which planes are left.
    number : int
        Which image of the metadata it is, from 0.
    moved : str
        Axes of the file that are read as others, see `talanoa.image.axes.moved`.
    """

    series: tifffile.TiffPageSeries
    axes: str
    notes: tuple[str, ...]
    declared: tuple[int, ...]
    kept: Kept
    number: int
    moved: str = ""


def read(path: Path, how: Reading = AS_STORED) -> xr.DataArray:
    """Read an image of a TIFF file; see `talanoa.image.read`."""
    with opened(path) as tif, damage_explained(path):
        found = find(path, tif, how)
        check_size(path, found.series)
        values = found.series.asarray()
        if values.shape != tuple(found.series.shape):
            raise ValueError(f"an image of shape {values.shape}, declared as {found.series.shape}")
        if metadata.is_signed(tif) and values.dtype == np.uint16:
            values = (values.astype(np.int32) - metadata.SIGNED_OFFSET).astype(np.int16)
        return described(path, tif, values, found)


def find(path: Path, tif: tifffile.TiffFile, how: Reading) -> Found:
    """Return the image of an open file that is to be read; raises what `talanoa.image.formats.planes.complete` does."""
    series, number, several = image_series.chosen(path, tif, image_planes.declared(tif), how)
    axes, note = axes_of(path, series.axes, series.shape, how)
    whole, moved = series.shape, image_axes.moved(series.axes, axes)
    series, kept = image_planes.complete(path, tif, series, axes, how.missing)
    notes = (
        note,
        several,
        sets.companion_note(path, tif),
        sets.set_note(path, series),
        sets.foreign_note(path, tif, series),
        *kept.notes,
    )
    return Found(series, axes, tuple(filter(None, notes)), whole, kept, number, moved)


def described(path: Path, tif: tifffile.TiffFile, values: NDArray[Any], found: Found) -> xr.DataArray:
    """Return the values of the image of an open file in the image form, with what its metadata say."""
    attrs = metadata.from_tiff(tif, found.declared, found.axes, found.number)
    attrs = missing.adapted(attrs, found.kept)
    samples = image_samples.meaning(found.series.keyframe, found.axes, values.shape)
    values, axes = samples.kept(values, found.axes)
    form = attrs.pop("form")
    channels = values.shape[axes.index("C")] if "C" in axes else 1
    dropped = image_axes.drop(found.moved, form, attrs, channels) if "S" not in axes else ""
    if samples.names:
        form["channel_names"] = samples.names
    notes = [*attrs.pop("notes", ()), *found.notes, *samples.notes, *filter(None, (dropped,))]
    image = from_array(values, axes, **form)
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


def check_size(path: Path, series: tifffile.TiffPageSeries, in_memory: bool = True) -> None:
    """Compare what the header declares with the file and, where all of it is to be read, with the memory."""
    page = series.keyframe
    itemsize = page.bitspersample / 8 if isinstance(page.bitspersample, int) else series.dtype.itemsize
    times = None if page.is_tiled or series.dataoffset is not None else _MOST_TIMES.get(int(page.compression))
    counts = [each.databytecounts if each is not None else None for each in series] if times else [None]
    stored = None
    if not any(each is None for each in counts):  # strips of all planes: nothing of the image is left out
        stored = sum(int(count) for each in counts if each is not None for count in each)
    check_declared(path, series.shape, itemsize, stored, in_memory, times or 1)


def axes_of(path: Path, found: str, shape: tuple[int, ...], how: Reading) -> tuple[str, str]:
    """Return one letter per axis and a note on what was assumed."""
    unknown = [axis for axis in found if axis not in _KNOWN]
    if how.dims is not None and (unknown or not how.own):
        axes = axes_asked(path.name, found, shape, how, known=not unknown)
        return axes, image_axes.note_unused(found, axes, how)
    if not unknown:
        return found, ""
    if len(unknown) > 1 or "Z" in found:
        raise BadInput(
            f"{path.name} has {shape} pixels on axes that it does not name ({found}); expected t, c, z, y, x. "
            f"Say what they are, for example dims={example(len(shape))}."
        )
    planes = shape[found.index(unknown[0])]
    note = (
        f"the file does not say what its {planes} planes are; they were read as z, as ImageJ does "
        f"(dims={found.replace(unknown[0], 'T').lower()} reads them as time)"
    )
    return found.replace(unknown[0], "Z"), note
