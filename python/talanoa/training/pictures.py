"""Grey pictures of images before, after and as they should be, all in one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from talanoa.training.contact_sheets import as_text, fitted, sheet

MASKED = (255, 221, 0)
_BLACK, _WHITE = 1.0, 99.8  # percentiles of the quietest picture


def plane_of(image: NDArray) -> NDArray:
    """Return the first channel (y, x) of an image (channels, [z], y, x); of a stack its middle slice."""
    return image[0, image.shape[1] // 2] if image.ndim == 4 else image[0]


def limits_of(planes: Sequence[NDArray]) -> tuple[float, float]:
    """Return the intensities shown black and white: percentiles of the last plane, which has the least noise."""
    low, high = np.percentile(planes[-1], (_BLACK, _WHITE))
    return float(low), float(max(high, low + 1e-6))


def grey(plane: NDArray, limits: tuple[float, float]) -> Image.Image:
    """Return a plane (y, x) as a picture of 8 bits."""
    low, high = limits
    return Image.fromarray((np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8))


def texts(fields: Mapping[str, NDArray]) -> dict[str, str]:
    """Return images (channels, [z], y, x) as PNGs in base64, in one grey scale."""
    planes = {name: plane_of(each) for name, each in fields.items()}
    limits = limits_of(list(planes.values()))
    return {name: as_text(grey(plane, limits)) for name, plane in planes.items()}


def row_of(fields: Sequence[NDArray], resample: Image.Resampling = Image.Resampling.BILINEAR) -> list[Image.Image]:
    """Return images of one place as pictures of a sheet, in one grey scale."""
    planes = [plane_of(each) for each in fields]
    limits = limits_of(planes)
    return [fitted(grey(plane, limits).convert("RGB"), resample) for plane in planes]


def pairs_sheet(
    pairs: Sequence[Sequence[NDArray]], resample: Image.Resampling = Image.Resampling.BILINEAR
) -> Image.Image:
    """Return images above their targets; images alone make one row."""
    columns = [row_of(each, resample) for each in pairs]
    return sheet([list(row) for row in zip(*columns, strict=True)])


def patches_sheet(images: NDArray, answers: Sequence[NDArray]) -> Image.Image:
    """Return the patches of a batch above what is to be learned.

    Parameters
    ----------
    images : ndarray of float32, (n, channels, [z], y, x)
        What the network sees.
    answers : (targets,) or (original values, mask)
        As the loss takes them. With a mask the original patches are shown, and masked pixels are marked.
    """
    if len(answers) == 1:
        return pairs_sheet(list(zip(images, answers[0], strict=True)), Image.Resampling.NEAREST)
    top = [row_of([original], Image.Resampling.NEAREST)[0] for original in answers[0]]
    marked = [_marked(original, mask) for original, mask in zip(answers[0], answers[1], strict=True)]
    return sheet([top, marked])


def _marked(image: NDArray, mask: NDArray) -> Image.Image:
    """Return a patch with its masked pixels in yellow."""
    plane = plane_of(image)
    pixels = np.array(grey(plane, limits_of([plane])).convert("RGB"))
    pixels[plane_of(mask) > 0] = MASKED
    return fitted(Image.fromarray(pixels), Image.Resampling.NEAREST)
