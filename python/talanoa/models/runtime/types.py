"""What runs a network, and the forms in which its answers come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, ...]
Arrays = tuple[NDArray[np.float32], ...]  # what a network gives, each (channels, space…)
Out = TypeVar("Out", covariant=True)
Packed = TypeVar("Packed")
Pack = Callable[[Arrays], Packed]


class Maps(NamedTuple):
    """Output of a star-convex network, float32.

    Parameters
    ----------
    prob : ndarray, (space…)
        Object probability on the grid.
    dist : ndarray, (rays, space…)
        Distances in pixels as the network gives them.
    classes : ndarray, (classes + 1, space…), or None
        Probability of each class, the background first.
    """

    prob: NDArray[np.float32]
    dist: NDArray[np.float32]
    classes: NDArray[np.float32] | None = None


def star_maps(arrays: Arrays) -> Maps:
    """Name the output of a star-convex network: probability, distances and, where there are any, classes."""
    return Maps(arrays[0][0], *arrays[1:])


def mask_map(arrays: Arrays) -> NDArray[np.float32]:
    """Return the output of a segmenting network: probability (space…)."""
    return arrays[0][0]


class Runner(Protocol[Out]):
    """A network that is ready to run; what it gives is said by `pack_of`."""

    @property
    def backend(self) -> str:
        """Software and version."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "mps"."""
        ...

    def __call__(self, part: NDArray[np.float32], window: Window, last: bool = False) -> Out:
        """Return the output for a normalised image (channels, space…) in a window of the grid.

        After the `last` call memory that was kept for the next one is given back.
        """
        ...


def window_of(core: Sequence[tuple[int, int]], read: Sequence[tuple[int, int]], grid: Sequence[int]) -> Window:
    """Return which places of the output of a tile that reads `read` answer for its `core`."""
    sides = zip(core, read, grid, strict=True)
    return tuple(slice((c0 - r0) // step, -(-(c1 - r0) // step)) for (c0, c1), (r0, _), step in sides)
