"""The one image form: an `xarray.DataArray` with dims (t, c, z, y, x) that knows its pixel size.

Axes are permuted and renamed here and in `fiji.convert`, nowhere else. The attributes:

pixel_size : tuple of 3 floats
    Size of a pixel along (z, y, x) in `unit`.
unit : str
    "µm" for every spelling of micrometre, "pixel" when the image is not calibrated, else as found ("nm", "inch").
frame_interval : float
    Seconds between frames; 0 when unknown.
name : str
rgb : bool
    True when the three channels are the red, green and blue of one colour picture (uint8).
channel_names : tuple of str
    One per channel; empty strings when unknown.
source : str, optional
    The file it was read from.
notes : tuple of str, optional
    What the reader had to assume; a door shows them as warnings.
depth_unknown : bool, optional
    True where the planes of several slices are calibrated and their distance is not known: 1 stands for it.
display : tuple of (low, high), luts : tuple of uint8 (256, 3) arrays, optional
    Display range and colour table of each channel, kept from ImageJ's files. They never change a value.
grey_values : talanoa.image.grey_values.GreyValues, optional
    ImageJ's calibration of the grey values of an 8-bit or 16-bit image. Tables give intensities in it; networks, scores
    and everything else take the pixel values.

A label image is the same form with dtype int32, one channel and 0 as background.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image import array_attrs, array_calibration, grey_values
from talanoa.image.units import normal_unit, to_metres

log = logging.getLogger(__name__)

DIMS = ("t", "c", "z", "y", "x")

_AXIS_NAMES = {
    **dict.fromkeys(("t", "time", "frame", "frames"), "t"),
    **dict.fromkeys(("c", "ch", "channel", "channels"), "c"),
    **dict.fromkeys(("z", "pln", "plane", "depth", "slice"), "z"),
    **dict.fromkeys(("y", "row"), "y"),
    **dict.fromkeys(("x", "col", "column"), "x"),
    **dict.fromkeys(("s", "sample", "samples", "rgb"), "s"),
}


def from_array(
    array: Any,
    dims: str | Sequence[str] | None = None,
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    frame_interval: float = 0.0,
    name: str = "",
    channel_names: Sequence[str] = (),
    rgb: bool = False,
) -> xr.DataArray:
    """Bring an array into the image form; missing axes are added, the values are not copied where dtype allows.

    Parameters
    ----------
    array : array or xarray.DataArray
        Numbers or booleans. A DataArray brings its dims (also `row`, `col`, `pln`, `ch`, `time`, …) and attributes.
    dims : str or sequence of str, optional
        The axes in order, such as "zyx" or "YXC"; "s" stands for the samples of an RGB picture. May be left out only
        for 2D arrays and for DataArrays: three axes could be anything.
    pixel_size : (z, y, x) or (y, x) floats, optional
        Default 1.
    unit : str, optional
        Default "pixel".
    frame_interval : float
        Seconds.
    name, channel_names, rgb
        As in the attributes of the image form.

    Returns
    -------
    xarray.DataArray
        Dims (t, c, z, y, x). float16 becomes float32, booleans become 0/255 uint8, big-endian becomes native.

    Raises
    ------
    BadInput
        Axes are missing, unknown or doubled; dtype or attributes cannot be used; the image is empty.
    """
    check_unmasked(array)
    values = _plain_dtype(np.asarray(array))
    names = _axis_names(array, values, dims)
    attrs = _attrs_of(array, names) if isinstance(array, xr.DataArray) else {}
    if "s" in names:
        values, names, rgb = _samples_as_channels(values, names)
    given = {
        "pixel_size": pixel_size,
        "unit": unit,
        "frame_interval": frame_interval or None,
        "name": name or None,
        "channel_names": tuple(channel_names) or None,
        "rgb": rgb or None,
    }
    attrs.update({key: value for key, value in given.items() if value is not None})
    data = xr.DataArray(values, dims=names)
    data = data.expand_dims([dim for dim in DIMS if dim not in names]).transpose(*DIMS)
    return check(xr.DataArray(data.data, dims=DIMS, attrs=attrs, name=None))


def check_unmasked(array: Any) -> None:
    """Refuse a masked array: masked values would be used like the others."""
    masked = int(np.ma.getmaskarray(array).sum()) if isinstance(array, np.ma.MaskedArray) else 0
    if masked:
        raise BadInput(
            f"Found a masked array, {masked} of whose {array.size} values are masked; expected a number in each. "
            "Choose what stands there, for example array.filled(0), or crop the image to the part without a mask."
        )


def check(image: Any) -> xr.DataArray:
    """Return `image` in the image form with complete attributes, or say what is wrong with it.

    Parameters
    ----------
    image : xarray.DataArray or 2D array
        Other dims than (t, c, z, y, x) go through `from_array`.

    Returns
    -------
    xarray.DataArray
        Shares the values of `image`; its attributes are a completed copy.

    Raises
    ------
    BadInput
        As for `from_array`.
    """
    if not isinstance(image, xr.DataArray) or image.dims != DIMS:
        return from_array(image)
    values = _plain_dtype(image.data if isinstance(image.data, np.ndarray) else np.asarray(image))
    if values.size == 0:
        raise BadInput(f"Found an empty image (t, c, z, y, x = {values.shape}); expected at least one pixel.")
    attrs = array_attrs.understood(image.attrs, values.shape[1])
    return xr.DataArray(values, dims=DIMS, attrs=_complete(attrs, values))


def microns(image: xr.DataArray) -> tuple[float, float, float] | None:
    """Return the pixel size (z, y, x) in µm, or None when the image is not calibrated in a unit of length."""
    metres = to_metres(image.attrs["unit"])
    if metres is None:
        return None
    z, y, x = (size * metres / 1e-6 for size in image.attrs["pixel_size"])
    return z, y, x


def axis_letter(name: str) -> str:
    """Return t, c, z, y, x or s for the name of an axis, empty for one that is not known."""
    return _AXIS_NAMES.get(name.lower(), "")


def _plain_dtype(values: NDArray[Any]) -> NDArray[Any]:
    """Make values native numbers without loss; refuse what is none."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind not in "uif" or size > 8:
        raise BadInput(
            f"Found pixels of type {values.dtype}; expected whole or floating-point numbers of up to 64 bit. "
            "Convert the image (for complex numbers: to the absolute value) and try again."
        )
    if kind == "f" and size == 2:
        return values.astype(np.float32)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _axis_names(array: Any, values: NDArray[Any], dims: str | Sequence[str] | None) -> list[str]:
    """Return one of t, c, z, y, x, s per axis."""
    if dims is None and isinstance(array, xr.DataArray):
        dims = [str(dim) for dim in array.dims]
    if dims is None and values.ndim == 2:
        dims = "yx"
    if dims is None:
        raise BadInput(
            f"Found an array of shape {values.shape} without names for its axes; expected two axes or names. "
            'Say what they are, for example dims="tyx" for a time-lapse or dims="zyx" for a stack.'
        )
    names = [axis_letter(str(dim)) for dim in dims]
    if len(names) != values.ndim or "" in names or len(set(names)) < len(names) or not {"y", "x"} <= set(names):
        raise BadInput(
            f"Found the axes {','.join(map(str, dims))} for an array of shape {values.shape}; expected one of "
            "t, c, z, y, x (or s for RGB samples) per axis, each once, with y and x among them."
        )
    return names


def _attrs_of(array: xr.DataArray, names: Sequence[str]) -> dict[str, Any]:
    """Return the attributes of an array, and those that its coordinates say."""
    axis = "c" if "c" in names else "s"
    attrs = array_attrs.understood(array.attrs, array.shape[names.index(axis)] if axis in names else 1)
    said = array_calibration.read(array, dict(zip(map(str, array.dims), names, strict=True)))
    if "pixel_size" in attrs:
        said = {key: value for key, value in said.items() if key == "channel_names"}
    elif "pixel_size" in said:
        attrs.pop("unit", None)
    notes = (*attrs.get("notes", ()), *said.pop("notes", ()))
    kept = {key: value for key, value in said.items() if key not in attrs}
    return {**attrs, **kept, **({"notes": notes} if notes else {})}


def _samples_as_channels(values: NDArray[Any], names: list[str]) -> tuple[NDArray[Any], list[str], bool]:
    """Rename the samples to channels; they are RGB when they are three bytes (ImageJ has 16-bit composites too)."""
    if "c" in names:
        if values.shape[names.index("c")] > 1:
            raise BadInput(f"Found RGB samples and channels in an image of shape {values.shape}; expected one of them.")
        values = values.squeeze(names.index("c"))
        names = [name for name in names if name != "c"]
    rgb = values.dtype == np.uint8 and values.shape[names.index("s")] == 3
    return values, ["c" if name == "s" else name for name in names], rgb


def _complete(attrs: dict[str, Any], values: NDArray[Any]) -> dict[str, Any]:
    """Fill in and check the attributes of the image form."""
    channels = values.shape[1]
    attrs["pixel_size"] = _pixel_size(attrs.get("pixel_size", (1.0, 1.0, 1.0)))
    attrs["unit"] = normal_unit(attrs.get("unit"))
    interval = float(attrs.get("frame_interval") or 0.0)
    attrs["frame_interval"] = interval if np.isfinite(interval) and interval > 0 else 0.0
    attrs["name"] = str(attrs.get("name") or "")
    attrs["rgb"] = bool(attrs.get("rgb", False))
    if attrs["rgb"] and (channels != 3 or values.dtype != np.uint8):
        raise BadInput(f"Found {channels} channels of {values.dtype} marked as RGB; expected 3 of uint8.")
    names = tuple(str(name) for name in attrs.get("channel_names", ()))
    if names and len(names) != channels:
        raise BadInput(f"Found {len(names)} channel names {names} for {channels} channels; expected one each.")
    attrs["channel_names"] = names or ("",) * channels
    calibration = attrs.get(grey_values.ATTRIBUTE)
    if calibration is not None and (attrs["rgb"] or not calibration.fits(values.dtype)):  # of what it was made from
        del attrs[grey_values.ATTRIBUTE]
    return attrs


def _pixel_size(size: Any) -> tuple[float, float, float]:
    """Return (z, y, x) as positive floats; (y, x) gets z = 1."""
    numbers = tuple(float(value) for value in np.atleast_1d(np.asarray(size, float)))
    if len(numbers) == 2:
        numbers = (1.0, *numbers)
    if len(numbers) != 3 or not all(np.isfinite(number) and number > 0 for number in numbers):
        raise BadInput(f"Found the pixel size {size}; expected three positive numbers (z, y, x).")
    return numbers
