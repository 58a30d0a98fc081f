"""What can be wrong with images to learn from: sizes, contents, registration. Errors name file, finding and remedy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image.ops import registration

SHIFTED = 0.5  # pixels from which a shift is worth a warning
FARTHEST = 0.25  # of a side: a larger shift is rather another field


def check_values(values: NDArray, name: str) -> None:
    """Raise `BadInput` for an image (channels, …) that cannot be learned from."""
    if not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        raise BadInput(
            f"{name} contains {count} NaN or infinite values; expected finite intensities. Replace them first."
        )
    for number, channel in enumerate(values, start=1):
        if channel.min() == channel.max():
            where = f"channel {number} of {name}" if len(values) > 1 else name
            raise BadInput(
                f"{where} is constant ({float(channel.flat[0]):g} everywhere); expected an image. Leave it out."
            )


def check_sizes(low: NDArray, high: NDArray, low_name: str, high_name: str, projection: bool = False) -> None:
    """Raise `BadInput` when the images of a pair, (channels, …), differ in size or are equal.

    Of a projection frames and planes are compared: `high` is one slice, `low` has several.
    """
    if projection and (low.shape[1], *low.shape[3:]) == (high.shape[1], *high.shape[3:]):
        return
    if low.shape[1:] != high.shape[1:]:
        raise BadInput(
            f"{high_name} is {size_of(high.shape[1:])}, {low_name} {size_of(low.shape[1:])}; expected the same size. "
            "Crop or export one of them again."
        )
    if low.shape == high.shape and np.array_equal(low, high):
        raise BadInput(
            f"{high_name} and {low_name} hold the same pixels: there is nothing to learn. Check that the folders of "
            "low and high SNR are not the same."
        )


def size_of(shape: Sequence[int]) -> str:
    """Return a size (frames, [z], y, x) in words."""
    *rest, rows, columns = shape
    deep = f" x {rest[-1]} slices" if len(rest) > 1 else ""
    many = f" x {rest[0]} frames" if rest and rest[0] > 1 else ""
    return f"{columns} x {rows} pixels{deep}{many}"


def register(low: NDArray, high: NDArray, name: str, correct: bool) -> tuple[NDArray, NDArray, tuple[str, ...]]:
    """Look for a shift between the images of a pair.

    Parameters
    ----------
    low, high : ndarray, (channels, frames, [z], y, x)
        Of equal size; the first channels of the first frame are compared. Where `high` has one slice: it and the
        maximum projection of `low`.
    name : str
        For the warnings.
    correct : bool
        Crop both to what they share, by whole pixels; else the shift is only reported.

    Returns
    -------
    low, high : ndarray
        As given, or cropped.
    notes : tuple of str
        Warnings.
    """
    projection = low.ndim == 5 and high.shape[2] == 1 < low.shape[2]
    seen = (low[0, 0].max(axis=0), high[0, 0, 0]) if projection else (low[0, 0], high[0, 0])
    found = registration.shift(*(np.asarray(each, np.float32) for each in seen))
    sides = np.array(low.shape[-2:]) * FARTHEST
    if not found.sure or max(found.length, abs(found.dz)) < SHIFTED:
        return low, high, ()
    shift = f"y {found.dy:+g}, x {found.dx:+g}" + (f", z {found.dz:+g}" if seen[0].ndim == 3 else "")
    if abs(found.dy) > sides[0] or abs(found.dx) > sides[1]:
        text = f"{name}: low and high show the same only when shifted far ({shift} pixels): are they the same field?"
        return low, high, (text,)
    if not correct:
        text = (
            f"{name}: the target is shifted against the image by about {shift} pixels. What is trained on such pairs "
            "blurs or moves. Register them, or set registration=correct."
        )
        return low, high, (text,)
    one, other = registration.overlapping(low, high, found)
    return one, other, (f"{name}: the target was moved by {shift} pixels (whole ones), and the edges cut off.",)
