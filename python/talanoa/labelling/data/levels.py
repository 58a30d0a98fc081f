"""What becomes 0 and 1: of transmitted light for each image or plate, of stains for a whole training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.image.ops import normalize
from talanoa.image.ops.normalize import Levels
from talanoa.labelling.data.exposure import flat_field
from talanoa.labelling.record import Light
from talanoa.models.geometry.sample2d import sample

SAMPLED = 2_000_000  # values of all images together by which percentiles are found
GRID = 17  # places along each axis at which an illumination is kept


def of_plate(images: Iterable[NDArray], normalization: Mapping[str, Any]) -> Levels:
    """Return the levels that images (planes, y, x) of a plate share: background and gain of all of them."""
    if normalization["kind"] in normalize.WHOLE:
        return normalize.whole_levels(images, str(normalization["kind"]))
    values = [np.asarray(image).reshape(len(image), -1) for image in images]
    step = max(1, sum(each.shape[1] for each in values) // SAMPLED) | 1
    return normalize.levels_of(np.concatenate([each[:, ::step] for each in values], axis=1), normalization)


def of_stain(images: Sequence[NDArray[np.float32]], low: float, high: float) -> tuple[float, float]:
    """Return the intensities at two percentiles of all images (y, x) of a stain together."""
    step = max(1, sum(image.size for image in images) // SAMPLED) | 1
    values = np.concatenate([image.ravel()[::step] for image in images])
    lower, upper = np.percentile(values, (low, high))
    return float(lower), float(upper)


def illumination(images: Sequence[NDArray]) -> list[list[float]]:
    """Return the illumination that images (y, x) share, mean 1, at `GRID` x `GRID` places from corner to corner."""
    even = flat_field(images)
    steps = [(side - 1) / (GRID - 1) for side in even.shape]
    found = sample(even[None], (0.0, 0.0), (steps[0], 0.0), (0.0, steps[1]), (GRID, GRID))[0]
    return [[round(float(value), 5) for value in row] for row in found]


def illumination_of(grids: Sequence[Any], shape: tuple[int, int], lights: Sequence[Light]) -> NDArray[np.float32]:
    """Return the illumination (planes, y, x) of an image of a size, from the places at which it was kept.

    Parameters
    ----------
    grids : nested sequence of float
        See `illumination`; of several kinds of light one for each.
    shape : (y, x)
    lights : sequence of Light
        The kinds of light, whose planes share an illumination.
    """
    kept = np.asarray(grids, np.float32).reshape(-1, GRID, GRID)
    steps = [(GRID - 1) / max(1, side - 1) for side in shape]
    made = sample(kept, (0.0, 0.0), (steps[0], 0.0), (0.0, steps[1]), shape)
    return np.repeat(made, [len(light.planes) for light in lights], axis=0)
