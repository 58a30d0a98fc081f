"""Windows of one size over a plane: their borders discarded, or their overlaps blended.

The way that Pankova 2022 predicts whole images: of a window of w pixels only the middle counts, a border b at each side
is discarded, and the next window lies s = w - 2b further. Windows begin on the grid of the network's poolings, so that
each sees the image as the whole would be seen: s is rounded down to a multiple of it. Where b is at least what the
network can see (its halo), the result is that of the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.models.runtime.tiles import Tile, padded_size

WINDOW, BORDER = 256, 30  # pixels, as in the source

Span = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """How a plane is covered.

    Parameters
    ----------
    window : int
        Side of a window, w.
    border : int
        Discarded at each side that is not the image's, b.
    blend : bool
        Instead of discarding, windows are faded into each other where they overlap (by 2b or more).
    """

    window: int = WINDOW
    border: int = BORDER
    blend: bool = False

    def step(self, multiple: int) -> int:
        """Return how far apart windows are: w - 2b, rounded down to the network's grid.

        Raises
        ------
        BadInput
            The window is no multiple of the grid, or the border leaves nothing of it.
        """
        if self.window % multiple:
            near = padded_size(self.window, multiple)
            raise BadInput(
                f"window={self.window}: the network's poolings need a multiple of {multiple}. Set window={near}."
            )
        step = (self.window - 2 * self.border) // multiple * multiple
        if step < 1:
            raise BadInput(
                f"window={self.window} and border={self.border}: at most {(self.window - multiple) // 2} pixels can be "
                f"discarded at each side of such a window. Set a smaller border, or a larger window."
            )
        return step

    def plan(self, shape: Sequence[int], multiple: Sequence[int]) -> list[Tile]:
        """Return the windows of a plane (y, x); a tile's core is what counts of it: all where windows are blended."""
        axes = [self._axis(size, each) for size, each in zip(shape, multiple, strict=True)]
        return [Tile((y[0], x[0]), (y[1], x[1])) for y in axes[0] for x in axes[1]]

    def _axis(self, size: int, multiple: int) -> list[tuple[Span, Span]]:
        """Return (core, read) of each window along an axis."""
        reads = self.spans(size, multiple)
        if self.blend:
            return [((start, min(stop, size)), (start, stop)) for start, stop in reads]
        # what two windows both see is cut in its middle: at least the border is discarded of each
        cuts = [(after[0] + before[1]) // 2 for before, after in pairwise(reads)]
        cores = zip([0, *cuts], [*cuts, size], strict=True)
        return list(zip(cores, reads, strict=True))

    def spans(self, size: int, multiple: int) -> list[Span]:
        """Return where windows begin and end along an axis; the last one ends where the padded image does."""
        padded, step = padded_size(size, multiple), self.step(multiple)
        if padded <= self.window:
            return [(0, padded)]
        starts = [*range(0, padded - self.window, step), padded - self.window]
        return [(start, start + self.window) for start in starts]

    def weight(self, tile: Tile, shape: Sequence[int], multiple: Sequence[int]) -> NDArray[np.float32]:
        """Return how much each pixel (y, x) of a blended window counts: of all windows together 1 everywhere."""
        axes = zip(shape, multiple, tile.core, strict=True)
        y, x = (_weights(self, size, each)[core] for size, each, core in axes)
        return np.outer(y, x)


@lru_cache(maxsize=16)
def _weights(windows: Windows, size: int, multiple: int) -> dict[Span, NDArray[np.float32]]:
    """Return the weights of each blended window, named by its core (start, stop) along an axis.

    A window fades in and out along the overlap (2b at least) as half a cosine.
    """
    reads, fade = windows.spans(size, multiple), max(2 * windows.border, 1)
    made, total = {}, np.zeros(size)
    for number, (start, stop) in enumerate(reads):
        place, end = np.arange(stop - start) + 0.5, min(stop, size)
        rising = place / fade if number else np.ones(len(place))
        falling = place[::-1] / fade if number + 1 < len(reads) else np.ones(len(place))
        fades = np.clip(np.minimum(rising, falling), 0, 1)
        made[(start, end)] = (np.sin(fades * np.pi / 2) ** 2)[: end - start]
        total[start:end] += made[(start, end)]
    return {span: (values / total[slice(*span)]).astype(np.float32) for span, values in made.items()}
