"""ImageJ's images as the image form and back, one copy each way.

What ImageJ draws is kept beside the values and never changes them: display range, colour tables (an inverting LUT among
them) and the selection. Stacks made here are native ones: an edit of any plane stays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import xarray as xr
from numpy.typing import NDArray

from talanoa.errors import BadInput
from talanoa.fiji import calibration, pixels
from talanoa.image import check
from talanoa.image_metadata import SIGNED_OFFSET
from talanoa.image_tiff import exact
from talanoa.labels import display_form

_GRAY8, _GRAY16, _GRAY32, _COLOR_256, _COLOR_RGB = range(5)  # ij.ImagePlus.getType()
_DTYPES = {_GRAY8: np.uint8, _COLOR_256: np.uint8, _GRAY16: np.uint16, _GRAY32: np.float32, _COLOR_RGB: np.uint8}
_MOST_CHANNELS_IN_COLOR = 7
_COMPOSITE, _GRAYSCALE = 1, 3  # ij.CompositeImage modes
_IMAGEJ_TYPES = (np.uint16, np.int16, np.float32)  # tried in this order for values of any other type
_USABLE = 0.9  # of the free memory


def to_dataarray(imp: Any, crop: bool = False) -> xr.DataArray:
    """Copy an ImagePlus into the image form.

    Parameters
    ----------
    imp : ij.ImagePlus
        8, 16 or 32 bit, 8-bit colour (the indices), RGB, composite, hyperstack, virtual stack (read plane by plane).
    crop : bool
        Take the bounding box of the area selection only, where there is one; `attrs["crop_origin"]` is then its
        corner (y, x) in pixels.

    Returns
    -------
    xarray.DataArray
        Dims (t, c, z, y, x): uint8, uint16, float32, or int16 for ImageJ's signed 16 bit; RGB is c = 3 with
        `attrs["rgb"]`.

    Raises
    ------
    BadInput
        The image was closed, or does not fit into memory.
    """
    _check_open(imp)
    rows, columns = _region(imp, crop)
    values = _copy_planes(imp, rows, columns)
    signed = bool(imp.getBitDepth() == 16 and imp.getCalibration().isSigned16Bit())
    if signed:
        values ^= np.uint16(SIGNED_OFFSET)
        values = values.view(np.int16)
    attrs = _attributes(imp)
    if crop and (rows, columns) != (slice(0, imp.getHeight()), slice(0, imp.getWidth())):
        attrs["crop_origin"] = (rows.start, columns.start)
    return check(xr.DataArray(values, dims=("t", "c", "z", "y", "x"), attrs=attrs))


def to_imageplus(image: xr.DataArray, title: str | None = None) -> Any:
    """Copy an image into a new ImagePlus with a native stack.

    Parameters
    ----------
    image : xarray.DataArray
        The image form. uint8, uint16 and float32 keep their values, int16 becomes ImageJ's signed 16 bit, other whole
        numbers become 16 bit or, above 65,535, 32-bit float; float64 is rounded to 32 bit, ImageJ's only float.
    title : str, optional
        Default: the image's name.

    Returns
    -------
    ij.ImagePlus
        A hyperstack (C, Z, T); several channels are a composite, `attrs["rgb"]` becomes RGB.

    Raises
    ------
    BadInput
        The values do not fit ImageJ's types, or the image does not fit into Java's memory.
    """
    import jpype

    image = check(image)
    values = _imagej_values(image.values)
    frames, channels, slices, height, width = values.shape
    planes = _planes(values)
    if image.attrs["rgb"]:
        planes, channels = _rgb_planes(values), 1
    stack = jpype.JClass("ij.ImageStack")(width, height, frames * slices * channels)
    for index, plane in enumerate(planes, start=1):
        stack.setPixels(pixels.to_java(plane), index)
    _label_channels(stack, image, channels)
    imp = jpype.JClass("ij.ImagePlus")(title or image.attrs["name"] or "Untitled", stack)
    imp.setDimensions(channels, slices, frames)
    imp.setOpenAsHyperStack(stack.getSize() > 1)
    if values.dtype == np.int16:
        imp.getCalibration().setSigned16BitCalibration()
    calibration.put_spatial(image, imp)
    if channels > 1:
        mode = _COMPOSITE if channels <= _MOST_CHANNELS_IN_COLOR else _GRAYSCALE
        imp = jpype.JClass("ij.CompositeImage")(imp, mode)
    calibration.put_display(image, imp)
    return imp


def labels_to_imageplus(labels: xr.DataArray, title: str | None = None) -> Any:
    """Copy a label image into a new ImagePlus as `image.write_labels` writes it.

    Parameters
    ----------
    labels : xarray.DataArray
        Whole numbers, one channel, 0 = background.
    title : str, optional
        Default: the image's name.

    Returns
    -------
    ij.ImagePlus
        16 bit, or 32-bit float above 65,535, with the glasbey colours and the display range 0..n.

    Raises
    ------
    BadInput
        It is no label image, or a number is too large for ImageJ.
    """
    return to_imageplus(display_form(labels), title)


def selection_mask(imp: Any) -> NDArray[np.bool_] | None:
    """Return the area selection of an ImagePlus as a mask.

    Returns
    -------
    bool array (y, x) or None
        True inside, of the size of the whole image; None when nothing is selected.

    Raises
    ------
    BadInput
        The selection is a line, points or an angle, or lies outside the image.
    """
    roi = imp.getRoi()
    if roi is None:
        return None
    if not _is_area(roi):
        raise BadInput(
            f"The selection is a {str(roi.getTypeAsString()).lower()}; expected an area (rectangle, oval, polygon, "
            "freehand, or several of them). Draw one, or remove the selection (Edit > Selection > Select None)."
        )
    rows, columns = _clipped(imp, roi)
    mask = np.zeros((imp.getHeight(), imp.getWidth()), bool)
    inside = roi.getMask()
    if inside is None:  # a rectangle
        mask[rows, columns] = True
        return mask
    bounds = roi.getBounds()
    full = np.empty((inside.getHeight(), inside.getWidth()), np.uint8)
    pixels.from_java(inside.getPixels(), full)
    top, left = rows.start - bounds.y, columns.start - bounds.x
    height, width = rows.stop - rows.start, columns.stop - columns.start
    mask[rows, columns] = full[top : top + height, left : left + width] != 0
    return mask


def _check_open(imp: Any) -> None:
    """Refuse an image that is none any more."""
    if imp is None or imp.getWidth() == 0 or imp.getStackSize() == 0:
        raise BadInput("No image was found (it may have been closed); expected an open one. Open an image first.")


def _region(imp: Any, crop: bool) -> tuple[slice, slice]:
    """Return the rows and columns to take."""
    roi = imp.getRoi() if crop else None
    if roi is None or not _is_area(roi):
        return slice(0, imp.getHeight()), slice(0, imp.getWidth())
    return _clipped(imp, roi)


def _is_area(roi: Any) -> bool:
    """Return True for a selection with an inside; ImageJ counts text and pasted pictures as rectangles."""
    return bool(roi.isArea()) and str(roi.getTypeAsString()) not in ("Text", "Image")


def _clipped(imp: Any, roi: Any) -> tuple[slice, slice]:
    """Return the bounding box of a selection inside the image."""
    bounds = roi.getBounds()
    top, left = max(0, bounds.y), max(0, bounds.x)
    bottom, right = min(imp.getHeight(), bounds.y + bounds.height), min(imp.getWidth(), bounds.x + bounds.width)
    if bottom <= top or right <= left:
        raise BadInput(
            f"The selection (x {bounds.x}, y {bounds.y}, {bounds.width} x {bounds.height}) lies outside the image; "
            f"expected some of it within {imp.getWidth()} x {imp.getHeight()} pixels."
        )
    return slice(top, bottom), slice(left, right)


def _copy_planes(imp: Any, rows: slice, columns: slice) -> NDArray[Any]:
    """Copy the planes of a stack, one by one, into a new array (t, c, z, y, x)."""
    kind = imp.getType()
    _, _, channels, slices, frames = imp.getDimensions()
    samples = 3 if kind == _COLOR_RGB else channels
    size = (frames, samples, slices, rows.stop - rows.start, columns.stop - columns.start)
    values = _allocate(size, np.dtype(_DTYPES[kind]))
    stack, full = imp.getStack(), (imp.getHeight(), imp.getWidth())
    whole = values.shape[3:] == full
    plane = np.empty(full, np.int32 if kind == _COLOR_RGB else values.dtype)  # used for RGB and crops only
    for frame, section, channel in np.ndindex(frames, slices, channels):
        source = stack.getPixels(imp.getStackIndex(channel + 1, section + 1, frame + 1))
        if kind == _COLOR_RGB:
            pixels.from_java(source, plane)
            for band, shift in enumerate((16, 8, 0)):
                values[frame, band, section] = (plane[rows, columns] >> shift).astype(np.uint8)
        elif whole:
            pixels.from_java(source, values[frame, channel, section])
        else:
            pixels.from_java(source, plane)
            values[frame, channel, section] = plane[rows, columns]
    return values


def _allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array to be filled, or say that there is no memory for it."""
    needed, free = math.prod(shape) * dtype.itemsize, psutil.virtual_memory().available
    if needed > _USABLE * free:
        raise BadInput(
            f"The image (t, c, z, y, x = {shape}, {dtype}) needs {needed / 2**30:.1f} GB and {free / 2**30:.1f} GB are "
            "free; expected it to fit. Select a part of it, or make a substack."
        )
    return np.empty(shape, dtype)


def _attributes(imp: Any) -> dict[str, Any]:
    """Return the attributes of the image form, in the words of ImageJ's image."""
    attrs = {**calibration.spatial(imp), **calibration.display(imp)}
    attrs["name"] = str(imp.getTitle())
    attrs["rgb"] = imp.getType() == _COLOR_RGB
    attrs["channel_names"] = _channel_names(imp)
    notes = (*attrs.pop("notes"), *calibration.density_note(imp))
    if notes:
        attrs["notes"] = notes
    origin = imp.getOriginalFileInfo()
    if origin is not None and origin.directory and origin.fileName and not imp.changes:
        attrs["source"] = str(origin.getFilePath())
    return attrs


def _channel_names(imp: Any) -> tuple[str, ...]:
    """Return the slice labels when they repeat with the channels, else nothing."""
    channels = imp.getNChannels()
    if channels < 2:
        return ()
    stack = imp.getStack()
    labels = (str(stack.getSliceLabel(index) or "") for index in range(1, stack.getSize() + 1))
    first = tuple(itertools.islice(labels, channels))
    if len(set(first)) < channels or any("\n" in name for name in first):
        return ()
    repeats = all(label == first[index % channels] for index, label in enumerate(labels))
    return first if repeats else ()


def _label_channels(stack: Any, image: xr.DataArray, channels: int) -> None:
    """Write the channels' names into the slice labels, where ImageJ shows them."""
    names = image.attrs["channel_names"]
    if channels < 2 or not any(names):
        return
    for index in range(stack.getSize()):
        stack.setSliceLabel(names[index % channels], index + 1)


def _imagej_values(values: NDArray[Any]) -> NDArray[Any]:
    """Return values of a type that ImageJ has (int16 counts: it has a calibration for it)."""
    if values.dtype == np.float64:
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        if np.isinf(single).sum() > np.isinf(values).sum():
            largest = np.abs(values[np.isfinite(values)]).max()
            raise BadInput(f"Found values up to {largest:g}; expected less than 3.4e38, ImageJ's limit. Rescale them.")
        values = single
    elif values.dtype != np.uint8:
        values = exact(values, _IMAGEJ_TYPES, "ImageJ")
    return values


def _planes(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield planes in ImageJ's order: channels fastest, then slices, then frames."""
    frames, channels, slices = values.shape[:3]
    for frame, section, channel in np.ndindex(frames, slices, channels):
        plane = values[frame, channel, section]
        if plane.dtype == np.int16:
            plane = plane.view(np.uint16) ^ np.uint16(SIGNED_OFFSET)
        yield plane


def _rgb_planes(values: NDArray[np.uint8]) -> Iterator[NDArray[np.int32]]:
    """Yield planes of ImageJ's packed colours, alpha 255."""
    for frame, section in np.ndindex(values.shape[0], values.shape[2]):
        red, green, blue = values[frame, :, section].astype(np.uint32)
        yield (np.uint32(0xFF000000) | red << 16 | green << 8 | blue).view(np.int32)
