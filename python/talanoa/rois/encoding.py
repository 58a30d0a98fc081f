"""ROIs to bytes in ImageJ's ROI format, thousands in one pass.

The format is described in ImageJ's `ij.io.RoiDecoder` (public domain): a header of 64 bytes, coordinates, a second
header of 64 bytes, the name in UTF-16; big-endian throughout. `roifile` reads the same format, one ROI at a time.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.rois.roi_set import TRACED, RoiSet, ranges, starts

_VERSION = 228  # of ImageJ 1.52t and later
_SUB_PIXEL = 128
_MOST_VERTICES = 65535  # more become a composite, as in ImageJ
_LOWEST, _HIGHEST = -5000, 60000  # whole-number coordinates that two bytes can hold, by ImageJ's reading
HEADER = np.dtype(
    {
        "names": ["magic", "version", "type", "box", "n", "shape_size", "subtype", "options", "position", "header2"],
        "formats": ["S4", ">i2", "u1", (">i2", 4), ">u2", ">i4", ">i2", ">i2", ">i4", ">i4"],
        "offsets": [0, 4, 6, 8, 16, 36, 48, 50, 56, 60],
        "itemsize": 64,
    }
)
HEADER2 = np.dtype(
    {
        "names": ["czt", "name_offset", "name_length", "group"],
        "formats": [(">i4", 3), ">i4", ">i4", "u1"],
        "offsets": [4, 16, 20, 30],
        "itemsize": 64,
    }
)
_HEADER_WORDS = 32  # 64 bytes


def encode(rois: RoiSet) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of all ROIs in one buffer, and where each starts (n + 1,).

    A ROI of one path becomes a traced, polygon or freehand ROI; several paths become a composite. Sub-pixel coordinates
    are kept. A ROI with a stack index is written with that, every other one with channel, slice and frame; the format
    holds one of the two (see `roi_set.bound_in`).

    Raises
    ------
    BadInput
        A ROI has no vertices, or a coordinate that is not finite.
    """
    _check(rois)
    n_vertices = np.diff(rois.path_start[rois.roi_start])
    composite = _is_composite(rois, n_vertices)
    names = [name.encode("utf-16-be") for name in rois.names]
    name_words = np.array([len(name) // 2 for name in names], np.int64)
    n_paths = np.diff(rois.roi_start)
    per_vertex = np.where(rois.kind == TRACED, 2, 6)
    body = np.where(composite, 2 * (3 * n_vertices + n_paths), per_vertex * n_vertices)
    begin = starts(2 * _HEADER_WORDS + body + name_words)  # in words of two bytes
    words = np.zeros(begin[-1], np.uint16)  # swapped to big-endian at the end
    _put_rows(words, begin[:-1], _headers(rois, n_vertices, composite, body))
    _put_rows(words, begin[:-1] + _HEADER_WORDS + body, _second_headers(rois, body, name_words))
    _put_polygons(words, begin, rois, n_vertices, composite)
    _put_composites(words, begin, rois, composite)
    to = ranges(begin[1:] - name_words, name_words)
    words[to] = np.frombuffer(b"".join(names), ">u2")
    return words.byteswap(inplace=sys.byteorder == "little").view(np.uint8), 2 * begin


def _check(rois: RoiSet) -> None:
    """Refuse what the format cannot hold."""
    bare = np.flatnonzero(np.diff(rois.path_start[rois.roi_start]) == 0)
    if len(bare):
        raise BadInput(f"ROI {rois.names[bare[0]]} has no vertices; expected an area. Leave it out.")
    if not np.isfinite(rois.xy).all():
        raise BadInput("Found a ROI with coordinates that are NaN or infinite; expected pixels. Leave it out.")


def _is_composite(rois: RoiSet, n_vertices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which ROIs are stored as composite: several paths, very many vertices, whole numbers out of range."""
    low, high = _box(rois)
    too_far = ((low < _LOWEST) | (high > _HIGHEST) | (high - low > _HIGHEST)).any(axis=1)
    return (np.diff(rois.roi_start) != 1) | (n_vertices > _MOST_VERTICES) | (too_far & (rois.kind == TRACED))


def _box(rois: RoiSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the whole-number box around each ROI: lowest and highest x, y."""
    vertex = rois.path_start[rois.roi_start][:-1]
    if not len(vertex):
        return np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64)
    low = np.floor(np.minimum.reduceat(rois.xy, vertex, axis=0))
    return low.astype(np.int64), np.ceil(np.maximum.reduceat(rois.xy, vertex, axis=0)).astype(np.int64)


def _headers(
    rois: RoiSet, n_vertices: NDArray[np.int64], composite: NDArray[np.bool_], body: NDArray[np.int64]
) -> NDArray:
    """Return the first headers (n,)."""
    low, high = _box(rois)
    header = np.zeros(len(rois), HEADER)
    header["magic"] = b"Iout"
    header["version"] = _VERSION
    header["type"] = np.where(composite, 1, rois.kind)
    header["box"] = np.concatenate([low[:, ::-1], high[:, ::-1]], axis=1).clip(_LOWEST, 65535).astype(np.uint16)
    header["n"] = np.where(composite, 0, n_vertices)
    header["shape_size"] = np.where(composite, body // 2, 0)
    header["options"] = np.where(composite | (rois.kind == TRACED), 0, _SUB_PIXEL)
    header["position"] = rois.stack_index
    header["header2"] = 64 + 2 * body
    return header


def _second_headers(rois: RoiSet, body: NDArray[np.int64], name_words: NDArray[np.int64]) -> NDArray:
    """Return the second headers (n,)."""
    header = np.zeros(len(rois), HEADER2)
    header["czt"] = np.where(rois.stack_index[:, None] > 0, 0, rois.position)
    header["name_offset"] = np.where(name_words > 0, 128 + 2 * body, 0)
    header["name_length"] = name_words
    header["group"] = rois.group
    return header


def _put_rows(words: NDArray, begin: NDArray[np.int64], rows: NDArray) -> None:
    """Copy one record of 64 bytes to each place of `begin`."""
    words[begin[:, None] + np.arange(_HEADER_WORDS)] = rows.view(">u2").reshape(len(rows), _HEADER_WORDS)


def _put_polygons(
    words: NDArray, begin: NDArray[np.int64], rois: RoiSet, n_vertices: NDArray[np.int64], composite: NDArray[np.bool_]
) -> None:
    """Write x, then y of each single path as whole numbers from its corner; sub-pixel x, then y, behind them."""
    low, _ = _box(rois)
    some = np.flatnonzero(~composite)
    count = n_vertices[some]
    xy = rois.xy[ranges(rois.path_start[rois.roi_start][some], count)]
    first = np.repeat(begin[some] + _HEADER_WORDS, count)
    step = ranges(np.zeros(len(some), np.int64), count)
    n = np.repeat(count, count)
    whole = (np.floor(xy) - np.repeat(low[some].astype(np.float32), count, axis=0)).clip(0, 65535).astype(np.uint16)
    words[first + step] = whole[:, 0]
    words[first + step + n] = whole[:, 1]
    fine = np.repeat(rois.kind[some] != TRACED, count)
    place = (first + 2 * (n + step))[fine]
    _put_floats(words, place, xy[fine, 0])
    _put_floats(words, place + 2 * n[fine], xy[fine, 1])


def _put_composites(words: NDArray, begin: NDArray[np.int64], rois: RoiSet, composite: NDArray[np.bool_]) -> None:
    """Write the paths of composites as segments: (0, x, y) move, (1, x, y) line, (4) close."""
    some = np.flatnonzero(composite)
    n_paths = np.diff(rois.roi_start)[some]
    paths = ranges(rois.roi_start[some], n_paths)
    count = np.diff(rois.path_start)[paths]
    before = starts(3 * count + 1)  # floats of earlier paths, of all composites
    inside = before[:-1] - np.repeat(before[starts(n_paths)[:-1]], n_paths)
    base = np.repeat(begin[some] + _HEADER_WORDS, n_paths) + 2 * inside
    vertex = ranges(rois.path_start[paths], count)
    step = np.arange(len(vertex)) - np.repeat(starts(count)[:-1], count)
    place = np.repeat(base, count) + 6 * step
    _put_floats(words, place, (step > 0).astype(np.float32))
    _put_floats(words, place + 2, rois.xy[vertex, 0])
    _put_floats(words, place + 4, rois.xy[vertex, 1])
    _put_floats(words, base + 6 * count, np.full(len(base), 4, np.float32))


def _put_floats(words: NDArray, place: NDArray[np.int64], values: NDArray[np.float32]) -> None:
    """Write a float (two words) at each place."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    words[place] = bits >> 16
    words[place + 1] = bits & 0xFFFF
