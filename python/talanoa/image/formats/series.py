"""The images of a TIFF file that holds several: OME images, positions of a stage, pages of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from talanoa.core.errors import BadInput
from talanoa.image.formats import planes
from talanoa.image.reading import Reading

# Axes along which a program keeps one image per position of the stage; Zeiss: positions P, tiles of a mosaic M.
_POSITIONS = {"lsm": "RPM"}


def chosen(
    path: Path, tif: tifffile.TiffFile, declared: Sequence[tifffile.TiffPageSeries], how: Reading
) -> tuple[tifffile.TiffPageSeries, int, str]:
    """Return the image of a file that is to be read.

    Parameters
    ----------
    path : Path
        The file, for messages.
    tif : TiffFile
        The open file.
    declared : sequence of TiffPageSeries
        What the file declares, see `talanoa.image.formats.planes.declared`.
    how : Reading
        With `series`.

    Returns
    -------
    (TiffPageSeries, int, str)
        The image, its number in the metadata (from 0), and a note where other images are left out.

    Raises
    ------
    BadInput
        The file holds fewer images than `how.series` says.
    """
    found = images_in(tif, declared)
    found = [image for image in found if planes.in_file(path, image)] or found  # the others are in other files
    number = 1 if how.labels and len(found) == 1 else how.series or 1
    if number > len(found):
        raise BadInput(f"{path.name} holds {_count(len(found))}; found series={number}. {_remedy(len(found))}")
    image, note = found[number - 1], ""
    if how.series is None and len(found) > 1:
        note = f"the file holds {len(found)} images; the first was read (series=2 reads the second)"
    return image, next((place for place, each in enumerate(tif.series) if each is image), 0), note


def images_in(tif: tifffile.TiffFile, declared: Sequence[tifffile.TiffPageSeries]) -> list[tifffile.TiffPageSeries]:
    """Return the images of a file in their order; thumbnails are left out, and each position is an image."""
    whole = [series for series in declared if series is declared[0] or not _is_thumbnail(series)]
    return [image for series in whole for image in _by_position(tif, series)]


def _is_thumbnail(series: tifffile.TiffPageSeries) -> bool:
    return bool(series.keyframe.is_reduced)


def _by_position(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> list[tifffile.TiffPageSeries]:
    """Split a series along its positions."""
    along = next((axis for axis in _POSITIONS.get(series.kind, "R") if axis in series.axes), None)
    before = series.shape[: series.ndim - series.keyframe.ndim]
    if along is None or (at := series.axes.index(along)) >= len(before) or len(series) != int(np.prod(before)):
        return [series]
    pages = list(series)
    numbers = np.arange(len(pages)).reshape(before)
    rest = series.shape[:at] + series.shape[at + 1 :]
    return [
        each
        for position in range(before[at])
        for each in _by_position(
            tif,
            tifffile.TiffPageSeries(
                [pages[number] for number in numbers.take(position, at).ravel()],
                rest,
                series.dtype,
                series.axes.replace(along, ""),
                parent=tif,
                kind=series.kind,
                multifile=series.is_multifile,
            ),
        )
        if any(pages[number] is not None for number in numbers.take(position, at).ravel())
    ]


def _count(images: int) -> str:
    return "one image" if images == 1 else f"{images} images"


def _remedy(images: int) -> str:
    return "Leave series out." if images == 1 else f"Give a number from 1 to {images}."
