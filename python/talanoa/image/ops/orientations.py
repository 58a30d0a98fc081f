"""The eight ways to turn and mirror a plane, and the way back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Values = TypeVar("Values", bound=np.generic)

WAYS = range(8)
SAME_SIZE = (0, 2, 4, 6)  # the ways that leave the lengths of the sides as they are


def turned(values: NDArray[Values], way: int) -> NDArray[Values]:
    """Return an array turned by 0, 90, 180 or 270 degrees (ways 0-3), mirrored along x first in ways 4-7.

    Parameters
    ----------
    values : ndarray, (…, y, x)
    way : int
        0 changes nothing.

    Returns
    -------
    ndarray
        A view.
    """
    return np.rot90(values[..., ::-1] if way >= 4 else values, way % 4, axes=(-2, -1))


def turned_back(values: NDArray[Values], way: int) -> NDArray[Values]:
    """Undo `turned`: ``turned_back(turned(values, way), way)`` equals `values`."""
    back = np.rot90(values, -(way % 4), axes=(-2, -1))
    return back[..., ::-1] if way >= 4 else back
