"""Gain and offset by which restored images get the input's own intensities.

Percentiles of an image with noise lie farther apart than those of the same image without: what a network makes of the
normalised image, brought back by the input's percentiles, is too bright where it is bright. Means over blocks of pixels
hardly have noise. So after a training with targets a line is fitted from the prediction's means to the input's, and
kept with the model: restored images have, on average, the local means of the image they were made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.fit import line_to

BLOCK = 16  # pixels a side, in each slice
_LEAST = 1e-6  # variance of the means, in normalised units, below which no line is fitted


def block_means(image: NDArray) -> NDArray[np.float64]:
    """Return the means of blocks of 16 x 16 pixels of an image (c, …, y, x), (c, n); smaller images are one block."""
    height, width = (max(BLOCK, size // BLOCK * BLOCK) if size >= BLOCK else size for size in image.shape[-2:])
    part = np.asarray(image[..., :height, :width], np.float64)
    side_y, side_x = min(BLOCK, height), min(BLOCK, width)
    cells = part.reshape(len(image), -1, height // side_y, side_y, width // side_x, side_x)
    return cells.mean(axis=(3, 5)).reshape(len(image), -1)


def fit(pairs: Iterable[tuple[NDArray, NDArray]]) -> dict[str, list[float]]:
    """Fit the line from predictions to the images they were made of.

    Parameters
    ----------
    pairs : iterable of (input, prediction)
        Both (c, …, y, x) in normalised units, as many channels in as out.

    Returns
    -------
    dict
        ``gain`` and ``offset`` of each channel; 1 and 0 where the predictions hold too little to fit a line, or the
        line falls.
    """
    means = [(block_means(given), block_means(made)) for given, made in pairs]
    gains, offsets = [], []
    for channel in range(len(means[0][0])):
        given, made = (np.concatenate([each[which][channel] for each in means]) for which in (0, 1))
        line = line_to(given, made)
        told = line.gain > 0 and float(made.var()) > _LEAST
        gains.append(line.gain if told else 1.0)
        offsets.append(line.offset if told else 0.0)
    return {"gain": gains, "offset": offsets}


def applied(values: NDArray[np.float32], normalization: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return a prediction (c, …) in the input's normalised units; as it is where a model has no calibration."""
    line = _line(values, normalization)
    return values if line is None else values * line[0] + line[1]


def applied_to_spread(values: NDArray[np.float32], normalization: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return a standard deviation or width (c, …) in the input's normalised units."""
    line = _line(values, normalization)
    return values if line is None else values * line[0]


def _line(
    values: NDArray[np.float32], normalization: Mapping[str, Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return gain and offset, to be broadcast over an image (c, …); None where a model has none."""
    if "gain" not in normalization:
        return None
    shape = (-1, *(1,) * (values.ndim - 1))
    gain, offset = (np.asarray(normalization[key], np.float32).reshape(shape) for key in ("gain", "offset"))
    return gain, offset
