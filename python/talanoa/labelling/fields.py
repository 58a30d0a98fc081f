"""One field of view to learn from: transmitted light in, stains (or masks) out, both in the network's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (y, x)."""
        return self.image.shape[1:]
