"""The planes that a TIFF file declares and those that it holds, for images read whole and block by block alike.

Metadata (OME-XML, ImageJ's description, Micro-Manager's summary) declare a number of planes. A file that was cut off,
an acquisition that was stopped, or a set of which files are missing holds fewer. The library fills them with zeros, or
falls back to the first plane; here the planes are counted, and what is missing is named.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.limits import check_declared
from talanoa.image.formats import ome
from talanoa.image.formats.declared import declared_by_imagej, declared_by_shape
from talanoa.image.formats.micromanager import declared_by_micromanager
from talanoa.image.formats.missing import REFUSE, Kept, Present, counted, listed, places, settle

# Kinds of series whose number of planes stands in the metadata; of the others it is the number of pages in the file.
_DECLARING = frozenset({"imagej", "ome", "mmstack", "ndtiff", "lsm", "shaped", "fluoview"})
_DESCRIBING = frozenset({270, 34412})  # the description; LSM's. Their numbers count bytes.
_MOST_TAGS = 4096  # of a page, as the library takes it


def declared(tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Return the images of an open file as its metadata declare them, whether or not all of their planes are there."""
    found: list[tifffile.TiffPageSeries] = list(tif.series)
    if not found:
        raise ValueError("no image in it")
    if tif.is_mmstack:
        found = declared_by_micromanager(tif, found)
    elif tif.is_imagej and found[0].kind != "ome":
        found = declared_by_imagej(tif, found)
    elif found[0].kind == "shaped":
        found = declared_by_shape(tif, found)
    return found


def complete(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, axes: str, missing: str = REFUSE
) -> tuple[tifffile.TiffPageSeries, Kept]:
    """Return the planes of an image that are read, and what is missing.

    Parameters
    ----------
    path : Path
        The file, for messages.
    tif : TiffFile
        The open file.
    series : TiffPageSeries
        One of `declared`.
    axes : str
        A letter for each axis of the series: T, C, Z, Y, X, S.
    missing : str
        What to do where planes are missing; see `talanoa.image.formats.missing.settle`.

    Raises
    ------
    BadInput
        Planes are missing and are not to be left out, or nothing complete is left.
    """
    pages, there = _planes(series)
    leading = axes[: series.ndim - _page_dims(series)]
    shape = series.shape[: len(leading)]
    cut = _lost_description(tif) or (_more_than_pages(tif, len(there)) if series.kind not in _DECLARING else "")
    if there.all():
        return series, _of_cut_file(path, cut, missing)
    if not there.any():
        check_declared(path, series.shape, series.dtype.itemsize, series.keyframe.parent.filehandle.size)
        raise BadInput(
            f"{path.name}: none of its {counted(len(there), 'plane')} is whole in the file; expected all of them. The "
            "file is damaged or was cut off: copy or export it again."
        )
    present = there.reshape(shape)
    said, why = _what_is_missing(path, tif, series, present, leading, cut)
    kept = settle(path.name, present, leading, missing, said, why)
    held = np.empty(len(pages), object)
    held[:] = [page if whole else None for page, whole in zip(pages, there, strict=True)]
    return _with_pages(series, held.reshape(shape), leading, kept), kept


def _of_cut_file(path: Path, cut: str, missing: str) -> Kept:
    """Return what is said of a file that was cut off behind its last whole plane."""
    if cut and missing == REFUSE:
        raise BadInput(
            f"{path.name}: {cut} Expected the whole file: copy or export it again. missing_planes=skip uses the planes "
            "that are there."
        )
    return Kept((f"{cut} The planes that are there were read",)) if cut else Kept()


def _with_pages(
    series: tifffile.TiffPageSeries, pages: NDArray[Any], leading: str, kept: Kept
) -> tifffile.TiffPageSeries:
    """Return a series of the pages that are used; None in them is read as 0."""
    at = leading.index(kept.axis) if kept.axis else 0
    used = pages.take(kept.numbers, at) if kept.axis else pages
    return tifffile.TiffPageSeries(
        list(used.ravel()),
        (*used.shape, *series.shape[len(leading) :]),
        series.dtype,
        series.axes,
        parent=series.parent,
        name=series.name,
        kind=series.kind,
        multifile=series.is_multifile,
        squeeze=False,
    )


def _planes(series: tifffile.TiffPageSeries) -> tuple[list[Any], NDArray[np.bool_]]:
    """Return the pages of all declared planes, None where there is none, and which are whole in their file."""
    page = series.keyframe
    count = max(1, math.prod(series.shape) // max(1, math.prod(page.shape)))
    offset = None if series.is_multifile else series.dataoffset
    if offset:  # one block of pixels, described by its first page
        end = page.parent.filehandle.size
        starts = offset + page.nbytes * np.arange(count, dtype=np.int64)
        there = starts + page.nbytes <= end
        if there.all():
            return [page], there
        return [_plane_at(page, int(at)) if whole else None for at, whole in zip(starts, there, strict=True)], there
    pages = list(_pages(series, count))
    sizes: dict[str, int] = {}
    there = np.array([_is_whole(each, sizes) for each in pages], bool)
    return pages, there


def _pages(series: tifffile.TiffPageSeries, count: int) -> Iterator[Any]:
    """Yield `count` pages, None for those that do not exist."""
    for number in range(count):
        try:
            yield series[number] if number < len(series) else None
        except IndexError:  # the chain of pages ends early
            yield None


def _plane_at(page: tifffile.TiffPage, start: int) -> tifffile.TiffFrame:
    """Return a plane of the block of pixels that begins with a page."""
    shift = start - page.dataoffsets[0]
    return tifffile.TiffFrame(
        page.parent,
        page.index,
        offset=page.offset,
        keyframe=page,
        dataoffsets=tuple(offset + shift for offset in page.dataoffsets),
        databytecounts=page.databytecounts,
    )


def _is_whole(page: Any, sizes: dict[str, int]) -> bool:
    """Tell whether all strips or tiles of a page lie within its file; a tile that was never written counts as empty."""
    if page is None:
        return False
    frame = page.keyframe
    offsets, counts = np.asarray(page.dataoffsets, float), np.asarray(page.databytecounts, float)
    file = page.parent.filehandle
    if file.path not in sizes:
        sizes[file.path] = file.size if not file.closed else Path(file.path).stat().st_size
    if not len(offsets) or not offsets[0]:
        return False
    if frame.is_contiguous:
        return bool(offsets[0] + frame.nbytes <= sizes[file.path])
    if len(offsets) < math.prod(frame.chunked) or len(counts) < len(offsets):
        return False
    if not frame.is_tiled and (counts <= 0).any():
        return False
    return bool((offsets + counts <= sizes[file.path]).all() and (counts > 0).any())


def _more_than_pages(tif: tifffile.TiffFile, count: int) -> str:
    """Return in what way a file promises more planes than its pages are; empty: it does not."""
    pages = ome.planes_of(tif.ome_metadata or "") if tif.is_ome else None
    if pages is not None and pages > count:
        return f"the OME metadata declare {pages} planes, and the {count} in the file do not fit them."
    if not _announces_more(tif):
        return ""
    return (
        f"the file ends after {counted(count, 'plane')} and names at least one more, which is not in it (it was cut "
        "off, or its writing was interrupted)."
    )


def _lost_description(tif: tifffile.TiffFile) -> str:
    """Return what was lost where the description of the first page, or its like, lies behind the end of the file."""
    form, handle = tif.tiff, tif.filehandle
    if form.tagsize != 4 + 2 * form.offsetsize:  # NDPI has a form of its own
        return ""
    handle.seek(tif.pages.first.offset)
    (count,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    entries = handle.read(count * form.tagsize)
    width = form.offsetsize
    for at in range(0, len(entries) - form.tagsize + 1, form.tagsize):
        code, _ = struct.unpack(form.tagformat1, entries[at : at + struct.calcsize(form.tagformat1)])
        if code not in _DESCRIBING:
            continue
        value = at + form.tagsize - 2 * width  # the number of bytes, then where they are
        length, offset = struct.unpack(form.byteorder + 2 * form.offsetformat[-1], entries[value : value + 2 * width])
        if length > width and offset + length > handle.size:
            return (
                "the description of the image (axes, calibration) lay at the end of the file, which was cut off: it is "
                "lost."
            )
    return ""


def _announces_more(tif: tifffile.TiffFile) -> bool:
    """Tell whether the last page of a file names a next one, which is not in the file."""
    form, handle = tif.tiff, tif.filehandle
    try:
        following = int(tif.pages[len(tif.pages) - 1]._nextifd())
        if following == 0:
            return False
        handle.seek(following)
        (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    except (struct.error, OSError, ValueError):
        return True
    # a page that is there was named before: the chain goes round, as some programs write it
    return not 0 < tags <= _MOST_TAGS or following + form.tagnosize + tags * form.tagsize > handle.size


def in_file(path: Path, series: tifffile.TiffPageSeries) -> bool:
    """Tell whether planes of an image lie in a file itself, not only in others of its set."""
    own = path.absolute()
    return not series.is_multifile or any(
        page is not None and Path(page.parent.filehandle.path).absolute() == own for page in series
    )


def _page_dims(series: tifffile.TiffPageSeries) -> int:
    """Return how many of the last axes of a series lie within a page."""
    wanted, size = math.prod(series.keyframe.shape), 1
    for number, side in enumerate(reversed(series.shape), 1):
        size *= side
        if size >= wanted:
            return number
    return series.ndim


def _what_is_missing(
    path: Path, tif: tifffile.TiffFile, series: Any, present: Present, leading: str, cut: str
) -> tuple[str, str]:
    """Return a sentence that names the planes, and the files, that are not there, and one on what was expected."""
    gone = int((~present).sum())
    more = f" Besides, {cut}" if cut else ""
    files = _missing_files(path, tif, series)
    place = f" Not found next to it: {listed(files)}." if files else ""
    plural = "s" * bool(files or series.is_multifile)
    verb = "is" if gone == 1 else "are"
    said = f"{gone} of {present.size} planes {verb} not in the file{plural}{places(present, leading)}.{more}{place}"
    if series.kind == "mmstack":
        return said, "They were planned and not recorded, or lie in files that are not here."
    return said, "Expected all of them: copy or export the image again, with all of its files."


def _missing_files(path: Path, tif: tifffile.TiffFile, series: Any) -> list[str]:
    """Return the names of the files that OME-XML names for the image and that are not next to the file."""
    if series.kind != "ome":
        return []
    named = ome.files_of(path, tif.ome_metadata or "")
    return [name for name in named if not (path.parent / name).is_file()]
