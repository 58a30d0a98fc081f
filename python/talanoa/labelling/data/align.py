"""How far stains lie beside transmitted light: a shift that many fields of a plate have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.image.ops import registration

MEASURED = 12  # fields of a plate that are looked at
SHIFTED = 0.75  # pixels from which a shift is worth a warning
SIDE = 1024  # pixels of their middle
NEAR = 1.5  # pixels around the median that count as the same shift
AGREEING = 0.5  # of the fields
FEWEST = 3


class Offset(NamedTuple):
    """By how many pixels a stain must be moved to lie on the transmitted light, and how many fields say so."""

    dy: float
    dx: float
    agree: int
    measured: int

    @property
    def length(self) -> float:
        """Pixels."""
        return float(np.hypot(self.dy, self.dx))


def offset(pairs: Iterable[tuple[NDArray, NDArray]]) -> Offset | None:
    """Return the shift that pairs of images (y, x) of one plate share; None where they do not agree.

    Transmitted light and fluorescence look so different that the shift of one pair is hardly ever sure; but shifts
    that were found by chance do not agree within `NEAR` pixels, so that half of the pairs are enough.
    """
    found = [registration.shift(_middle(light), _middle(stain)) for light, stain in pairs]
    places = np.array([(each.dy, each.dx) for each in found]).reshape(-1, 2)
    if len(found) < FEWEST:
        sure = [each for each in found if each.sure]
        return Offset(sure[0].dy, sure[0].dx, len(sure), len(found)) if len(sure) == len(found) and sure else None
    near = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) <= NEAR
    best = near[int(near.sum(axis=1).argmax())]
    if best.sum() < max(FEWEST, AGREEING * len(found)):
        return None
    dy, dx = np.median(places[best], axis=0)
    return Offset(round(float(dy), 1) + 0.0, round(float(dx), 1) + 0.0, int(best.sum()), len(found))


def _middle(image: NDArray) -> NDArray[np.float32]:
    """Return the middle of a large image."""
    first = [max(0, (side - SIDE) // 2) for side in image.shape]
    return np.asarray(image[first[0] : first[0] + SIDE, first[1] : first[1] + SIDE], np.float32)


def shared_part(shape: tuple[int, int], shifts: list[tuple[int, int]]) -> tuple[slice, slice]:
    """Return where in an image (y, x) all stains are there once each was moved by whole pixels (y, x)."""
    where = []
    for axis in range(2):
        steps = [step[axis] for step in shifts]
        where.append(slice(max(0, *steps, 0), shape[axis] + min(0, *steps, 0)))
    return where[0], where[1]


def moved(stain: NDArray, where: tuple[slice, slice], step: tuple[int, int]) -> NDArray:
    """Return the part of a stain (..., y, x) that lies on a part of the transmitted light."""
    rows, columns = (slice(part.start - by, part.stop - by) for part, by in zip(where, step, strict=True))
    return stain[..., rows, columns]
