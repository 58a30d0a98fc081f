"""ImageJ's ROI files: zips as the ROI Manager saves them, and single .roi files.

Nothing is ever unpacked to disk, so an entry cannot leave a folder; sizes are checked before anything is read.
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talanoa.core import foreign_files
from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.rois import archive as roi_archive
from talanoa.rois import contours
from talanoa.rois import places as roi_places
from talanoa.rois.decoding import Decoded, read_plain
from talanoa.rois.encoding import encode
from talanoa.rois.roi_set import RoiSet, label_numbers, starts
from talanoa.rois.shapes import FARTHEST, NoArea, read_shape
from talanoa.rois.zip_stored import write_stored

log = logging.getLogger(__name__)

MAX_ENTRY = 64 << 20  # bytes; a ROI of five million corners
MAX_TOTAL = 1 << 30
_SMALL = 32 << 20  # bytes; fewer do no harm, however well they are packed
_MOST_TIMES = 60  # bytes of ROIs that one byte of a zip holds; outlines compress to a tenth
_AT_ONCE = 8 << 20  # bytes decoded in one pass
_AGAIN = "Save the ROIs again (ROI Manager, More, Save)."


@dataclass(frozen=True)
class ReadRois:
    """ROIs of a file, and what was left out.

    Attributes
    ----------
    rois : RoiSet
        The areas, in the order of the file.
    skipped : tuple of (name, reason)
        Lines, points, texts, damaged entries, other files.
    notes : list of str
        How positions were read that can mean several things.
    warnings : list of str
        What was left out in words, and the notes; for the user.
    """

    rois: RoiSet
    skipped: tuple[tuple[str, str], ...] = ()
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_zip(
    path: str | os.PathLike[str], image_shape: Sequence[int] | None = None, as_drawn: bool = False
) -> ReadRois:
    """Read the areas of a ROI zip or of a single .roi file.

    Rectangles, ovals, polygons, freehand and traced outlines, ellipses, rotated and rounded rectangles, spline fits and
    composites are read, each so that its pixels are those of ImageJ's mask. What is no area is skipped and named.

    Parameters
    ----------
    path : path
    image_shape : (y, x), (t, z, y, x) or (t, c, z, y, x), optional
        Sizes of the image that the ROIs belong to; needed only where ROIs of a hyperstack have the one stack
        position of old versions of ImageJ.
    as_drawn : bool
        Leave contours through the centres of border pixels (of Cellpose) as they are; see `talanoa.rois.contours`.

    Raises
    ------
    BadInput
        No such file; no zip or a damaged one; entries that are unreasonably large; no area in it.
    """
    path = Path(path)
    entries, others = _entries(path)
    if not entries:
        raise BadInput(
            f"{path} holds no .roi entries; expected a zip that ImageJ's ROI Manager saved. Choose another file."
        )
    found = decode([data for _, data in entries], [name for name, _ in entries], image_shape)
    skipped = (*others, *found.skipped)
    if not len(found.rois):
        listed = "; ".join(f"{name}: {reason}" for name, reason in skipped[:5])
        raise BadInput(f"{path} holds no area, only {listed}. Expected outlines; draw polygons or freehand selections.")
    drawn, more = (found.rois, []) if as_drawn else contours.whole(found.rois, path)
    notes = [*found.notes, *more]
    return ReadRois(drawn, skipped, notes, [*_describe(skipped, path.name), *notes])


def decode(
    blobs: Sequence[bytes], names: Sequence[str] | None = None, image_shape: Sequence[int] | None = None
) -> ReadRois:
    """Decode ROIs from the bytes of .roi files, such as ImageJ's `RoiEncoder.saveAsByteArray` gives.

    Parameters
    ----------
    blobs : sequence of bytes
    names : sequence of str, optional
        Used for ROIs that carry no name, and in messages.
    image_shape
        As for `read_zip`.
    """
    fallback = list(names) if names is not None else [f"ROI {k + 1}" for k in range(len(blobs))]
    found: list[Decoded] = []
    skipped: list[tuple[str, str]] = []
    for data, name, plain in zip(blobs, fallback, _read_plain(blobs), strict=True):
        try:
            roi = plain or _checked(_read_special(data))
        except NoArea as reason:
            skipped.append((name, str(reason)))
        except ValueError as error:
            log.debug("ROI %s: %s", name, error)
            skipped.append((name, "a damaged ROI"))
        else:
            found.append(roi._replace(name=roi.name or name))
    places, notes = roi_places.of(found, image_shape)
    rois = _gather(found, places)
    return ReadRois(rois, tuple(skipped), notes, [*_describe(skipped, "the ROIs"), *notes])


def _read_plain(blobs: Sequence[bytes]) -> Iterator[Decoded | None]:
    """Decode what is plain in runs of some megabytes, because decoding takes many times that."""
    size = np.cumsum([len(blob) for blob in blobs]) // _AT_ONCE
    for run in np.split(np.arange(len(blobs)), np.flatnonzero(np.diff(size)) + 1):
        if len(run):
            yield from read_plain(blobs[run[0] : run[-1] + 1])


def _read_special(data: bytes) -> Decoded:
    """Decode one ROI of any type."""
    roi, shape = read_shape(data)
    return Decoded(shape, roi.name, (roi.c_position, roi.z_position, roi.t_position), roi.position, roi.group & 255)


def _checked(roi: Decoded) -> Decoded:
    """Refuse outlines that enclose nothing or are not numbers."""
    if not roi.shape.paths:
        raise NoArea("an outline of fewer than three corners")
    if not all((np.abs(path) < FARTHEST).all() for path in roi.shape.paths):  # NaN compares False
        raise NoArea("coordinates that no image has")
    return roi


def write_zip(path: str | os.PathLike[str], rois: RoiSet, overwrite: bool = False) -> None:
    """Write ROIs to a zip for ImageJ's ROI Manager, or a single ROI to a .roi file.

    Parameters
    ----------
    path : path
        Ends in .zip or .roi.
    rois : RoiSet
    overwrite : bool
        Replace an existing file; without it that is an error. The file appears whole or not at all.

    Raises
    ------
    BadInput
        The file exists, the folder does not; another suffix; several ROIs for a .roi file.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".zip", ".roi") or (suffix == ".roi" and len(rois) != 1):
        raise BadInput(f"Found the name {path.name} for {len(rois)} ROIs; expected one that ends in .zip. Rename it.")
    buffer, begin = encode(rois)
    with write_aside(path, overwrite) as aside:
        if suffix == ".roi":
            aside.write_bytes(buffer.tobytes())
        else:
            write_stored(aside, entry_names(rois.names), buffer, begin)


def entry_names(names: Iterable[str]) -> list[str]:
    """Return a file name for each ROI: characters that a file system refuses replaced, equal names numbered."""
    seen: set[str] = set()
    again: dict[str, int] = {}
    result = []
    for name in names:
        plain = name.translate(_UNSAFE).strip(". ") or "ROI"
        entry = plain
        while entry.lower() in seen:
            again[plain.lower()] = again.get(plain.lower(), 0) + 1
            entry = f"{plain}-{again[plain.lower()]}"
        seen.add(entry.lower())
        result.append(entry + ".roi")
    return result


_UNSAFE = str.maketrans({**dict.fromkeys('/\\:*?"<>|', "_"), **dict.fromkeys(map(chr, range(32)), "_")})


def _gather(found: Sequence[Decoded], position: NDArray[np.int32]) -> RoiSet:
    """Put single outlines into one set."""
    paths = [path for roi in found for path in roi.shape.paths]
    names = tuple(roi.name for roi in found)
    return RoiSet(
        np.concatenate([np.zeros((0, 2), np.float32), *paths]).astype(np.float32),
        starts(np.array([len(path) for path in paths], np.int64)),
        starts(np.array([len(roi.shape.paths) for roi in found], np.int64)),
        names,
        label_numbers(names, position),
        position,
        np.array([roi.shape.kind for roi in found], np.uint8),
        np.array([roi.group for roi in found], np.uint8),
        np.array([roi.stack_index if roi_places.has_index(roi) else 0 for roi in found], np.int32),
    )


def _entries(path: Path) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    """Return (name, bytes) of each ROI of a file, and (name, reason) of what is skipped."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}; expected a ROI zip or .roi file. Check the name and the folder.")
    if foreign := foreign_files.hint(path):
        raise BadInput(f"{path} is no ROI file but {foreign}.")
    single = path.suffix.lower() == ".roi"
    size, most = path.stat().st_size, MAX_ENTRY if single else MAX_TOTAL
    if size > most:
        raise BadInput(f"{path} has {size:,} bytes; expected ROIs of at most {most:,}. Choose another file.")
    if single:
        return [(path.stem, path.read_bytes())], []
    with roi_archive.opened(path, "a zip that ImageJ's ROI Manager saved", _AGAIN) as archive:
        return _read_archive(archive, path)


def _read_archive(archive: zipfile.ZipFile, path: Path) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    """Read all ROI entries after a look at their sizes and names."""
    kept, skipped = [], []
    for info in archive.infolist():
        reason = _why_not(info)
        if reason:
            skipped.append((info.filename, reason))
        elif not info.is_dir():
            kept.append(info)
    _check_sizes(kept, path)
    raw = path.read_bytes()
    return [(roi_archive.base_name(info)[:-4], roi_archive.read_entry(archive, info, raw)) for info in kept], skipped


def _check_sizes(kept: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Refuse a zip that would unpack to more than ROIs need, before any of it is read."""
    largest = max((info.file_size for info in kept), default=0)
    total = sum(info.file_size for info in kept)
    most = min(MAX_TOTAL, max(_SMALL, _MOST_TIMES * path.stat().st_size))
    if largest > MAX_ENTRY or total > most:
        raise BadInput(
            f"{path} would unpack to {total:,} bytes, its largest entry to {largest:,}; expected at most {most:,} and "
            f"{MAX_ENTRY:,}. This is no ROI zip of ImageJ, or a damaged one."
        )


def _why_not(info: zipfile.ZipInfo) -> str:
    """Return why an entry is not read, or an empty text."""
    if reason := roi_archive.why_not(info):
        return reason
    name = info.filename.replace("\\", "/")
    other = name.startswith("__MACOSX/") or not name.lower().endswith(".roi")
    return "no ROI" if other and not info.is_dir() else ""


def _describe(skipped: Sequence[tuple[str, str]], source: str) -> list[str]:
    """Say which entries were skipped, one line a reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in skipped:
        by_reason.setdefault(reason, []).append(name)
    return [
        f"Skipped in {source}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''} ({len(names)} x {reason})."
        for reason, names in by_reason.items()
    ]
