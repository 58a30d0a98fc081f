"""The check that a label image is not the microscope image itself: how the values of an image hang together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

_SIDE = 1024  # pixels of the middle of a plane that are looked at
_MOST_PLANES = 5
_BACKGROUND = 0.005  # of the pixels; less is no background
_FEW_NEIGHBOURS = 0.3  # of neighbouring object pixels that differ: more than touching objects of a label image have
_SCATTERED = 20.0  # pieces a value; label images have 1 to 1.3 (measured on 490), images 8 to 150
_AGAIN = 1.01  # pieces a value: single pixels whose values come again elsewhere
_SPLIT = 1.6  # pieces a value, when the pieces are as small as those of noise
_SO_SCATTERED, _GREY_VALUES = 50.0, 20  # pieces a value, and values: more than the classes of a class map
_SMALL = 6.0  # pixels a piece; where most pixels are background
_TINY = 2.0
_ENOUGH = 100  # pieces; fewer tell nothing
_COUNTED = 10.0  # pieces a value, of a few pixels each, where hardly any object pixels touch: counted photons
_FEW_PIXELS = 3.0  # a piece of those
_LARGEST_FACTOR = 8  # by which an image may have been enlarged pixel by pixel
_SMALLEST = 64  # pixels of a side before that; blocks of a smaller image may be objects
_ALIGNED = 840  # pixels: a multiple of all these factors
_FEW_LABELS, _ONE_PIECE = 3, 1.3  # values, and pieces a value, of what is taken for a label image
_LOCAL = 0.05  # of the plane: the box round the pieces of one label, which lie together (grey values lie everywhere)


class Pieces(NamedTuple):
    """Connected pieces of equal values above 0, over some planes of an image."""

    values: int  # each plane counts its own
    pieces: int
    pixels: int
    background: float  # part of the pixels that are 0
    smallest: int
    photons: bool = False  # a plane of few, scattered pixels of several values
    extent: float = 1.0  # part of the plane that the pieces of one value lie in (median of the values in pieces)

    @property
    def a_value(self) -> float:
        """Pieces of one value in one plane (mean)."""
        return self.pieces / max(self.values, 1)

    @property
    def area(self) -> float:
        """Pixels of a piece (mean)."""
        return self.pixels / max(self.pieces, 1)


def refuse_scattered(labels: NDArray[np.int32]) -> None:
    """Refuse an image whose values lie scattered as the grey values of a microscope image do.

    Dense tissue without background passes where its labels are connected, and so do labels in a few pieces.

    Parameters
    ----------
    labels : ndarray of int32, (t, z, y, x)

    Raises
    ------
    BadInput
        There is no background, or hardly any pixel is like its neighbour, and values lie in many separate pieces.
    """
    found = count_pieces(labels)
    if not is_scattered(found):
        return
    each = f"{found.a_value:.0f} separate pieces" if found.a_value >= 2 else f"{found.area:.1f} pixels"
    bare = found.background < _BACKGROUND
    what = f"no background (smallest value {found.smallest}), and" if bare else "scattered values:"
    raise BadInput(
        f"Found {what} each value lies in {each} on average. Is this the image itself? "
        "Expected a label image: 0 for the background, another number for each object. Choose the label image."
    )


def is_scattered(found: Pieces) -> bool:
    """Return whether values lie as those of an image, not as those of labels."""
    if found.photons:
        return True
    if found.pieces < _ENOUGH:
        return False
    bare = found.background < _BACKGROUND
    noise = found.area < _TINY and found.a_value > (_AGAIN if bare else _SPLIT)
    if bare:
        return noise or found.a_value > _SCATTERED or (found.a_value > _SPLIT and found.area < _SMALL)
    if found.extent < _LOCAL and found.a_value < _SO_SCATTERED:  # thin objects that cut each other in pieces
        return False
    grey = found.a_value > _SO_SCATTERED and found.values >= _GREY_VALUES
    return noise or grey or (found.a_value > _SCATTERED / 2 and found.area < _SMALL)


def is_labels(plane: NDArray[np.int32]) -> bool:
    """Return whether the values of a plane (y, x) lie as labels do: background 0, nearly each value in one piece."""
    part = _middle(plane)
    if (part == 0).sum() < _BACKGROUND * part.size or _difference(part) >= _FEW_NEIGHBOURS:
        return False
    values, pieces = _pieces(part)
    return values >= _FEW_LABELS and pieces <= _ONE_PIECE * values and (part > 0).sum() >= _SMALL * pieces


def count_pieces(labels: NDArray[np.int32]) -> Pieces:
    """Count the connected pieces of the values in the middle of some planes; planes that are plainly labels count 0."""
    planes = labels.reshape(-1, *labels.shape[-2:])
    chosen = np.unique(np.linspace(0, len(planes) - 1, min(len(planes), _MOST_PLANES)).round().astype(int))
    values = pieces = pixels = zeros = total = 0
    photons, extents = False, []
    smallest = int(labels.min()) if labels.size else 0
    for index in chosen:
        plane = _as_recorded(_middle(planes[index]))
        empty = int((plane == 0).sum())
        inside = plane.size - empty
        zeros, total = zeros + empty, total + plane.size
        own, count = _pieces(plane)
        if empty >= _BACKGROUND * plane.size and _difference(plane) < _FEW_NEIGHBOURS:
            if own < 2 or count < max(_ENOUGH, _COUNTED * own) or inside >= _FEW_PIXELS * count:
                continue
            photons = True
        values, pieces, pixels = values + own, pieces + count, pixels + inside
        extents += [_extent(plane)] if empty >= _BACKGROUND * plane.size else []
    extent = float(np.mean(extents)) if extents else 1.0
    return Pieces(values, pieces, pixels, zeros / max(total, 1), smallest, photons, extent)


def _middle(plane: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the middle of a plane; blocks of equal pixels of an enlarged image are not cut at its beginning."""
    y, x = (max(0, (size - _SIDE) // 2) // _ALIGNED * _ALIGNED for size in plane.shape)
    return plane[y : y + _SIDE, x : x + _SIDE]


def _as_recorded(plane: NDArray[np.int32]) -> NDArray[np.int32]:
    """Undo an enlargement that repeats each pixel, so that neighbours are those of the microscope."""
    for factor in range(_LARGEST_FACTOR, 1, -1):
        small = plane[::factor, ::factor]
        if min(small.shape) < _SMALLEST:
            continue
        repeated = np.repeat(np.repeat(small[:1], factor, axis=0), factor, axis=1)  # one row of blocks: mostly enough
        if not np.array_equal(repeated[:, : plane.shape[1]], plane[:factor]):
            continue
        whole = np.repeat(np.repeat(small, factor, axis=0), factor, axis=1)[: plane.shape[0], : plane.shape[1]]
        if np.array_equal(whole, plane):
            return small
    return plane


def _extent(plane: NDArray[np.int32]) -> float:
    """Return the part of the plane in which the pixels of one value lie: the median of the boxes round them."""
    from scipy.ndimage import find_objects

    _, numbered = np.unique(plane, return_inverse=True)
    numbered = numbered.reshape(plane.shape) + (0 if (plane == 0).any() else 1)
    counts = np.bincount(numbered.ravel())[1:]
    boxes = [
        (box[0].stop - box[0].start) * (box[1].stop - box[1].start) / plane.size
        for box, count in zip(find_objects(numbered.astype(np.int32)), counts, strict=True)
        if box is not None and count > 1
    ]
    return float(np.median(boxes)) if boxes else 1.0


def _difference(plane: NDArray[np.int32]) -> float:
    """Return which part of neighbouring pixels that are both above 0 differ."""
    pairs = different = 0
    for one, other in ((plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1])):
        both = (one > 0) & (other > 0)
        pairs += int(both.sum())
        different += int((both & (one != other)).sum())
    return different / max(pairs, 1)


def _pieces(plane: NDArray[np.int32]) -> tuple[int, int]:
    """Return how many values above 0 there are, and how many connected pieces (corners count) they make."""
    from skimage.measure import label

    _, count = label(plane, background=0, connectivity=2, return_num=True)
    return len(np.unique(plane[plane > 0])), int(count)
