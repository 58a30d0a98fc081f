"""The planes that Micro-Manager's summary declares, also where channels are uneven or files are missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import tifffile

_PLANNED = {"T": "Frames", "Z": "Slices", "C": "Channels"}
_COLUMN = {"C": 0, "Z": 1, "T": 2, "R": 3}  # of the index map; R: positions
_MOST = 1 << 24  # planes that one acquisition can have


def declared_by_micromanager(
    tif: tifffile.TiffFile, found: list[tifffile.TiffPageSeries]
) -> list[tifffile.TiffPageSeries]:
    """Return the image of a stack file with all planes that were planned.

    Where the other files of an acquisition are not there, the library returns the part that this file holds as if it
    were the whole; here it is put in its place among what was planned.

    Parameters
    ----------
    tif : TiffFile
        The open file.
    found : list of TiffPageSeries
        What the library makes of it.
    """
    metadata = tif.micromanager_metadata or {}
    summary, index = metadata.get("Summary"), metadata.get("IndexMap")
    series = found[0]
    if series.kind != "mmstack" or series.is_multifile or index is None or not isinstance(summary, dict):
        return found
    shape, axes = series.get_shape(squeeze=False), series.get_axes(squeeze=False)
    letters = axes[: len(axes) - series.keyframe.ndim]
    first = {letter: int(index[:, _COLUMN[letter]].min()) for letter in letters}
    last = {letter: int(index[:, _COLUMN[letter]].max()) for letter in letters}
    planned = tuple(
        max(last[letter] + 1, _number(summary.get(_PLANNED[letter]))) if letter in _PLANNED else size
        for letter, size in zip(letters, shape, strict=False)
    )
    held = shape[: len(letters)]
    if held == planned or int(np.prod(planned, dtype=float)) > _MOST:
        return found
    pages = np.full(planned, None, object)
    starts = [0 if size == whole or letter == "R" else first[letter]
              for letter, size, whole in zip(letters, held, planned, strict=True)]  # fmt: skip
    places = tuple(slice(start, start + size) for start, size in zip(starts, held, strict=True))
    part: Any = np.empty(int(np.prod(held)), object)
    part[:] = list(series)
    pages[places] = part.reshape(held)
    return [
        tifffile.TiffPageSeries(
            list(pages.ravel()),
            (*planned, *shape[len(letters) :]),
            series.dtype,
            axes,
            parent=tif,
            kind=series.kind,
        )
    ]


def _number(value: Any) -> int:
    """Return a planned number, 1 where there is none."""
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError):
        return 1
