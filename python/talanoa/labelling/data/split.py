"""Which fields are learned from, validated on and tested on: whole images, wells or plates, never crops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from talanoa.core.errors import BadInput
from talanoa.labelling.data.plates import View

By = Literal["image", "well", "plate"]
SHARES = {"train": 0.72, "validation": 0.08, "test": 0.2}  # Pankova 2022
_KEY: Mapping[str, Callable[[View], str]] = {
    "image": lambda view: f"{view.plate}/{view.name}",
    "well": lambda view: f"{view.plate}/{view.well}",
    "plate": lambda view: str(view.plate),
}


def split(
    views: Sequence[View], by: By = "image", shares: Mapping[str, float] = SHARES, seed: int = 42
) -> dict[str, list[View]]:
    """Split fields into parts of which none shares an image (a well, a plate) with another.

    Where the fields have phenotypes, each part gets its share of every phenotype, as far as there are enough.

    Parameters
    ----------
    views : sequence of View
    by : "image", "well" or "plate"
        What stays together.
    shares : mapping of str to float
        Share of each part, together 1; each gets one image (well, plate) at least.
    seed : int

    Raises
    ------
    BadInput
        Fewer images (wells, plates) than parts, or names that hold no well.
    """
    without = [view.name for view in views if by == "well" and not view.well]
    if without:
        raise BadInput(
            f"{len(without)} of {len(views)} file names hold no well ({', '.join(without[:5])}); expected names such "
            "as B03_f01. Rename them, or split by image."
        )
    groups: dict[str, list[View]] = {}
    for view in views:
        groups.setdefault(_KEY[by](view), []).append(view)
    if len(groups) < len(shares):
        other = "Add some." if by == "image" else "Add some, or split by image."
        raise BadInput(
            f"There {'is' if len(groups) == 1 else 'are'} {len(groups)} {by}{'s' * (len(groups) != 1)}; expected at "
            f"least {len(shares)} to split by {by}, one each for {', '.join(shares)}. {other}"
        )
    dealt = _deal(_mixed(groups, seed), shares)
    return {part: [view for name in names for view in groups[name]] for part, names in dealt.items()}


def _mixed(groups: Mapping[str, Sequence[View]], seed: int) -> list[str]:
    """Return the groups in a random order in which the phenotypes take turns, each as often as there are of it."""
    order = np.random.default_rng(seed).permutation(len(groups))
    names = [list(groups)[k] for k in order.tolist()]
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(groups[name][0].phenotype, []).append(name)
    places = [((k + 0.5) / len(each), name) for each in kinds.values() for k, name in enumerate(each)]
    return [name for _, name in sorted(places, key=lambda place: place[0])]


def _deal(names: Sequence[str], shares: Mapping[str, float]) -> dict[str, list[str]]:
    """Deal names one by one to the part that lacks most of its share."""
    dealt: dict[str, list[str]] = {part: [] for part in shares}
    total = sum(shares.values())
    for number, name in enumerate(names, 1):
        lacking = {part: share / total * number - len(dealt[part]) for part, share in shares.items()}
        left = len(names) - number + 1
        empty = [part for part in shares if not dealt[part]]
        chosen = empty[0] if empty and left <= len(empty) else max(lacking, key=lambda part: lacking[part])
        dealt[chosen].append(name)
    return dealt
