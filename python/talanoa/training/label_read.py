"""Read fields of transmitted light and stains: of plates, of files with all channels, of the open image; checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.errors import BadInput
from talanoa.files import file_sha256
from talanoa.labelling.plates import View
from talanoa.labelling.sources import all_channels
from talanoa.requests_train import names_of
from talanoa.training.pairs_check import size_of

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.requests import TrainRequest
    from talanoa.tasks.common import Given

OPEN = "the open image"
LIGHT = "transmitted"  # what it is called where no folder says it
SATURATED, BRIGHT = 0.25, 0.01  # share of pixels at the highest value: nothing to learn from; worth a warning


@dataclass(frozen=True, eq=False)
class Seen:
    """A field as it was read.

    Parameters
    ----------
    view : View
        Where it comes from.
    name : str
        File name without suffix; of a movie with the frame.
    light : ndarray, (z, y, x)
        Transmitted light, the planes that are looked at.
    stack : int
        Planes of the stack that they were taken from.
    stains : dict of str to ndarray, (z, y, x)
        Of the same size in y and x.
    hashes : tuple of str
        SHA-256 of the files.
    pixel_size : float or None
    unit : str
    notes : tuple of str
        Warnings.
    """

    view: View
    name: str
    light: NDArray
    stack: int
    stains: Mapping[str, NDArray]
    hashes: tuple[str, ...]
    pixel_size: float | None
    unit: str
    notes: tuple[str, ...] = ()


def read(request: TrainRequest, view: View) -> list[Seen]:
    """Return the frames of a field.

    Raises
    ------
    BadInput
        Sizes that differ, planes or channels that are not there, an image that cannot be learned from.
    """
    if all_channels(view):
        return of_image(request, images.read(view.transmitted), view, view.transmitted.name)
    files = {view.transmitted.parent.name: view.transmitted, **view.stains}
    pictures = {name: images.read(path) for name, path in files.items()}
    labels = {name: f"{path.parent.name}/{path.name}" for name, path in files.items()}
    light, *stains = pictures
    channels = {light: _one_channel(pictures[light], request.channel, labels[light])}
    channels |= {name: _one_channel(pictures[name], None, labels[name]) for name in stains}
    digests = tuple(file_sha256(path) for path in files.values())
    return _frames(request, view, channels, labels, digests, pictures[light])


def of_image(request: TrainRequest, picture: xr.DataArray, view: View, label: str) -> list[Seen]:
    """Return the frames of an image (t, c, z, y, x) with transmitted light and stains as channels."""
    light, numbers = channels_of(request, picture.sizes["c"], label)
    names = stain_names(request, picture, numbers)
    channels = {LIGHT: picture.values[:, light - 1]}
    channels |= {name: picture.values[:, number - 1] for name, number in zip(names, numbers, strict=True)}
    labels = {name: f"{label}, channel {number}" for name, number in zip(channels, (light, *numbers), strict=True)}
    if view.transmitted.is_file():
        digest = file_sha256(view.transmitted)
    else:
        digest = hashlib.sha256(np.ascontiguousarray(picture.values).tobytes()).hexdigest()
    return _frames(request, view, channels, labels, (digest,), picture)


def open_view(given: Given | None) -> tuple[View, xr.DataArray]:
    """Return the open image, cut to the box around a selection, and what stands for its place."""
    if given is None or given.image is None:
        raise BadInput(
            "images is missing, and no image is open; expected a plate, files with all channels, or an open hyperstack "
            "with transmitted light and stains as channels. Open one, or give images=."
        )
    picture = given.image
    if given.selection is not None:
        if not given.selection.any():
            raise BadInput("The selection is empty; expected an area. Draw one, or remove it: then all is trained on.")
        rows, columns = (slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(given.selection))
        picture = picture.isel(y=rows, x=columns)
    name = Path(str(picture.attrs.get("name") or "image")).stem
    return View(name, Path(name), Path(name), {}), picture


def channels_of(request: TrainRequest, count: int, label: str) -> tuple[int, list[int]]:
    """Return the channel of transmitted light and those of the stains, counted from 1."""
    light = request.channel or 1
    asked = names_of(request.target_channels)
    wrong = [each for each in asked if not each.isdigit() or not 1 <= int(each) <= count]
    if count < 2 or light > count or wrong:
        found = f"channel {', '.join(wrong) or light} was asked for" if count > 1 else "there are no stains"
        raise BadInput(
            f"{label} has {count} channel(s); {found}. Expected transmitted light (channel) and stains "
            "(target_channels) as channels of one file, or a plate with a folder for each."
        )
    numbers = [int(each) for each in asked] or [number for number in range(1, count + 1) if number != light]
    if light in numbers or len(set(numbers)) < len(numbers):
        raise BadInput(
            f"channel is {light}, target_channels are {', '.join(map(str, numbers))}; expected each channel once."
        )
    return light, numbers


def stain_names(request: TrainRequest, picture: xr.DataArray, numbers: Sequence[int]) -> list[str]:
    """Return the names of the stains: as asked for, else as the file calls its channels."""
    asked = names_of(request.stains)
    if asked and len(asked) != len(numbers):
        raise BadInput(
            f"stains names {len(asked)} ({', '.join(asked)}), target_channels has {len(numbers)} "
            f"({', '.join(map(str, numbers))}); expected as many. Name each channel, or none."
        )
    known = tuple(picture.attrs.get("channel_names") or ())
    found = [str(known[number - 1]) if len(known) >= number else "" for number in numbers]
    names = asked or [name or f"channel {number}" for name, number in zip(found, numbers, strict=True)]
    return names if len(set(names)) == len(names) else [f"channel {number}" for number in numbers]


def _one_channel(picture: xr.DataArray, channel: int | None, label: str) -> NDArray:
    """Return the only channel (t, z, y, x), or the one asked for."""
    count = picture.sizes["c"]
    if channel is None and count > 1 and not _grey(picture):
        raise BadInput(f"{label} has {count} channels; expected one, or channel= to choose that of transmitted light.")
    if channel is not None and channel > count:
        raise BadInput(f"{label} has {count} channel(s); channel {channel} was asked for. Give one from 1 to {count}.")
    return picture.values[:, (channel or 1) - 1]


def _grey(picture: xr.DataArray) -> bool:
    """Tell whether a colour picture is grey: all its channels are the same."""
    return bool(picture.attrs.get("rgb")) and bool((picture.values == picture.values[:, :1]).all())


def _frames(
    request: TrainRequest,
    view: View,
    channels: Mapping[str, NDArray],
    labels: Mapping[str, str],
    hashes: tuple[str, ...],
    picture: xr.DataArray,
) -> list[Seen]:
    """Return the frames of channels (t, z, y, x): the first is transmitted light, the others are stains."""
    light, *stains = channels
    _check(channels, labels)
    planes, stack = planes_of(request.planes, channels[light].shape[1], labels[light]), channels[light].shape[1]
    size = None if picture.attrs["unit"] == "pixel" else float(picture.attrs["pixel_size"][2])
    count = len(channels[light])
    made = []
    for frame in range(count):
        shown = channels[light][frame][[plane - 1 for plane in planes]]
        notes = check_light(shown, labels[light])
        name = view.name if count == 1 else f"{view.name} {frame + 1:04d}"
        found = {stain: channels[stain][frame] for stain in stains}
        made.append(Seen(view, name, shown, stack, found, hashes, size, picture.attrs["unit"], notes))
    return made


def planes_of(text: str, count: int, label: str) -> tuple[int, ...]:
    """Return the planes that are looked at, counted from 1, of a stack of so many."""
    if text == "all":
        return tuple(range(1, count + 1))
    planes = tuple(int(each) for each in text.split(","))
    beyond = [plane for plane in planes if plane > count]
    if beyond:
        raise BadInput(
            f"planes={text}: {label} has {count} plane(s), no plane {', '.join(map(str, beyond))}; expected numbers "
            f"from 1 to {count}, or all."
        )
    if len(set(planes)) < len(planes):
        raise BadInput(f"planes={text}: a plane is named twice; expected each once.")
    return planes


def check_light(light: NDArray, label: str) -> tuple[str, ...]:
    """Raise `BadInput` for transmitted light (z, y, x) that is blank or saturated; return warnings."""
    notes = []
    for number, plane in enumerate(light, start=1):
        where = label if len(light) == 1 else f"{label}, plane {number} of those looked at,"
        low, high = plane.min(), plane.max()
        if low == high:
            raise BadInput(
                f"{where} is blank ({float(low):g} everywhere); expected an image in transmitted light. Leave it out."
            )
        share = float((plane == high).mean())
        if share > SATURATED:
            raise BadInput(
                f"{where} is saturated: {share:.0%} of its pixels have its highest value, {float(high):g}; expected "
                "fewer than 1 %. Take it again with less light, or leave it out."
            )
        if share > BRIGHT:
            notes.append(f"{where} is saturated in part: {share:.1%} of its pixels have its highest value.")
    return tuple(notes)


def _check(channels: Mapping[str, NDArray], labels: Mapping[str, str]) -> None:
    """Raise `BadInput` for channels (t, z, y, x) that differ in size or hold values that are no numbers."""
    light, *stains = channels
    for name, values in channels.items():
        if not np.isfinite(values).all():
            count = int(values.size - np.isfinite(values).sum())
            raise BadInput(
                f"{labels[name]} contains {count} NaN or infinite values; expected finite intensities. Replace them "
                "first."
            )
    frames, _, *size = channels[light].shape
    for name in stains:
        other = channels[name].shape
        if other[0] != frames or list(other[2:]) != size:
            raise BadInput(
                f"{labels[name]} is {size_of((other[0], *other[2:]))}, {labels[light]} {size_of((frames, *size))}; "
                "expected the same size. Crop or export one of them again."
            )
        if other == channels[light].shape and np.array_equal(channels[name], channels[light]):
            raise BadInput(
                f"{labels[name]} and {labels[light]} hold the same pixels: there is nothing to learn. Check "
                "transmitted and stains."
            )
