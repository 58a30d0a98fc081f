"""Where do several restorations of one image disagree? There at least one of them made something up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MUCH = 0.1  # of the contrast of the mean


def disagreement(predictions: Sequence[NDArray]) -> NDArray[np.float32]:
    """Return the standard deviation (n - 1) of each pixel over predictions, by the contrast of their mean.

    The contrast is the distance of the 3rd and the 99.8th percentile of the mean prediction. High values mark what
    should not be believed; low values prove nothing, since all can be wrong in the same way.

    Parameters
    ----------
    predictions : sequence of ndarray, equal shapes
        Of one image, at least 2: by several models, or by one model of the image turned and flipped
        (`talanoa.image.ops.orientations`).
        Those of several models need the same units of intensity.

    Returns
    -------
    ndarray of float32, same shape
        0 where all agree; 0 everywhere where the mean is constant and they agree, infinite where they do not.
    """
    if len(predictions) < 2 or any(each.shape != predictions[0].shape for each in predictions):
        raise ValueError(
            f"found predictions of shapes {[each.shape for each in predictions]}; expected at least two equal ones"
        )
    n = len(predictions)
    mean = np.zeros(predictions[0].shape)
    squares = np.zeros_like(mean)
    for number, each in enumerate(predictions, 1):  # Welford: no stack of all of them in memory
        step = each - mean
        mean += step / number
        squares += step * (each - mean)
    spread = np.sqrt(squares / (n - 1))
    low, high = np.percentile(mean, (3, 99.8))
    if high <= low:
        return np.where(spread > 0, np.inf, 0).astype(np.float32)
    return (spread / (high - low)).astype(np.float32)


def share_above(values: NDArray[np.floating], limit: float = MUCH) -> float:
    """Return the share of pixels at which the disagreement is above a limit."""
    return float(np.mean(values > limit))
