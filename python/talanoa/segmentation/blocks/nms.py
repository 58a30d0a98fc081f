"""Which candidates win, decided block by block exactly as for the whole image.

Suppression is greedy: a candidate wins unless a more probable winner overlaps it. So whether a set of winners is right
can be told from each candidate's surroundings alone, and there is exactly one right set. Each block decides with the
candidates around it in view, and remembers what it took the others' winners near it to be. Where that is what they
decided themselves, all is right (proof: by descending probability); where it is not, which takes a chain of candidates
that suppress each other across the whole margin, the blocks decide again with the others' winners given, until all
agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.models.methods import star_convex
from talanoa.models.methods.star_convex import Candidates
from talanoa.segmentation.blocks.grid import Box, Grid

ROUNDING = 2.0  # pixels by which corners may lie farther out than the distances say
MARGIN = 3  # how many times its largest candidate a block looks beyond its border
Loader = Callable[[int], Candidates]


@dataclass(frozen=True)
class Decision:
    """What a block decided.

    Parameters
    ----------
    winners : Candidates
        Its own, most probable first.
    seen : ndarray of float32, (n, axes)
        Places of other blocks' candidates that it took to be winners and that its own may overlap.
    """

    winners: Candidates
    seen: NDArray[np.float32]


def extents(found: Candidates) -> NDArray[np.float32]:
    """Return how far each candidate reaches at most from its centre along each axis, pixels (n, axes)."""
    farthest = found.distances.max(axis=1, initial=0)[:, None] + ROUNDING
    return np.asarray(farthest * direction_extents(found), np.float32)


def direction_extents(found: Candidates) -> NDArray[np.float64]:
    """Return the largest component of the rays' directions along each axis."""
    if found.rays is None:
        return np.ones(2)
    return np.abs(np.asarray(found.rays.vertices, np.float64)).max(axis=0)


def reach(found: Candidates) -> NDArray[np.float32]:
    """Return the largest extent along each axis, zeros where there is no candidate."""
    return extents(found).max(axis=0, initial=0)


def near(found: Candidates, box: Box, by: NDArray) -> NDArray[np.intp]:
    """Return which candidates come within `by` pixels (for each axis) of a box."""
    low = np.array([start for start, _ in box]) - by
    high = np.array([stop - 1 for _, stop in box]) + by
    own = extents(found)
    return np.flatnonzero(((found.points + own >= low) & (found.points - own <= high)).all(axis=1))


def inside(points: NDArray, box: Box) -> NDArray[np.bool_]:
    """Tell which points a block owns."""
    low, high = np.array(box).T
    return ((points >= low) & (points < high)).all(axis=1)


class Referee:
    """Decides for the blocks of a frame.

    Parameters
    ----------
    grid : Grid
        The blocks.
    reaches : ndarray, (blocks, axes)
        `reach` of each block's candidates.
    candidates, winners : function (block) -> Candidates
        All candidates of a block; those that won so far.
    config, threshold
        Rays; largest overlap.
    """

    def __init__(
        self, grid: Grid, reaches: NDArray, candidates: Loader, winners: Loader, config: Any, threshold: float
    ) -> None:
        self.grid, self.reaches, self._candidates, self._winners = grid, reaches, candidates, winners
        self._config, self._threshold = config, threshold
        self._largest = reaches.max(axis=0, initial=0)

    def first(self, block: int) -> Decision:
        """Decide with the candidates around the block in view."""
        margin = MARGIN * self.reaches[block]
        blocks = self.grid.around(self.grid.box(block), (margin + self._largest).tolist())
        return self._decide(block, blocks, self._candidates, margin)

    def again(self, block: int) -> Decision:
        """Decide with the winners of the other blocks given."""
        return self._decide(block, self.neighbours(block), self._winners, self.reaches[block])

    def neighbours(self, block: int) -> list[int]:
        """Return the blocks (itself too) whose candidates may overlap those of a block."""
        return self.grid.around(self.grid.box(block), (self.reaches[block] + self._largest).tolist())

    def agrees(self, block: int, seen: NDArray) -> bool:
        """Tell whether what a block saw of the others is what they decided."""
        box = self.grid.box(block)
        others = [self._winners(other) for other in self.neighbours(block) if other != block]
        truth = [found.points[near(found, box, self.reaches[block])] for found in others]
        return {*map(tuple, seen.tolist())} == {tuple(point) for points in truth for point in points.tolist()}

    def _decide(self, block: int, blocks: Sequence[int], load: Loader, margin: NDArray) -> Decision:
        box = self.grid.box(block)
        parts = []
        for other in blocks:
            found = self._candidates(block) if other == block else load(other)
            parts.append(found if other == block else found.take(near(found, box, margin)))
        kept = star_convex.decode(star_convex.join(parts, self._config), self._threshold)
        own = inside(kept.points, box)
        others = kept.take(np.flatnonzero(~own))
        seen = others.points[near(others, box, self.reaches[block])]
        return Decision(kept.take(np.flatnonzero(own)), seen)
