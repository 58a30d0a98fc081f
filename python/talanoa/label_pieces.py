"""The check that a label image is not the microscope image itself: how the values of an image hang together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.errors import BadInput

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


class Pieces(NamedTuple):
    """Connected pieces of equal values above 0, over some planes of an image."""

    values: int  # each plane counts its own
    pieces: int
    pixels: int
    background: float  # part of the pixels that are 0
    smallest: int

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
    if found.pieces < _ENOUGH:
        return False
    bare = found.background < _BACKGROUND
    noise = found.area < _TINY and found.a_value > (_AGAIN if bare else _SPLIT)
    if bare:
        return noise or found.a_value > _SCATTERED or (found.a_value > _SPLIT and found.area < _SMALL)
    grey = found.a_value > _SO_SCATTERED and found.values >= _GREY_VALUES
    return noise or grey or (found.a_value > _SCATTERED / 2 and found.area < _SMALL)


def count_pieces(labels: NDArray[np.int32]) -> Pieces:
    """Count the connected pieces of the values in the middle of some planes; planes that are plainly labels count 0."""
    planes = labels.reshape(-1, *labels.shape[-2:])
    chosen = np.unique(np.linspace(0, len(planes) - 1, min(len(planes), _MOST_PLANES)).round().astype(int))
    values = pieces = pixels = zeros = total = 0
    smallest = int(labels.min()) if labels.size else 0
    for index in chosen:
        plane = _middle(planes[index])
        empty = int((plane == 0).sum())
        zeros, total = zeros + empty, total + plane.size
        if empty >= _BACKGROUND * plane.size and _difference(plane) < _FEW_NEIGHBOURS:
            continue
        own, count = _pieces(plane)
        values, pieces, pixels = values + own, pieces + count, pixels + plane.size - empty
    return Pieces(values, pieces, pixels, zeros / max(total, 1), smallest)


def _middle(plane: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the middle of a plane."""
    y, x = (max(0, (size - _SIDE) // 2) for size in plane.shape)
    return plane[y : y + _SIDE, x : x + _SIDE]


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
