"""The planes that the description in the first page declares, also where the file does not hold all of them."""

from __future__ import annotations

import json
import math
from typing import Any

import tifffile

_ORDERS = {"ctz": "ZTC", "zct": "TCZ", "ztc": "CTZ", "tcz": "ZCT", "tzc": "CZT"}  # as ImageJ names them, fastest first
_MOST = 1 << 31  # planes: ImageJ counts with 32-bit numbers


def declared_by_imagej(tif: tifffile.TiffFile, found: list[tifffile.TiffPageSeries]) -> list[tifffile.TiffPageSeries]:
    """Return the images of a file by ImageJ, the first with all planes that the description declares.

    The library gives the first plane alone where a stack that is one block of pixels was cut off.

    Parameters
    ----------
    tif : TiffFile
        The open file.
    found : list of TiffPageSeries
        What the library makes of it.
    """
    said = tif.imagej_metadata or {}
    page = tif.pages.first
    samples = math.prod(page.shape) // (page.imagelength * page.imagewidth) if page.imagelength * page.imagewidth else 1
    sizes = {"T": _size(said, "frames"), "Z": _size(said, "slices"), "C": _size(said, "channels")}
    if samples > 1 and sizes["C"] in (samples, 1):
        sizes["C"] = 1
    planes = math.prod(sizes.values())
    images = _size(said, "images")
    if samples > 1 and images == sizes["T"] * sizes["Z"]:
        planes = images
    held = max(1, math.prod(found[0].shape) // max(1, math.prod(found[0].keyframe.shape)))
    if found[0].kind == "imagej" or max(planes, images) <= held or max(planes, images) > _MOST:
        return found
    axes = _ORDERS.get(str(said.get("order", "")).lower(), "TZC")
    shape = tuple(sizes[axis] for axis in axes)
    if planes == 1:  # only their number is given
        axes, shape = "I", (images,)
    whole = tifffile.TiffPageSeries(
        [page, *_further(tif, math.prod(shape))],
        (*shape, *page.shape),
        page.dtype,
        axes + page.axes,
        parent=tif,
        kind="imagej",
    )
    return [whole]


def declared_by_shape(tif: tifffile.TiffFile, found: list[tifffile.TiffPageSeries]) -> list[tifffile.TiffPageSeries]:
    """Return the images of a file that tifffile wrote, the first with all planes of the shape in its description.

    Parameters
    ----------
    tif : TiffFile
        The open file.
    found : list of TiffPageSeries
        What the library makes of it: the first page alone where pages of a compressed stack are not there.
    """
    page = tif.pages.first
    try:
        said = json.loads(page.shaped_description or "")
        shape, axes = tuple(int(side) for side in said["shape"]), str(said.get("axes") or "")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return found
    leading = len(shape) - page.ndim
    planes = math.prod(shape[:leading]) if leading > 0 else 1
    held = max(1, math.prod(found[0].shape) // max(1, math.prod(page.shape)))
    if shape[max(leading, 0) :] != page.shape or not held < planes <= _MOST:
        return found
    whole = tifffile.TiffPageSeries(
        [page, *_further(tif, planes)],
        shape,
        page.dtype,
        axes if len(axes) == len(shape) else "Q" * leading + page.axes,
        parent=tif,
        kind="shaped",
        squeeze=False,
    )
    return [whole]


def _further(tif: tifffile.TiffFile, planes: int) -> list[Any]:
    """Return the planes after the first: pages of their own, or parts of one block of pixels; None: not there."""
    page, pages = tif.pages.first, len(tif.pages)
    own: list[Any] = list(tif.pages[1:planes]) if pages > 1 else []
    if own or not page.is_final:
        return own + [None] * (planes - 1 - len(own))
    end = tif.filehandle.size
    whole = min(planes, max(1, (end - page.dataoffsets[0]) // max(1, page.nbytes)))
    frames: list[Any] = [_shifted(page, number) for number in range(1, whole)]
    return frames + [None] * (planes - 1 - len(frames))


def _shifted(page: tifffile.TiffPage, number: int) -> tifffile.TiffFrame:
    """Return plane `number` of a block of pixels that begins with a page."""
    return tifffile.TiffFrame(
        page.parent,
        page.index,
        offset=page.offset,
        keyframe=page,
        dataoffsets=tuple(offset + number * page.nbytes for offset in page.dataoffsets),
        databytecounts=page.databytecounts,
    )


def _size(said: dict, key: str) -> int:
    """Return a number of the description, 1 where it has none."""
    try:
        return max(1, int(said.get(key, 1)))
    except (TypeError, ValueError, OverflowError):
        return 1
