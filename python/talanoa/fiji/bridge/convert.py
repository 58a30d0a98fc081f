"""ImageJ's images as the image form and back, one copy each way.

What ImageJ draws is kept beside the values and never changes them: display range, colour tables (an inverting LUT among
them) and the selection. Stacks made here are native ones: an edit of any plane stays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import psutil
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.fiji.bridge import calibration, image_facts, pixels
from talanoa.image.labels import display_form

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
    found = describe(imp)
    whole = (slice(0, found["height"]), slice(0, found["width"]))
    chosen = found["selection"] if crop else None
    rows, columns = image_facts.clipped(found) if chosen and chosen["area"] else whole
    values = _copy_planes(imp, rows, columns)
    image = image_facts.to_form(found, values, calibration.lut_tables(_luts(imp)), _grey_values(imp))
    if (rows, columns) != whole:
        image.attrs["crop_origin"] = (rows.start, columns.start)
    return image


def describe(imp: Any) -> dict[str, Any]:
    """Return what an ImagePlus is besides its pixels: the arriving facts of `talanoa.fiji.bridge.image_facts`.

    Raises
    ------
    BadInput
        The image was closed.
    """
    if imp is None or imp.getWidth() == 0 or imp.getStackSize() == 0:
        raise BadInput("No image was found (it may have been closed); expected an open one. Open an image first.")
    cal, stack, origin = imp.getCalibration(), imp.getStack(), imp.getOriginalFileInfo()
    _, _, channels, slices, frames = (int(size) for size in imp.getDimensions())
    on_disk = origin is not None and origin.directory and origin.fileName and not imp.changes
    signed = bool(imp.getBitDepth() == 16 and cal.isSigned16Bit())
    return {
        "title": str(imp.getTitle()),
        "kind": int(imp.getType()),
        "bits": int(imp.getBitDepth()),
        "signed16": signed,
        "width": int(imp.getWidth()),
        "height": int(imp.getHeight()),
        "channels": channels,
        "slices": slices,
        "frames": frames,
        "pixel_width": float(cal.pixelWidth),
        "pixel_height": float(cal.pixelHeight),
        "pixel_depth": float(cal.pixelDepth),
        "unit": str(cal.getUnit()),
        "y_unit": str(cal.getYUnit()),
        "z_unit": str(cal.getZUnit()),
        "origin": [float(cal.xOrigin), float(cal.yOrigin)],
        "frame_interval": float(cal.frameInterval),
        "time_unit": str(cal.getTimeUnit() or "s"),
        "density": str(cal.getValueUnit()) if _is_density_calibrated(imp) else None,
        "ranges": _ranges(imp),
        "slice_labels": _slice_labels(stack) if channels > 1 else [],
        "source": str(origin.getFilePath()) if on_disk else None,
        "selection": _selection(imp.getRoi()),
    }


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

    leaving = image_facts.from_form(image, title)
    found = leaving.facts
    stack = jpype.JClass("ij.ImageStack")(found["width"], found["height"], leaving.shape[0])
    for index, plane in enumerate(leaving, start=1):
        stack.setPixels(pixels.to_java(plane), index)
    names = found["slice_labels"]
    for index in range(stack.getSize() if names else 0):
        stack.setSliceLabel(names[index % len(names)], index + 1)
    imp = jpype.JClass("ij.ImagePlus")(found["title"], stack)
    imp.setDimensions(found["channels"], found["slices"], found["frames"])
    imp.setOpenAsHyperStack(stack.getSize() > 1)
    if found["signed16"]:
        imp.getCalibration().setSigned16BitCalibration()
    calibration.put_spatial(found, imp)
    if found["composite"] is not None:
        imp = jpype.JClass("ij.CompositeImage")(imp, found["composite"])
    calibration.put_display(found, leaving.tables, imp)
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
    inside = roi.getMask() if roi is not None else None
    mask = None
    if inside is not None:
        mask = np.empty((inside.getHeight(), inside.getWidth()), np.uint8)
        pixels.from_java(inside.getPixels(), mask)
    return image_facts.selection_mask(describe(imp), mask)


def _selection(roi: Any) -> dict[str, Any] | None:
    """Return what is selected; ImageJ counts text and pasted pictures as rectangles."""
    if roi is None:
        return None
    bounds, kind = roi.getBounds(), str(roi.getTypeAsString())
    return {
        "area": bool(roi.isArea()) and kind not in ("Text", "Image"),
        "type": kind,
        "x": int(bounds.x),
        "y": int(bounds.y),
        "width": int(bounds.width),
        "height": int(bounds.height),
    }


def _is_density_calibrated(imp: Any) -> bool:
    """Return True where Analyze > Measure gives other intensities than the pixel values."""
    cal = imp.getCalibration()
    return bool(imp.getBitDepth() in (8, 16) and cal.calibrated() and not cal.isSigned16Bit())


def _grey_values(imp: Any) -> NDArray[np.float32] | None:
    """Return the table of a density calibration, where ImageJ has one for such pixels."""
    table = imp.getCalibration().getCTable() if _is_density_calibrated(imp) else None
    return None if table is None or len(table) != 1 << int(imp.getBitDepth()) else np.array(table, np.float32)


def _luts(imp: Any) -> list[Any]:
    """Return the `ij.process.LUT` of each channel; none for an RGB image."""
    luts = imp.getLuts()
    return list(luts) if luts is not None and imp.getBitDepth() != 24 else []


def _ranges(imp: Any) -> list[list[float]]:
    """Return the display range of each channel; none for an RGB image."""
    luts = _luts(imp)
    if len(luts) == 1:
        return [[float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())]]
    return [[float(lut.min), float(lut.max)] for lut in luts]


def _slice_labels(stack: Any) -> list[str | None]:
    """Return the label of each plane."""
    labels = (stack.getSliceLabel(index) for index in range(1, stack.getSize() + 1))
    return [None if label is None else str(label) for label in labels]


def _copy_planes(imp: Any, rows: slice, columns: slice) -> NDArray[Any]:
    """Copy the planes of a stack, one by one, into a new array (t, c, z, y, x)."""
    _, _, channels, slices, frames = imp.getDimensions()
    size = (frames, channels, slices, rows.stop - rows.start, columns.stop - columns.start)
    values = _allocate(size, np.dtype(image_facts.DTYPES[imp.getType()]))
    stack, full = imp.getStack(), (imp.getHeight(), imp.getWidth())
    part = values.shape[3:] != full
    plane = np.empty(full if part else 0, values.dtype)
    for frame, section, channel in np.ndindex(frames, slices, channels):
        source = stack.getPixels(imp.getStackIndex(channel + 1, section + 1, frame + 1))
        if part:
            pixels.from_java(source, plane)
            values[frame, channel, section] = plane[rows, columns]
        else:
            pixels.from_java(source, values[frame, channel, section])
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
