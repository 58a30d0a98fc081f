"""An image with its annotated objects, as a training sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from talanoa.training import augment3d
from talanoa.training.augment import without_border_objects


@dataclass(frozen=True, eq=False)
class Annotated:
    """One image with its objects: a plane, or a volume.

    Parameters
    ----------
    name : str
        File name without suffix.
    image : ndarray of float32, (channels, y, x) or (channels, z, y, x)
        Normalised intensities.
    labels : ndarray of int32, (y, x) or (z, y, x)
        0 = background.
    hashes : (str, str)
        SHA-256 of the image file and of the annotation file.
    pixel_size : float or None
        Width of a pixel in `unit`, None when not calibrated.
    unit : str
        Unit of the pixel size.
    notes : tuple of str
        What was left out or changed while the annotation was read.
    pixel_depth : float or None
        Distance of the slices in `unit`, None when not calibrated.
    source : str
        Name of the stack or the large image that this is a part of; empty for an image of its own.
    classes : ndarray of int32, (largest label + 1,), or None
        Class of each label, from 1; 0 where it is not known. None: objects have no classes.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    hashes: tuple[str, str] = ("", "")
    pixel_size: float | None = None
    unit: str = "pixel"
    notes: tuple[str, ...] = ()
    pixel_depth: float | None = None
    source: str = ""
    classes: NDArray[np.int32] | None = None

    @property
    def file(self) -> str:
        """Which file the image comes from: slices of one stack share it."""
        return self.source or self.name

    @property
    def ndim(self) -> int:
        """2 for a plane, 3 for a volume."""
        return self.labels.ndim

    @cached_property
    def foreground(self) -> NDArray[np.intp]:
        """Flat indices of the pixels that belong to objects."""
        return np.flatnonzero(self.labels)

    @cached_property
    def surroundings(self) -> tuple[NDArray, NDArray]:
        """Image and labels to show, mirrored, beyond the border."""
        if self.ndim == 3:
            return augment3d.without_border_objects(self.image, self.labels)
        return without_border_objects(self.image, self.labels)
