"""Which annotation belongs to which image: those of equal names, endings such as _cp_masks and _rois apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from talanoa.core.errors import BadInput

_ENDINGS = re.compile(
    r"(?i)[ _.-]*(cp_masks|cp_outlines|masks?|labels?|labeling|seg|rois|roiset|annotations?|ground_?truth|gt|"
    r"\.ome|\.geojson)$"
)
_OF_CELLPOSE = "_cp_masks"  # written beside the image of the same name
Found = TypeVar("Found")


def names_of(path: Path) -> list[str]:
    """Return the names that a file's image may have, the file's own first; lower case.

    >>> names_of(Path("cells_01_cp_masks.png"))
    ['cells_01_cp_masks', 'cells_01']
    """
    return _shorter(path.stem)


def _shorter(name: str) -> list[str]:
    """Return a name, and what is left of it without its endings; lower case."""
    names = [name.lower()]
    while (shorter := _ENDINGS.sub("", names[-1])) and shorter != names[-1]:
        names.append(shorter)
    return names


def renamed(files: Mapping[str, Found], known: Iterable[str]) -> dict[str, Found]:
    """Return files under the names of `known` that they belong to; what belongs to none keeps its name.

    Parameters
    ----------
    files : mapping
        By their names, as in "a_cp_masks".
    known : iterable of str
        Names of the images (or of other annotations), as in "a". Equal names pair first; a file beside Cellpose's
        masks of the same name is their image.

    Raises
    ------
    BadInput
        Two files belong to one image.
    """
    known = list(known)
    wanted = {name.lower(): name for name in known}
    for name in known:
        for shorter in _shorter(name):
            wanted.setdefault(shorter, name)
    result: dict[str, Found] = {}
    origin: dict[str, str] = {}
    for name in sorted(files, key=lambda each: (not each.lower().endswith(_OF_CELLPOSE), each not in wanted.values())):
        target = next((wanted[part] for part in _shorter(name) if part in wanted), name)
        first = origin.get(target)
        if first is None:
            result[target], origin[target] = files[name], name
        elif first == target:
            result[name], origin[name] = files[name], name  # a file of the very name pairs
        elif name != target:
            raise BadInput(
                f"{first} and {name} both belong to the image {target}; expected one annotation for each image. "
                "Remove or rename one of them."
            )
    return result
