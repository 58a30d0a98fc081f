"""Crops of in silico labelling: cut after turning and scaling, out of the whole image, so that no corner is blank.

What is done to a crop and how often is that of Pankova 2022 (methods and probabilities), all of it can be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image.ops import corruptions

_FIELD = 2136  # pixels of the source's images, of which 100, 50 or 20 were cut at each side
ZOOMS = tuple(_FIELD / (_FIELD - 2 * cut) for cut in (100, 50, 20))


@dataclass(frozen=True)
class CropAugmentation:
    """What happens to crops, and how often.

    Parameters
    ----------
    flip : float
        Probability of a mirror image, for each axis.
    rotate : bool
        Turn by any angle.
    zooms, zoom_shares : tuple of float
        Factors by which a crop is larger than the image shows it, and their probabilities.
    contrasts, contrast : tuple of float, float
        Factors around the crop's mean, one of which is applied to the input with this probability.
    defocus_severity, defocus : int, float
        See `talanoa.image.ops.corruptions`; applied to the input with this probability.
    gain, bias : float
        Probability of a wrong exposure or of light from elsewhere, of severity -4 or 4, in the input.
    """

    flip: float = 0.3
    rotate: bool = True
    zooms: tuple[float, ...] = ZOOMS
    zoom_shares: tuple[float, ...] = (0.2, 0.2, 0.6)
    contrasts: tuple[float, ...] = (0.5, 3.0)
    contrast: float = 0.2
    defocus_severity: int = 4
    defocus: float = 0.2
    gain: float = 0.0
    bias: float = 0.0


PLAIN = CropAugmentation(flip=0.0, rotate=False, zooms=(1.0,), zoom_shares=(1.0,), contrast=0.0, defocus=0.0)


@dataclass(frozen=True)
class Place:
    """Where a crop lies in an image: its middle (y, x), turn (radians), pixels of the image a pixel, mirrored axes."""

    middle: tuple[float, float]
    turn: float = 0.0
    step: float = 1.0
    mirrored: tuple[bool, bool] = (False, False)

    def coordinates(self, side: int) -> NDArray[np.float64]:
        """Return where in the image each pixel of a crop of `side` pixels comes from, (2, side, side) as y, x."""
        offsets = (np.arange(side) - (side - 1) / 2) * self.step
        y, x = np.meshgrid(*(-offsets if mirrored else offsets for mirrored in self.mirrored), indexing="ij")
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return np.stack([self.middle[0] + cos * y + sin * x, self.middle[1] + cos * x - sin * y])


def drawn_place(shape: Sequence[int], side: int, augmentation: CropAugmentation, rng: np.random.Generator) -> Place:
    """Return a random place for a crop that lies in the image as a whole, however it is turned.

    Where the image is too small for the turned crop, the turn is a multiple of a right angle.

    Parameters
    ----------
    shape : (y, x)
        Of the image.
    side : int
        Of the crop, in pixels.
    augmentation : CropAugmentation
    rng : numpy.random.Generator

    Raises
    ------
    BadInput
        The image is smaller than a crop.
    """
    if min(shape) < side:
        raise BadInput(
            f"The image has {shape[0]} x {shape[1]} pixels, a crop {side} x {side}; expected images that are at least "
            "as large. Take smaller crops (patch)."
        )
    zoom = float(rng.choice(augmentation.zooms, p=augmentation.zoom_shares))
    step = 1 / zoom
    turn = float(rng.uniform(0, 2 * np.pi)) if augmentation.rotate else 0.0
    reach = _reach(side, step, turn)
    if 2 * reach > min(shape) - 1:
        turn = float(np.pi / 2 * rng.integers(4)) if augmentation.rotate else 0.0
        reach = _reach(side, step, turn)
    if 2 * reach > min(shape) - 1:
        step, reach = 1.0, (side - 1) / 2
    room = [max(0.0, size - 1 - 2 * reach) for size in shape]
    middle = [(size - 1) / 2 + float(rng.uniform(-free / 2, free / 2)) for size, free in zip(shape, room, strict=True)]
    if not augmentation.rotate and step == 1.0:
        middle = [float(np.floor(place - reach) + reach) for place in middle]  # pixels as they are
    mirrored = (bool(rng.uniform() < augmentation.flip), bool(rng.uniform() < augmentation.flip))
    return Place((middle[0], middle[1]), turn, step, mirrored)


def _reach(side: int, step: float, turn: float) -> float:
    """Return how far from its middle a turned crop reaches along either axis."""
    return (side - 1) / 2 * step * (abs(np.cos(turn)) + abs(np.sin(turn)))


def cut(image: NDArray, place: Place, side: int) -> NDArray[np.float32]:
    """Return a crop (channels, side, side) of an image (channels, y, x), linear between its pixels."""
    from talanoa.models.geometry.sample2d import sample  # loads numba

    cos, sin = np.cos(place.turn) * place.step, np.sin(place.turn) * place.step
    ways = [-1.0 if mirrored else 1.0 for mirrored in place.mirrored]
    down, right = (cos * ways[0], -sin * ways[0]), (sin * ways[1], cos * ways[1])
    reach = (side - 1) / 2
    first = (
        place.middle[0] - reach * (down[0] + right[0]),
        place.middle[1] - reach * (down[1] + right[1]),
    )
    return sample(image, first, down, right, (side, side))


def disturbed(
    crop: NDArray[np.float32], augmentation: CropAugmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the input of a network as a worse microscope would have shown it; all channels in the same way.

    Parameters
    ----------
    crop : ndarray of float32, (channels, y, x)
        Normalised: 0 is black, 1 white.
    augmentation : CropAugmentation
    rng : numpy.random.Generator
    """
    if rng.uniform() < augmentation.contrast:
        factor = float(rng.choice(augmentation.contrasts))
        mean = crop.mean(axis=(1, 2), keepdims=True)
        crop = np.clip((crop - mean) * factor + mean, 0, 1)
    if rng.uniform() < augmentation.defocus:
        crop = corruptions.corrupt(crop, "defocus", augmentation.defocus_severity)
    for kind in ("gain", "bias"):
        if rng.uniform() < getattr(augmentation, kind):
            crop = corruptions.corrupt(crop, kind, int(rng.choice((-4, 4))))
    return np.asarray(crop, np.float32)
