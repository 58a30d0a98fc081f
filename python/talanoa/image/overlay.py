"""The picture that shows at a glance what was found: outlines on the contrast-stretched plane."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.image.lut import glasbey

_LOW, _HIGH = 0.5, 99.8  # percentiles that become black and white


def outlines(
    image: xr.DataArray, labels: xr.DataArray, *, frame: int = 1, plane: int = 1, channel: int = 1
) -> NDArray[np.uint8]:
    """Draw the outlines of the objects of one plane on its stretched grey values.

    Parameters
    ----------
    image, labels : xarray.DataArray
        Image form, equal in t, z, y, x.
    frame, plane, channel : int
        Which plane to show, counted from 1. An RGB image keeps its colours.

    Returns
    -------
    uint8 array (y, x, 3)
        The picture's own size. The outline is the outermost pixel ring of each object, in its label colour.

    Raises
    ------
    BadInput
        Image and labels differ in size.
    """
    if (image.sizes["y"], image.sizes["x"]) != (labels.sizes["y"], labels.sizes["x"]):
        raise BadInput(
            f"Found an image of {dict(image.sizes)} and labels of {dict(labels.sizes)}; expected the same y and x."
        )
    grey = np.asarray(image[frame - 1, :, plane - 1])  # (c, y, x)
    grey = grey if image.attrs.get("rgb") else grey[channel - 1 : channel]
    picture = np.repeat(stretch(grey), 3 // len(grey), axis=0).transpose(1, 2, 0).copy()  # (y, x, 3)
    plane_labels = np.asarray(labels[frame - 1, 0, plane - 1])
    ring = ring_of(plane_labels)
    picture[ring] = glasbey()[_colour_index(plane_labels[ring])]
    return picture


def write_png(path: str | os.PathLike[str], picture: NDArray[np.uint8], overwrite: bool = False) -> Path:
    """Write a uint8 picture (y, x, 3) as PNG."""
    from PIL import Image

    with write_aside(path, overwrite) as aside:
        Image.fromarray(picture).save(aside, format="PNG")
    return Path(path)


def stretch(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Map the 0.5 and 99.8 percentiles of the finite values to 0 and 255."""
    numbers = values.astype(np.float32)
    finite = numbers[np.isfinite(numbers)]
    low, high = np.percentile(finite, [_LOW, _HIGH]) if finite.size else (0.0, 1.0)
    scaled = (numbers - low) / max(high - low, np.finfo(np.float32).tiny) * 255
    return np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255).astype(np.uint8)


def ring_of(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return True on the pixels of objects (y, x) that touch another value or the edge of the picture by a side."""
    padded = np.pad(labels, 1)
    inner = padded[1:-1, 1:-1]
    differs = np.zeros(labels.shape, bool)
    for rows, columns in ((slice(0, -2), slice(1, -1)), (slice(2, None), slice(1, -1))):
        differs |= padded[rows, columns] != inner
        differs |= padded[columns, rows] != inner
    return differs & (inner > 0)


def _colour_index(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """Give label n the colour n, and start again at 1 after 255."""
    return ((labels.astype(np.intp) - 1) % 255) + 1
