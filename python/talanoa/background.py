"""Background steps before normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLIP_PERCENTILE = 50.0


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
    from scipy.ndimage import minimum_filter, zoom
    from skimage.restoration import rolling_ball as roll

    shrink = 1 if radius <= 10 else 2 if radius <= 30 else 4 if radius <= 100 else 8
    values = plane.astype(np.float32)
    if shrink == 1 or min(plane.shape) < 2 * shrink:
        return np.maximum(values - roll(values, radius=radius), 0)
    small = minimum_filter(values, shrink)[shrink // 2 :: shrink, shrink // 2 :: shrink]
    ground = roll(small, radius=radius / shrink)
    factors = [full / part for full, part in zip(plane.shape, ground.shape, strict=True)]
    wide = zoom(ground, factors, order=1, mode="nearest", grid_mode=True)
    return np.maximum(values - np.minimum(wide, values), 0).astype(np.float32)


def clip_low(plane: NDArray, percentile: float = CLIP_PERCENTILE) -> NDArray[np.float32]:
    """Raise everything below a percentile to it, so that structure in the background disappears; (y, x) float32."""
    return np.maximum(plane, np.percentile(plane, percentile)).astype(np.float32)


def remove(plane: NDArray, step: str, radius: float) -> NDArray:
    """Apply the background step named in a request: "none", "rolling_ball" or "clip"."""
    if step == "rolling_ball":
        return rolling_ball(plane, radius)
    return clip_low(plane) if step == "clip" else plane
