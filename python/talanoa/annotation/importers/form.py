"""What every import of annotations gives, and how it is brought to the size of the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.annotation.propose_parts import like_image
from talanoa.core.errors import BadInput
from talanoa.image.form import from_array


@dataclass(frozen=True, eq=False)
class Imported:
    """Annotations from another program.

    Attributes
    ----------
    labels : DataArray of int32, (t, 1, z, y, x)
        0 = background.
    class_names : tuple of str
        Names of the classes, where the file tells them.
    class_of : dict of int to int
        Label to number of its class, from 1; labels without a class are left out.
    notes : list of str
        What was assumed, joined or left out; for the user.
    """

    labels: xr.DataArray
    class_names: tuple[str, ...] = ()
    class_of: dict[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def fitted(labels: xr.DataArray, like: xr.DataArray | None, path: Path) -> xr.DataArray:
    """Return labels with the sizes and the calibration of an image, or say how they differ.

    Stacks that one program saves as frames and another as slices fit each other.

    Raises
    ------
    BadInput
        Another size.
    """
    if like is None:
        return labels
    wanted, found = _sizes(like), _sizes(labels)
    values = np.asarray(labels)
    if found != wanted and (found[1], found[0], *found[2:]) == wanted:
        values, found = values.transpose(2, 1, 0, 3, 4), wanted
    if found == wanted:
        return like_image(np.ascontiguousarray(values), like)
    turned = found[2:] == wanted[:1:-1] and found[2] != found[3]
    hint = " They look turned by 90 degrees." if turned else ""
    raise BadInput(
        f"{path.name} has {_words(found)}, its image {_words(wanted)}; expected the same size.{hint} "
        "Export the annotation of this image in full size."
    )


def plane_labels(values: NDArray[np.int32]) -> xr.DataArray:
    """Return labels (t, z, y, x) in the image form."""
    return from_array(values, "tzyx")


def _sizes(image: xr.DataArray) -> tuple[int, int, int, int]:
    """Return (t, z, y, x)."""
    t, z, y, x = (int(image.sizes[dim]) for dim in "tzyx")
    return t, z, y, x


def _words(sizes: tuple[int, int, int, int]) -> str:
    """Return "512 x 256 pixels, 3 slices, 2 frames"."""
    t, z, y, x = sizes
    return f"{x} x {y} pixels" + (f", {z} slices" if z > 1 else "") + (f", {t} frames" if t > 1 else "")
