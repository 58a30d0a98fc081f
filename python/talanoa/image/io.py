"""Reading and writing images: the format is told by the name of the file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from talanoa.core.errors import BadInput
from talanoa.core.host import Host
from talanoa.image import grey_values, reading
from talanoa.image.form import check

log = logging.getLogger(__name__)


def read(
    path: str | os.PathLike[str],
    dims: str | None = None,
    missing: str | None = None,
    series: int | None = None,
) -> xr.DataArray:
    """Read an image file: TIFF, ImageJ TIFF, OME-TIFF, OME-Zarr, PNG or JPEG.

    Parameters
    ----------
    path : path
        A file, or an OME-Zarr folder.
    dims : str, optional
        The axes of the file's array in order, such as "tyx", where the file does not say or says it wrongly. A stack
        of planes without axes is read as z, as ImageJ does, and `attrs["notes"]` says so. Omitted: as the request of
        the running task says (`talanoa.image.reading`).
    missing : str, optional
        Where planes are not in the file that it declares: "refuse", "skip" (leave out frames that are not complete;
        of a stack without a complete frame the slices), "skip_channels" (leave out channels that are not complete) or
        "fill" (take 0 for what is missing). Omitted: likewise, else "refuse".
    series : int, optional
        Which image of a file that holds several, counted from 1. Omitted: likewise, else the first, with a note.

    Returns
    -------
    xarray.DataArray
        The image form, in memory. Values are those of the file (NaN included).

    Raises
    ------
    BadInput
        No such file, not an image, damaged, incomplete, of a kind that cannot be read, or larger than the free memory.
    """
    from talanoa.image.formats import picture, tiff
    from talanoa.image.formats import zarr as image_zarr

    path = Path(path).expanduser()
    if not path.exists():
        raise BadInput(f"Found no file {path}; expected an image. Check the spelling and the folder.")
    how = reading.wanted(dims, series, missing=missing)
    with errors_named(path):
        if path.is_dir():
            image = image_zarr.read(path, how)
        elif path.suffix.lower() in picture.SUFFIXES:
            image = picture.read(path, how)
        else:
            image = tiff.read(path, how)
    image.attrs["source"] = str(path)
    image.attrs["name"] = image.attrs["name"] or path.name
    for note in image.attrs.get("notes", ()):
        log.warning("%s: %s", path.name, note)
        reading.report(path.name, str(note))
    return image


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Put the name of a file before errors that do not have it."""
    try:
        yield
    except BadInput as error:
        if path.name in str(error):
            raise
        raise BadInput(f"{path.name}: {error}") from error


def write(path: str | os.PathLike[str], image: xr.DataArray, overwrite: bool = False) -> Path:
    """Write an image; the suffix decides: .tif (ImageJ), .ome.tif, .ome.zarr / .zarr, .png.

    Parameters
    ----------
    path : path
        Appears whole or not at all.
    image : xarray.DataArray
        The image form. ImageJ's TIFF holds 8, 16 and 32-bit float; other dtypes are converted only where every
        value stays exact.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    BadInput
        The file exists, cannot be written, or its format cannot hold the image.
    """
    from talanoa.image.formats import picture, tiff
    from talanoa.image.formats import zarr as image_zarr

    path = Path(path).expanduser()
    image = check(image)
    lower = path.name.lower()
    if lower.endswith((".tif", ".tiff")):
        tiff.write(path, image, overwrite)
    elif lower.endswith(".zarr"):
        image_zarr.write(path, image, overwrite)
    elif lower.endswith(".png"):
        picture.write(path, image, overwrite)
    else:
        raise BadInput(f"Found the name {path.name}; expected it to end with .tif, .ome.tif, .ome.zarr or .png.")
    return path


def read_labels(
    path: str | os.PathLike[str], dims: str | None = None, mask: str = "refuse", series: int | None = None
) -> xr.DataArray:
    """Read a label image: `read`, then `labels.as_labels` with the same `mask`."""
    from talanoa.image.labels import as_labels

    with reading.label_images():
        return as_labels(read(path, dims, series=series), mask)


def write_labels(path: str | os.PathLike[str], labels: xr.DataArray, overwrite: bool = False) -> Path:
    """Write a label image as ImageJ shows it best: see `labels.display_form`.

    Parameters
    ----------
    path : path
        .tif, .ome.tif or .ome.zarr.
    labels : xarray.DataArray
        The image form, whole numbers, one channel.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Path
        The file written.
    """
    from talanoa.image.labels import as_labels, display_form

    path = Path(path)
    return write(
        path, as_labels(labels, mask="keep", ours=True) if path.suffix == ".zarr" else display_form(labels), overwrite
    )


def read_image(path: Path, host: Host) -> xr.DataArray:
    """Read an image file and report its notes."""
    found = read(path)
    report_notes(found, host)
    return found


def report_notes(image: xr.DataArray, host: Host) -> None:
    """Report as warnings what the reader of an image, or the conversion from ImageJ, had to assume or leave out."""
    for note in image.attrs.get("notes", ()):
        host.warn(str(note))


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
