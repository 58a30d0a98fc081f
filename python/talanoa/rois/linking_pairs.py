"""Which objects of two planes belong together, and the name that automatic outlines have."""

from __future__ import annotations

import re

from numpy.typing import NDArray

AUTOMATIC = re.compile(r"\d{4,}-\d{4,}(-\d{4,})?(-\d+)?")  # ImageJ names a ROI by where it lies
ENOUGH = 0.5  # of the smaller outline, to be the same object in the next slice


def best_pairs(pairs: NDArray, shared: NDArray, area: NDArray) -> list[tuple[int, int]]:
    """Return the pairs of outlines that cover each other best, and enough."""
    best: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = ({}, {})
    for one, other, pixels in zip(*pairs.tolist(), shared.tolist(), strict=True):
        for mine, theirs, side in ((one, other, 0), (other, one, 1)):
            best[side][mine] = max(best[side].get(mine, (0, 0)), (pixels, theirs))
    return [
        (one, other)
        for one, (pixels, other) in best[0].items()
        if best[1][other][1] == one and pixels >= ENOUGH * min(area[one], area[other])
    ]
