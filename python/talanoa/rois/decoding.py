"""Plain outlines (polygon, freehand, traced) from the bytes of many ROIs in one pass; the counterpart of
`talanoa.rois.encoding`.

They are nearly all that a ROI zip holds. Whatever is special, or does not look right, is left to `talanoa.rois.shapes`,
which
reads one ROI at a time with `roifile`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.rois.encoding import HEADER, HEADER2
from talanoa.rois.roi_set import POLYGON, TRACED, ranges, starts
from talanoa.rois.shapes import FARTHEST, Shape

_PLAIN_TYPES = (0, 7, 8)
_SPLINE = 1
_SUB_PIXEL = 128
_OLDEST_SUB_PIXEL = 222  # version of the format
_BYTES_OF_HEADER = 64
_LOWEST = -5000  # ImageJ takes lower numbers of two bytes for high ones


class Decoded(NamedTuple):
    """One ROI: its outline, name ("" when it has none), channel, slice and frame, index in a plain stack, group."""

    shape: Shape
    name: str
    czt: tuple[int, int, int]
    stack_index: int
    group: int = 0


def read_plain(blobs: Sequence[bytes]) -> list[Decoded | None]:
    """Decode what is plain; None stands for a ROI that needs a closer look.

    Parameters
    ----------
    blobs : sequence of bytes
        Contents of .roi files.
    """
    size = np.array([len(blob) for blob in blobs], np.int64)
    begin = starts(size)[:-1]
    buffer = np.frombuffer(b"".join(blobs), np.uint8)
    long_enough = np.flatnonzero(size >= 2 * _BYTES_OF_HEADER)
    header = _records(buffer, begin[long_enough], HEADER)
    plain = _is_plain(header, size[long_enough])
    chosen, header = long_enough[plain], header[plain]
    second = _records(buffer, begin[chosen] + header["header2"], HEADER2)
    outlines = _outlines(buffer, begin[chosen], header)
    names = _names(blobs, chosen, second)
    kinds = np.where(_has_floats(header) & (header["type"] == TRACED), POLYGON, header["type"])
    result: list[Decoded | None] = [None] * len(blobs)
    rows = zip(
        chosen.tolist(),
        outlines,
        kinds.tolist(),
        names,
        second["czt"].tolist(),
        header["position"].tolist(),
        second["group"].tolist(),
        strict=True,
    )
    for i, outline, kind, name, czt, index, group in rows:
        if outline is not None:
            result[i] = Decoded(Shape([outline], kind), name, tuple(czt), index, group)
    return result


def _records(buffer: NDArray[np.uint8], begin: NDArray[np.int64], dtype: np.dtype) -> NDArray:
    """Return the records of 64 bytes that start at each place."""
    rows = buffer[begin[:, None] + np.arange(_BYTES_OF_HEADER)]
    return rows.view(dtype).reshape(len(begin))


def _has_floats(header: NDArray) -> NDArray[np.bool_]:
    """Return which ROIs carry sub-pixel coordinates."""
    flagged: NDArray[np.bool_] = (header["options"] & _SUB_PIXEL > 0) & (header["version"] >= _OLDEST_SUB_PIXEL)
    return flagged


def _is_plain(header: NDArray, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which ROIs are plain outlines whose parts all lie within their bytes."""
    n = header["n"].astype(np.int64)
    body_end = _BYTES_OF_HEADER + n * np.where(_has_floats(header), 12, 4)
    plain: NDArray[np.bool_] = (
        (header["magic"] == b"Iout")
        & np.isin(header["type"], _PLAIN_TYPES)
        & (header["shape_size"] == 0)
        & (header["subtype"] == 0)
        & (header["options"] & _SPLINE == 0)
        & (n >= 3)
        & (header["header2"] >= body_end)
        & (header["header2"].astype(np.int64) + _BYTES_OF_HEADER <= size)
    )
    return plain


def _outlines(buffer: NDArray[np.uint8], begin: NDArray[np.int64], header: NDArray) -> list[NDArray[np.float32] | None]:
    """Return the vertices (n, 2) of each ROI, None where they are no coordinates of an image."""
    n = header["n"].astype(np.int64)
    floats = np.repeat(_has_floats(header), n)
    x_at = ranges(begin + _BYTES_OF_HEADER, 2 * n)[::2]
    far = np.repeat(n, n)
    corner = np.repeat(header["box"][:, 1::-1], n, axis=0)
    xy = np.empty((len(x_at), 2), np.float32)
    for axis in (0, 1):
        whole = _numbers(buffer, x_at + 2 * far * axis, ">i2").astype(np.int64)
        whole = np.where(whole < _LOWEST, whole + 65536, np.maximum(whole, 0))
        xy[:, axis] = whole + corner[:, axis]
    first = np.repeat(begin + _BYTES_OF_HEADER, n)[floats]
    fine = (first + 4 * far[floats]) + 2 * (x_at[floats] - first)
    xy[floats, 0] = _numbers(buffer, fine, ">f4")
    xy[floats, 1] = _numbers(buffer, fine + 4 * far[floats], ">f4")
    edge = starts(n)
    good = np.logical_and.reduceat((np.abs(xy) < FARTHEST).all(axis=1), edge[:-1]) if len(n) else n  # NaN is no good
    pieces = zip(edge[:-1].tolist(), edge[1:].tolist(), good.tolist(), strict=True)
    return [xy[start:end] if fits else None for start, end, fits in pieces]


def _numbers(buffer: NDArray[np.uint8], place: NDArray[np.int64], dtype: str) -> NDArray:
    """Return the numbers that start at each place."""
    size = np.dtype(dtype).itemsize
    return np.ascontiguousarray(buffer[place[:, None] + np.arange(size)]).view(dtype)[:, 0]


def _names(blobs: Sequence[bytes], chosen: NDArray[np.int64], second: NDArray) -> list[str]:
    """Return the names inside the ROIs, "" for those without."""
    names = []
    rows = zip(chosen.tolist(), second["name_offset"].tolist(), second["name_length"].tolist(), strict=True)
    for i, offset, length in rows:
        found = blobs[i][offset : offset + 2 * length] if offset > 0 and length > 0 else b""
        names.append(found.decode("utf-16-be", errors="replace"))
    return names
