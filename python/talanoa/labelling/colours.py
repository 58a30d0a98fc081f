"""Colours of predicted stains, so that a composite looks like the micrograph it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

# as in the composites of Pankova 2022: red endoplasmic reticulum, green GFP and Golgi, blue nuclei
CUSTOM: tuple[tuple[frozenset[str], Colour], ...] = (
    (frozenset(("nucleus", "nuclei", "nuclear", "dapi", "hoechst", "dna", "draq5", "h2b")), (0, 0, 255)),
    (frozenset(("er", "endoplasmic", "reticulum", "calnexin", "rfp", "mcherry", "cy3", "tritc")), (255, 0, 0)),
    (frozenset(("golgi", "gfp", "egfp", "fitc", "yfp", "gm130")), (0, 255, 0)),
    (frozenset(("mitochondria", "mito", "mitotracker", "cy5", "membrane")), (255, 0, 255)),
    (frozenset(("actin", "phalloidin", "cfp")), (0, 255, 255)),
)
OTHERS: tuple[Colour, ...] = (
    (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0), (255, 128, 0), (255, 0, 0), (0, 0, 255), (160, 96, 255),
)  # fmt: skip
GREY: Colour = (255, 255, 255)


def table(colour: Colour) -> NDArray[np.uint8]:
    """Return the colour table (256, 3) from black to a colour."""
    return np.rint(np.arange(256)[:, None] * np.asarray(colour) / 255).astype(np.uint8)


def of_stains(names: Sequence[str]) -> tuple[Colour, ...]:
    """Return a colour for each stain: the customary one, else one that no other has; after eight they repeat.

    >>> of_stains(["DAPI", "ER", "nuclei 2"])
    ((0, 0, 255), (255, 0, 0), (0, 255, 0))
    """
    made: list[Colour] = []
    for number, name in enumerate(names):
        kept = {colour for later in names[number + 1 :] for colour in _custom(later)}
        free = (*_custom(name), *(each for each in OTHERS if each not in kept), *OTHERS)
        made.append(next((colour for colour in free if colour not in made), OTHERS[number % len(OTHERS)]))
    return tuple(made)


def _custom(name: str) -> list[Colour]:
    """Return the customary colour of a stain, if it has one."""
    words = set(re.findall(r"[a-z]+\d*|\d+", name.casefold()))
    return [colour for known, colour in CUSTOM if known & words]
