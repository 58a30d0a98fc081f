"""Intensities that a network made as the numbers that are asked for; what does not fit is counted, never hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

_COUNTS = ("below", "above", "total", "lowest", "highest")
WHOLE = ("uint8", "uint16", "int16")  # whole numbers that an ImageJ image can have


def type_for(asked: str, image: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of the restored image.

    Parameters
    ----------
    asked : str
        "float32", "uint16" or "same".
    image : dtype
        Of the image that is restored.

    Raises
    ------
    BadInput
        The same as an image of a type that ImageJ's images do not have.
    """
    if asked != "same":
        return np.dtype(asked)
    if image.kind == "f":
        return np.dtype(np.float32)
    if image.name not in WHOLE:
        raise BadInput(
            f"dtype=same: found an image of {image.name}; expected {', '.join(WHOLE)} or floating-point numbers, which "
            "ImageJ's images have. Leave dtype out: float32."
        )
    return image


class Numbers:
    """Converts intensities that a network made and counts those that the type cannot hold.

    Parameters
    ----------
    kind : dtype
        float32 or a whole type. Of whole ones values are rounded, and those outside the range get its nearest limit.
    made : str
        What was done to the pixels, for the messages.
    """

    def __init__(self, kind: np.dtype[Any], made: str = "restored") -> None:
        self.kind, self.made = kind, made
        self.below = self.above = self.total = 0
        self.lowest, self.highest = np.inf, -np.inf

    def convert(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return values in the type.

        Raises
        ------
        BadInput
            The network answered with numbers that are not finite.
        """
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise BadInput(
                "The model answered with values that are NaN or infinite; expected intensities. Its training has "
                "probably failed, or the image is far from what it was trained on. Choose another model."
            )
        self.total += values.size
        self.lowest, self.highest = min(self.lowest, low), max(self.highest, high)
        if self.kind.kind == "f":
            return values.astype(self.kind, copy=False)
        rounded = np.rint(values)
        limits = np.iinfo(self.kind)
        if low < limits.min or high > limits.max:
            self.below += int(np.count_nonzero(rounded < limits.min))
            self.above += int(np.count_nonzero(rounded > limits.max))
            np.clip(rounded, limits.min, limits.max, out=rounded)
        return rounded.astype(self.kind)

    def state(self) -> dict[str, float]:
        """Return the counts, to go on with them later."""
        return {key: float(getattr(self, key)) for key in _COUNTS}

    def go_on(self, state: Mapping[str, float]) -> None:
        """Take over counts of values that were converted before."""
        for key in _COUNTS:
            kind = int if isinstance(getattr(self, key), int) else float
            setattr(self, key, kind(state[key]))

    def record(self) -> dict[str, Any]:
        """Return the range of the intensities, and how many did not fit."""
        found = {"dtype": self.kind.name, "lowest": self.lowest, "highest": self.highest}
        return found if self.kind.kind == "f" else {**found, "set_to_lowest": self.below, "set_to_highest": self.above}

    def warnings(self) -> list[str]:
        """Return what to say of values that did not fit."""
        if not self.below + self.above:
            return []
        limits = np.iinfo(self.kind)
        parts = [
            text
            for count, text in (
                (self.below, f"{self.below} below {limits.min} (lowest {self.lowest:.4g})"),
                (self.above, f"{self.above} above {limits.max} (highest {self.highest:.4g})"),
            )
            if count
        ]
        count = f"{self.below + self.above} of {self.total} {self.made} pixels"
        told = f"{count} do not fit into {self.kind.name} and were set to its limit: {', '.join(parts)}."
        return [f"{told} To keep them, take dtype=float32."]
