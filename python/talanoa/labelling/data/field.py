"""One field of view to learn from: transmitted light in, stains (or masks) out, both in the network's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from talanoa.labelling.data import empty
from talanoa.labelling.targets import Steps

TRAINING, VALIDATION = "training", "validation"


@dataclass(frozen=True, eq=False)
class LabelField:
    """A field of view.

    Parameters
    ----------
    name : str
        File name without suffix.
    image : ndarray of float32, (channels, y, x)
        Transmitted light, normalised.
    target : ndarray of float32, (stains, y, x)
        0 to 1; of a mask 0 or 1.
    group : str
        What must not be torn apart by a split: the image, well or plate.
    plate, well, phenotype : str
        Where it comes from; empty where that is not known.
    hashes : tuple of str
        SHA-256 of the files.
    pixel_size : float or None
        Width of a pixel in `unit`, None when not calibrated.
    unit : str
        "pixel" when not calibrated.
    notes : tuple of str
        What is odd about the files.
    role : "training" or "validation"
        What it is for; test images are not read.
    source : str
        Name of the file that this is a part or a frame of; empty for a file of its own.
    steps : mapping of str to steps
        Of a few fields what was made of each stain, step by step, to be shown.
    lights : tuple of int
        Channels of each kind of light; empty: all are of one.
    """

    name: str
    image: NDArray[np.float32]
    target: NDArray[np.float32]
    group: str = ""
    plate: str = ""
    well: str = ""
    phenotype: str = ""
    hashes: tuple[str, ...] = ()
    pixel_size: float | None = None
    unit: str = "pixel"
    notes: tuple[str, ...] = ()
    role: str = TRAINING
    source: str = ""
    steps: Mapping[str, Steps] = field(default_factory=dict)
    lights: tuple[int, ...] = ()
    pixel_depth = None  # planes of a stack are channels

    @property
    def file(self) -> str:
        """Which file the field comes from."""
        return self.source or self.name

    @cached_property
    def ends(self) -> tuple[float, float]:
        """What is black and what is white in the image: 0 and 1, or beyond them its darkest and brightest values."""
        return min(0.0, float(self.image.min())), max(1.0, float(self.image.max()))

    @cached_property
    def noise(self) -> tuple[float, ...]:
        """Standard deviation of the noise of each stain."""
        return tuple(empty.noise(plane) for plane in self.target)

    @cached_property
    def contrasts(self) -> tuple[empty.Contrast, ...]:
        """How far each stain rises above the dark."""
        return tuple(empty.contrast(plane) for plane in self.target)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (y, x)."""
        return self.image.shape[1:]


def middle_planes(image: NDArray, lights: Sequence[int]) -> list[NDArray]:
    """Return the middle plane (y, x) of each kind of light of an image (channels, y, x), see `LabelField.lights`."""
    counts = tuple(lights) or (len(image),)
    return [image[end - count + count // 2] for end, count in zip(np.cumsum(counts), counts, strict=True)]


def empty_stains(fields: Sequence[LabelField]) -> NDArray[np.bool_]:
    """Tell which fields have nothing of a stain, (fields, stains), by what is usual in this set of them."""
    found = np.array([each.contrasts for each in fields]).swapaxes(0, 1)
    return np.stack([empty.is_empty(each, empty.usual(each)) for each in found], axis=1)
