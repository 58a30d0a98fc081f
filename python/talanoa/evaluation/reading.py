"""Label images and ROI files as arrays of the size of their image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa import rois
from talanoa.core.errors import BadInput
from talanoa.image.folder import ROI_SUFFIXES
from talanoa.rois import files, objects

Size = tuple[int, int, int, int]  # frames, slices, height, width


@dataclass(frozen=True, eq=False)
class Labels:
    """Objects of one file.

    Parameters
    ----------
    values : ndarray of int32, (t, z, y, x)
        0 = background.
    notes : tuple of str
        What became of ROIs that overlap, lie outside or are no areas.
    pixel : float or None
        Area (volume, for stacks) of a pixel in `unit`; None when not calibrated.
    unit : str
    """

    values: NDArray[np.int32]
    notes: tuple[str, ...] = ()
    pixel: float | None = None
    unit: str = "pixel"


def is_rois(path: Path) -> bool:
    """Return True for a ROI file, which does not know the size of its image."""
    return path.suffix.lower() in ROI_SUFFIXES


def read_labels(path: Path, size: Size | None, mask: str) -> Labels:
    """Read a label image or a ROI file.

    Parameters
    ----------
    path : Path
        The file.
    size : (t, z, y, x) or None
        Size of the image; None: not known, which ROI files need.
    mask : {"refuse", "split", "keep"}
        What to do with an image of one value, see `talanoa.image.labels.as_labels`.

    Raises
    ------
    BadInput
        Not a label image, another size than the image, a ROI file whose image is not known.
    """
    if is_rois(path):
        return _of_rois(path, size)
    try:
        labels = images.read_labels(path, mask=mask)
    except BadInput as problem:
        told = str(problem) if path.name in str(problem) else f"{Path(path.parent.name, path.name)}: {problem}"
        raise BadInput(told) from problem
    values = np.asarray(labels.values[:, 0], np.int32)
    if size is not None:
        values = fitted(values, size, path.name)
    calibrated = labels.attrs["unit"] != "pixel"
    sides = labels.attrs["pixel_size"] if values.shape[1] > 1 else labels.attrs["pixel_size"][1:]
    return Labels(values, (), float(np.prod(sides)) if calibrated else None, str(labels.attrs["unit"]))


def fitted(values: NDArray[np.int32], size: Sequence[int], name: str) -> NDArray[np.int32]:
    """Return labels of this size; frames and slices may be called each other, as they often are in label images."""
    if values.shape == tuple(size):
        return values
    turned = values.swapaxes(0, 1)
    if turned.shape == tuple(size):
        return turned
    raise BadInput(
        f"{name} is {sizes(values.shape)}, its image (or the ground truth) {sizes(size)}; they must have the same "
        "size. Export the labels again, at the image's own size."
    )


def sizes(size: Sequence[int]) -> str:
    """Return a size (t, z, y, x) in words."""
    frames = f" x {size[0]} frames" if size[0] > 1 else ""
    slices = f" x {size[1]} slices" if size[1] > 1 else ""
    return f"{size[3]} x {size[2]} pixels{slices}{frames}"


def _of_rois(path: Path, size: Size | None) -> Labels:
    if size is None:
        raise BadInput(
            f"{path.name} is a ROI file, which does not tell how large the image is; expected the images, too. "
            "Give images=<folder of the images>."
        )
    if size[0] == 1:
        values, notes = objects.labels_of(path, size[1:])
        return Labels(values[None], notes)
    drawn = files.read_zip(path, image_shape=size)
    filled = rois.to_labels(drawn.rois, size)
    return Labels(np.asarray(filled.labels.values[:, 0], np.int32), (*drawn.warnings, *filled.warnings))
