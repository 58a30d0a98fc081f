"""Overlay pictures: found objects in green, invented ones in red, missed ones in blue, each with its own pattern."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

GREEN, RED, BLUE, WHITE = (0, 205, 90), (255, 70, 50), (90, 160, 255), (255, 255, 255)
SMALL, LARGE = 450, 1000  # sides of a picture: smaller ones are enlarged, larger ones shrunk
GAP = 8


class Picture(NamedTuple):
    """A picture of the report.

    Attributes
    ----------
    name : str
        Of the image.
    title : str
        What it shows, in words.
    pixels : ndarray of uint8, (y, x, 3)
        The image as it is, and beside it with the objects.
    """

    name: str
    title: str
    pixels: NDArray[np.uint8]


def encode(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    """Return a picture as the bytes of a PNG or JPEG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind, **({"quality": 85} if kind == "JPEG" else {}))
    return stream.getvalue()


def resized(plane: NDArray) -> NDArray:
    """Enlarge a small plane by repeating its pixels, shrink a large one by leaving pixels out."""
    side = max(plane.shape)
    if side < SMALL:
        factor = -(-SMALL // side)
        return plane.repeat(factor, 0).repeat(factor, 1)
    step = -(-side // LARGE)
    return plane[::step, ::step]
