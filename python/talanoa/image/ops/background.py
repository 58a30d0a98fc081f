"""Background steps before normalisation, of whole planes or of parts of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from talanoa.image.ops import resample
from talanoa.image.ops.normalize import single

CLIP_PERCENTILE = 50.0
_SPARE = 2  # pixels of the smaller copy that a part reads besides what the ball needs


def rolling_ball(plane: NDArray, radius: float = 50.0) -> NDArray[np.float32]:
    """Subtract the background that a ball rolled under the intensity surface touches.

    Parameters
    ----------
    plane : ndarray, (y, x)
        Intensities, objects bright.
    radius : float
        Radius of the ball in pixels, larger than the largest object. Large balls roll over a smaller copy of the
        image (local minima), as ImageJ does: by 2 above 10 pixels, 4 above 30, 8 above 100.

    Returns
    -------
    ndarray of float32, (y, x)
        Never negative.

    Notes
    -----
    Sternberg 1983, doi:10.1109/MC.1983.1654163; the ball itself is rolled by scikit-image.
    """
    from skimage.restoration import rolling_ball as roll

    shrink = _shrink(radius)
    values = single(plane)
    if values.dtype == np.float64:  # the offset has no part in the result
        values = single(values - values.min())
    if shrink == 1:
        return np.maximum(values - roll(values, radius=radius), 0)
    height, width = values.shape
    padded = np.pad(values, ((0, -height % shrink), (0, -width % shrink)), mode="edge")
    rows, columns = (side // shrink for side in padded.shape)
    small = padded.reshape(rows, shrink, columns, shrink).min(axis=(1, 3))
    ground = roll(small, radius=radius / shrink)
    wide = resample.resize(ground[None], padded.shape)[0, :height, :width]
    return single(np.maximum(values - np.minimum(wide, values), 0))


def rolling_ball_part(
    read: Callable[[tuple[slice, ...]], NDArray], shape: Sequence[int], part: tuple[slice, ...], radius: float = 50.0
) -> NDArray[np.float32]:
    """Return a part of `rolling_ball` of a large plane, from as much around it as the ball touches.

    Parameters
    ----------
    read : function (slices) -> ndarray (y, x)
        Gives a part of the plane.
    shape : (int, int)
        Size of the plane.
    part : (slice, slice)
        Where the result is wanted.
    radius : float
        Of the ball, in pixels.
    """
    shrink = _shrink(radius)
    margin = (2 * (int(radius / shrink) + 1) + _SPARE) * shrink
    wider = [
        slice(max(0, (side.start - margin) // shrink * shrink), min(size, -(-(side.stop + margin) // shrink) * shrink))
        for side, size in zip(part, shape, strict=True)
    ]
    cleaned = rolling_ball(read(tuple(wider)), radius)
    inner = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, wider, strict=True))
    return np.ascontiguousarray(cleaned[tuple(inner)])


def _shrink(radius: float) -> int:
    """Return by how much the copy is smaller over which a ball rolls."""
    return 1 if radius <= 10 else 2 if radius <= 30 else 4 if radius <= 100 else 8


def clip_low(plane: NDArray, percentile: float = CLIP_PERCENTILE) -> NDArray[np.float32]:
    """Raise everything below a percentile to it, so that structure in the background disappears; float32 (y, x)."""
    return single(np.maximum(plane, np.percentile(plane, percentile)))


def remove(plane: NDArray, step: str, radius: float) -> NDArray:
    """Apply the background step named in a request: "none", "rolling_ball" or "clip"."""
    if step == "rolling_ball":
        return rolling_ball(plane, radius)
    return clip_low(plane) if step == "clip" else plane
