"""Intensity normalisation; the fitted limits are plain data that a result can record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

_EPS = 1e-20  # as the original: a constant image becomes zeros instead of a division by zero
WHOLE = ("minmax", "zscore_image")  # kinds that look at every value of an image
KINDS = ("percentile", "zscore", *WHOLE)
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST = 1e-16  # of a range; `_EPS` would show below it
_FINE = 2.0**-10  # step of float32, relative to the range, from which on double precision is used
_SAMPLE = 4_000_000  # above this many pixels the percentiles come from a regular subsample


def percentile_limits(image: NDArray, low: float = 1.0, high: float = 99.8) -> tuple[float, float]:
    """Return the intensities at two percentiles.

    Parameters
    ----------
    image : ndarray, any shape
        Intensities. Above 4 million values every n-th value is used, n fixed by the size alone, so that the
        result does not depend on the machine.
    low, high : float
        Percentiles in [0, 100].
    """
    values = image.ravel()
    lower, upper = np.percentile(values[:: sample_step(values.size)], (low, high))
    return float(lower), float(upper)


def sample_step(size: int) -> int:
    """Return n where every n-th of so many values is used for percentiles."""
    return max(1, size // _SAMPLE)


def rescale(image: NDArray, lower: float, upper: float) -> NDArray[np.float32]:
    """Map `lower` to 0 and `upper` to 1 linearly, without clipping; returns float32, same shape.

    In single precision where that tells the intensities apart; a small range on a large offset, and values that
    float32 cannot hold, in double precision.
    """
    if not tells_apart(lower, upper):
        return _rescale_in_double(image, lower, upper)
    scale = np.float32(1.0 / (upper - lower + _EPS)) if upper > lower else np.float32(0.0)
    try:
        with np.errstate(over="raise"):
            return (image.astype(np.float32) - np.float32(lower)) * scale
    except FloatingPointError:  # single values far above the limits
        return _rescale_in_double(image, lower, upper)


def _rescale_in_double(image: NDArray, lower: float, upper: float) -> NDArray[np.float32]:
    """Return what `rescale` does, from double precision; what float32 cannot hold becomes its largest number."""
    scale = 1.0 / (upper - lower) if upper > lower else 0.0
    made = np.subtract(image, lower, dtype=np.float64) * scale
    return np.clip(made, -_LARGEST, _LARGEST).astype(np.float32)


def tells_apart(low: float, high: float) -> bool:
    """Return whether float32 resolves intensities between two finely; of equal ones True."""
    largest, span = max(abs(low), abs(high)), high - low
    if not span > 0:
        return largest < _LARGEST
    return largest < _LARGEST and span > _SMALLEST and bool(np.spacing(np.float32(largest)) <= span * _FINE)


def single(values: NDArray) -> NDArray[Any]:
    """Return values as float32 where it tells them apart, else as float64."""
    if values.dtype.itemsize <= 2 or values.dtype == np.float32 or not values.size:
        return values.astype(np.float32)
    return values.astype(np.float32 if tells_apart(float(values.min()), float(values.max())) else np.float64)


def normalize(image: NDArray, low: float = 1.0, high: float = 99.8) -> NDArray[np.float32]:
    """Return `image` with its `low` percentile at 0 and its `high` percentile at 1 (float32, not clipped)."""
    return rescale(image, *percentile_limits(image, low, high))


@dataclass(frozen=True)
class Levels:
    """A normalisation fitted to an image, and the way back.

    Parameters
    ----------
    pairs : tuple of (float, float)
        For each channel the intensities that become 0 and 1.
    """

    pairs: tuple[tuple[float, float], ...]

    @property
    def constant(self) -> tuple[int, ...]:
        """Channels, counted from 0, whose two intensities are the same: they become 0, and back the one intensity."""
        return tuple(number for number, (lower, upper) in enumerate(self.pairs) if not upper > lower)

    def apply(self, image: NDArray) -> NDArray[np.float32]:
        """Return an image (c, …) in normalised units, float32, not clipped."""
        made = np.empty(image.shape, np.float32)
        for channel, (lower, upper) in enumerate(self.pairs):
            scale = 1.0 / (upper - lower) if upper > lower else 0.0
            # in double precision, so that a small signal on a large offset keeps its digits
            np.multiply(
                np.subtract(image[channel], lower, dtype=np.float64), scale, out=made[channel], casting="same_kind"
            )
        return made

    def undo(self, image: NDArray) -> NDArray[np.float32]:
        """Return an image (c, …) of normalised units in intensities, float32; one pair serves all channels."""
        return self._back(image, offset=True)

    def undo_spread(self, image: NDArray) -> NDArray[np.float32]:
        """Return a standard deviation or width (c, …) of normalised units in intensities, float32."""
        return self._back(image, offset=False)

    def _back(self, image: NDArray, offset: bool) -> NDArray[np.float32]:
        pairs = self.pairs * len(image) if len(self.pairs) == 1 else self.pairs
        if len(pairs) != len(image):
            raise ValueError(f"{len(image)} channels, but levels of {len(pairs)}")
        made = np.empty(image.shape, np.float32)
        if max(abs(end) for pair in pairs for end in pair) > _LARGEST:
            raise BadInput(
                "The image has intensities that 32-bit floating point cannot hold (above 3.4e38), and so would the "
                "result. Divide the image by a constant first."
            )
        for channel, (lower, upper) in enumerate(pairs):
            np.multiply(image[channel], np.float32(max(upper - lower, 0.0)), out=made[channel])
            if offset:
                made[channel] += np.float32(lower)
        return made


def fit(image: NDArray, normalization: Mapping[str, Any]) -> Levels:
    """Fit a model's normalisation to an image.

    Parameters
    ----------
    image : ndarray, (c, …)
        All that is to share the levels: the whole image, stack or movie, so that frames do not flicker. Above 4 million
        values of a channel every n-th value is used, n fixed by their number.
    normalization : mapping
        ``{"kind": "percentile", "low": 3, "high": 99.8}`` is fitted to each channel; ``{"kind": "zscore", "mean": […],
        "std": […]}``, one number for each channel, is that of the training images and does not look at the image.
        Without a kind: percentile.

    Returns
    -------
    Levels

    Raises
    ------
    BadInput
        Another kind, or numbers for another count of channels.
    """
    if is_fixed(normalization):
        return fixed_levels(normalization, len(image))
    if normalization.get("kind") in WHOLE:
        return levels_of(image, normalization)
    flat = np.asarray(image).reshape(len(image), -1)
    return levels_of(flat[:, :: odd_step(flat.shape[1])], normalization)


def whole_levels(images: Iterable[NDArray], kind: str) -> Levels:
    """Return the levels that images (c, …) share, from every value: of one image, or of all those of a plate.

    Parameters
    ----------
    images : iterable of ndarray, (c, …)
        At least one; as many channels in each.
    kind : "minmax" or "zscore_image"
        The darkest and brightest values become 0 and 1; the mean 0 and the standard deviation 1.
    """
    if kind == "minmax":
        found = [
            (each.min(axis=1), each.max(axis=1)) for each in (np.asarray(one).reshape(len(one), -1) for one in images)
        ]
        low, high = np.min([low for low, _ in found], axis=0), np.max([high for _, high in found], axis=0)
        return Levels(tuple((float(lower), float(upper)) for lower, upper in zip(low, high, strict=True)))
    mean, spread = _moments(images)
    return Levels(tuple((float(m), float(m + s)) for m, s in zip(mean, spread, strict=True)))


def levels_of(values: NDArray, normalization: Mapping[str, Any]) -> Levels:
    """Return the levels of values (c, n) by a normalisation that is not fixed: the last step of `fit`."""
    if normalization.get("kind") in WHOLE:
        return whole_levels([values], str(normalization["kind"]))
    limits = np.percentile(values, (float(normalization["low"]), float(normalization["high"])), axis=1)
    return Levels(tuple((float(lower), float(upper)) for lower, upper in limits.T))


def odd_step(size: int) -> int:
    """Return n where every n-th of so many values is looked at; odd, so that no column of an image is left out."""
    step = sample_step(size)
    return step if step == 1 else step | 1


def is_fixed(normalization: Mapping[str, Any]) -> bool:
    """Tell whether a normalisation is the same for all images (z-score of the training images)."""
    kind = normalization.get("kind", "percentile")
    if kind not in KINDS:
        raise BadInput(f"normalization: found the kind {kind!r}; expected one of {', '.join(KINDS)}. Update Talanoa.")
    return bool(kind == "zscore")


def fixed_levels(normalization: Mapping[str, Any], channels: int) -> Levels:
    """Return the levels of a z-score for an image of so many channels."""
    mean, std = (np.atleast_1d(np.asarray(normalization[key], float)) for key in ("mean", "std"))
    if len(mean) != channels or len(std) != channels:
        raise BadInput(
            f"normalization: found {len(mean)} means and {len(std)} standard deviations; expected one for each of "
            f"{channels} channels."
        )
    return Levels(tuple((float(m), float(m + s)) for m, s in zip(mean, std, strict=True)))


def zscore_of(images: Iterable[NDArray]) -> dict[str, Any]:
    """Return the z-score normalisation of training images (c, …): mean and standard deviation of all their pixels.

    A channel without any variation gets the standard deviation 1.
    """
    middle, std = _moments(images)
    return {"kind": "zscore", "mean": middle.tolist(), "std": np.where(std > 0, std, 1.0).tolist()}


def _moments(images: Iterable[NDArray]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each channel over all pixels of images (c, …)."""
    count, middle, squares = 0, np.zeros(0), np.zeros(0)
    for image in images:
        flat = np.asarray(image).reshape(len(image), -1)
        mean, spread = flat.mean(axis=1, dtype=np.float64), flat.var(axis=1, dtype=np.float64)
        size = flat.shape[1]
        if not count:
            count, middle, squares = size, mean, spread * size
            continue
        gap = mean - middle  # joined as Chan et al. 1979 do
        squares = squares + spread * size + gap**2 * (count * size / (count + size))
        middle = middle + gap * (size / (count + size))
        count += size
    return middle, np.sqrt(squares / max(count, 1))
