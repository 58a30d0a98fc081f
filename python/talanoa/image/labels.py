"""Label images: what counts as one, and the form in which ImageJ shows it best."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from talanoa.core.errors import BadInput
from talanoa.image.form import check
from talanoa.image.label_pieces import refuse_scattered
from talanoa.image.lut import glasbey

_LARGEST = np.iinfo(np.int32).max
_EXACT_IN_FLOAT32 = 1 << 24


def as_labels(image: xr.DataArray, mask: str = "refuse", ours: bool = False) -> xr.DataArray:
    """Return `image` as a label image, or say why it is none.

    Parameters
    ----------
    image : xarray.DataArray
        Whole numbers in any type (32-bit float label images are common), 0 = background, one channel.
    mask : {"refuse", "split", "keep"}
        What to do with an image of one single value with several separate parts in a plane, such as a 0/255 mask:
        refuse it, number the parts, or keep the value as the one label it is.
    ours : bool
        True for labels that Talanoa made: then nobody can have taken the image itself for its label image.

    Returns
    -------
    xarray.DataArray
        int32 (t, 1, z, y, x) with the attributes of `image`.

    Raises
    ------
    BadInput
        Colours, several channels, fractions, negative numbers, NaN, numbers above 2,147,483,647, a mask, or values
        scattered as in a microscope image.
    """
    image = check(image)
    if image.attrs["rgb"]:
        raise BadInput(
            "Found a colour (RGB) picture; expected a label image with one number per object. "
            "Save the labels themselves (16 bit), not a coloured view of them."
        )
    if image.sizes["c"] != 1:
        raise BadInput(f"Found {image.sizes['c']} channels; expected a label image with one. Extract that channel.")
    values = _whole(np.asarray(image))
    if not ours:
        refuse_scattered(values[:, 0])
    result = xr.DataArray(values, dims=image.dims, attrs=dict(image.attrs))
    if mask == "keep" or not _is_mask(values):
        return result
    if mask == "split":
        return result.copy(data=_numbered(values))
    raise BadInput(
        f"Found a mask: every object has the value {values.max()}, so touching objects are one; expected another "
        "number for each object. Label it first (Fiji: Analyze Particles with 'Count Masks'), or ask for its separate "
        'parts with mask="split".'
    )


def display_form(labels: xr.DataArray) -> xr.DataArray:
    """Return labels as ImageJ shows them best: the values that every ImageJ can hold, colours, display range.

    Parameters
    ----------
    labels : xarray.DataArray
        A label image (see `as_labels`).

    Returns
    -------
    xarray.DataArray
        uint16, or float32 above 65,535 objects (exact to 16,777,216), with a glasbey colour table and the display
        range 0..largest label.

    Raises
    ------
    BadInput
        More than 16,777,216 objects.
    """
    labels = as_labels(labels, mask="keep", ours=True)
    largest = int(labels.max())
    if largest > _EXACT_IN_FLOAT32:
        raise BadInput(
            f"Found the label {largest:,}; ImageJ holds at most {_EXACT_IN_FLOAT32:,} exactly. "
            "Renumber the objects, or write OME-Zarr (.ome.zarr)."
        )
    kind = np.uint16 if largest < 1 << 16 else np.float32
    attrs = {**labels.attrs, "display": ((0.0, float(max(largest, 1))),), "luts": (glasbey(),)}
    return xr.DataArray(np.asarray(labels).astype(kind), dims=labels.dims, attrs=attrs)


def _whole(values: NDArray[Any]) -> NDArray[np.int32]:
    """Return whole, non-negative numbers as int32 or say which were found."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise BadInput("Found NaN or infinite values; expected a label image. Is this the image itself?")
        fractions = values != np.rint(values)
        if fractions.any():
            raise BadInput(
                f"Found fractions such as {values[fractions].flat[0]:g}; expected a label image of whole numbers. "
                "Is this the image itself, or a scaled label image (scale labels without interpolation)?"
            )
    low, high = values.min(), values.max()
    if low < 0:
        raise BadInput(
            f"Found label numbers from {low} to {high}; expected 0 (background) to {_LARGEST:,}. Where a negative "
            "number marks the background or pixels to ignore, set it to 0 (Fiji: Process > Math > Min, value 0) and "
            "save again."
        )
    if high > _LARGEST:
        raise BadInput(
            f"Found label numbers from {low} to {high}; expected 0 (background) to {_LARGEST:,}. Number the objects "
            "1, 2, 3, … and save again."
        )
    return values.astype(np.int32, copy=False)


def _is_mask(values: NDArray[np.int32]) -> bool:
    """Return True when there is one single value and it has several separate parts in one plane."""
    largest = int(values.max())
    if largest == 0 or not bool(((values == 0) | (values == largest)).all()):
        return False
    planes = values.reshape(-1, *values.shape[-2:])
    return any(ndimage.label(plane, structure=np.ones((3, 3)))[1] > 1 for plane in planes)


def _numbered(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number the separate parts of a mask frame by frame; parts that touch by a corner only are one, as in ImageJ."""
    result = np.zeros(values.shape, np.int32)
    for frame in range(values.shape[0]):
        ndimage.label(values[frame, 0], structure=np.ones((3, 3, 3)), output=result[frame, 0])
    return result
