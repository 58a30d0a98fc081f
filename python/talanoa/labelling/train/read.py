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
from talanoa.core.errors import BadInput, counted
from talanoa.core.files import file_sha256
from talanoa.core.request import numbers_in
from talanoa.labelling.data.plates import View
from talanoa.labelling.data.sources import all_channels
from talanoa.labelling.record import Light
from talanoa.restoration.train.check import size_of
from talanoa.training.request import names_of

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.rois.given import Given
    from talanoa.training.request import TrainRequest

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
    light : ndarray, (planes, y, x)
        Transmitted light, the planes that are looked at; of several kinds of light one after the other.
    lights : tuple of Light
        Which planes of which stack they are.
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
    lights: tuple[Light, ...]
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
        return of_image(request, images.read(view.lights[0]), view, view.lights[0].name)
    lights = [path.parent.name for path in view.lights]
    files = {**dict(zip(lights, view.lights, strict=True)), **view.stains}
    pictures = {name: images.read(path) for name, path in files.items()}
    labels = {name: f"{path.parent.name}/{path.name}" for name, path in files.items()}
    if isinstance(request.channel, str):
        raise BadInput(
            f"channel={request.channel}: {view.plate} is a plate, with a folder for each kind of light. Name the "
            "folders by transmitted, such as phase,DIC."
        )
    chosen = {name: request.channel if name in lights else None for name in files}
    channels = {name: _one_channel(pictures[name], chosen[name], labels[name]) for name in files}
    digests = tuple(file_sha256(path) for path in files.values())
    return _frames(request, view, lights, channels, labels, digests, pictures[lights[0]])


def of_image(request: TrainRequest, picture: xr.DataArray, view: View, label: str) -> list[Seen]:
    """Return the frames of an image (t, c, z, y, x) with transmitted light and stains as channels."""
    lit, numbers = channels_of(request, picture.sizes["c"], label)
    lights, names = light_names(request, picture, lit), stain_names(request, picture, numbers)
    if both := set(lights) & set(names):
        raise BadInput(
            f"{label}: transmitted light and stains are both called {', '.join(both)}. Name them by transmitted and "
            "stains."
        )
    places = dict(zip((*lights, *names), (*lit, *numbers), strict=True))
    channels = {name: picture.values[:, number - 1] for name, number in places.items()}
    labels = {name: f"{label}, channel {number}" for name, number in places.items()}
    if view.lights[0].is_file():
        digest = file_sha256(view.lights[0])
    else:
        digest = hashlib.sha256(np.ascontiguousarray(picture.values).tobytes()).hexdigest()
    return _frames(request, view, lights, channels, labels, (digest,), picture)


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
    return View(name, Path(name), (Path(name),), {}), picture


def channels_of(request: TrainRequest, count: int, label: str) -> tuple[list[int], list[int]]:
    """Return the channels of transmitted light and those of the stains, counted from 1."""
    named = len(names_of(request.transmitted)) or 1
    lit = numbers_in(str(request.channel)) if request.channel else list(range(1, named + 1))
    asked = names_of(request.target_channels)
    wrong = [each for each in (*map(str, lit), *asked) if not each.isdigit() or not 1 <= int(each) <= count]
    if count < 2 or wrong:
        found = f"channel {', '.join(wrong)} was asked for" if count > 1 else "there are no stains"
        raise BadInput(
            f"{label} has {counted(count, 'channel')}; {found}. Expected transmitted light (channel) and stains "
            "(target_channels) as channels of one file, or a plate with a folder for each."
        )
    numbers = [int(each) for each in asked] or [number for number in range(1, count + 1) if number not in lit]
    if not numbers:
        raise BadInput(f"{label} has {count} channels, all of them transmitted light; expected stains, too.")
    if len({*lit, *numbers}) < len(lit) + len(numbers):
        raise BadInput(
            f"channel is {','.join(map(str, lit))}, target_channels are {', '.join(map(str, numbers))}; expected each "
            "channel once."
        )
    return lit, numbers


def light_names(request: TrainRequest, picture: xr.DataArray, numbers: Sequence[int]) -> list[str]:
    """Return what the kinds of transmitted light are called: as asked for; of several else as the file calls them."""
    asked = _asked("transmitted", request.transmitted, "channel", numbers)
    return asked or ([LIGHT] if len(numbers) == 1 else _channel_names(picture, numbers))


def stain_names(request: TrainRequest, picture: xr.DataArray, numbers: Sequence[int]) -> list[str]:
    """Return the names of the stains: as asked for, else as the file calls its channels."""
    return _asked("stains", request.stains, "target_channels", numbers) or _channel_names(picture, numbers)


def _asked(key: str, text: str | None, counted: str, numbers: Sequence[int]) -> list[str]:
    """Return the names that a key gives to channels, or none; too few of them, or the same twice, are an error."""
    asked = names_of(text)
    listed = f"{counted} has {len(numbers)} ({', '.join(map(str, numbers))})"
    if asked and len(asked) != len(numbers):
        raise BadInput(
            f"{key} names {len(asked)} ({', '.join(asked)}), {listed}; expected as many. Name each channel, or none."
        )
    if len(set(asked)) < len(asked):
        raise BadInput(f"{key}={text}: a name is given twice; expected one for each channel.")
    return asked


def _channel_names(picture: xr.DataArray, numbers: Sequence[int]) -> list[str]:
    """Return the names of channels, counted from 1; "channel 2" where the file has none, or the same for several."""
    known = tuple(picture.attrs.get("channel_names") or ())
    found = [str(known[number - 1]) if len(known) >= number else "" for number in numbers]
    names = [name or f"channel {number}" for name, number in zip(found, numbers, strict=True)]
    return names if len(set(names)) == len(names) else [f"channel {number}" for number in numbers]


def _one_channel(picture: xr.DataArray, channel: int | None, label: str) -> NDArray:
    """Return the only channel (t, z, y, x), or the one asked for."""
    count = picture.sizes["c"]
    if channel is None and count > 1 and not _grey(picture):
        raise BadInput(f"{label} has {count} channels; expected one, or channel= to choose that of transmitted light.")
    if channel is not None and channel > count:
        raise BadInput(
            f"{label} has {counted(count, 'channel')}; channel {channel} was asked for. Give one from 1 to {count}."
        )
    return picture.values[:, (channel or 1) - 1]


def _grey(picture: xr.DataArray) -> bool:
    """Tell whether a colour picture is grey: all its channels are the same."""
    return bool(picture.attrs.get("rgb")) and bool((picture.values == picture.values[:, :1]).all())


def _frames(
    request: TrainRequest,
    view: View,
    lights: Sequence[str],
    channels: Mapping[str, NDArray],
    labels: Mapping[str, str],
    hashes: tuple[str, ...],
    picture: xr.DataArray,
) -> list[Seen]:
    """Return the frames of channels (t, z, y, x): those of `lights` are transmitted light, the others stains."""
    _check(lights, channels, labels)
    kinds = _lights_of(request, lights, channels, labels)
    size = None if picture.attrs["unit"] == "pixel" else float(picture.attrs["pixel_size"][2])
    count = len(channels[lights[0]])
    made = []
    for frame in range(count):
        notes: list[str] = []
        shown: list[NDArray] = []
        for light in kinds:
            planes = channels[light.name][frame][[plane - 1 for plane in light.planes]]
            notes += check_light(planes, labels[light.name])
            shown.append(planes)
        name = view.name if count == 1 else f"{view.name} {frame + 1:04d}"
        found = {stain: values[frame] for stain, values in channels.items() if stain not in lights}
        made.append(
            Seen(view, name, np.concatenate(shown), kinds, found, hashes, size, picture.attrs["unit"], tuple(notes))
        )
    return made


def _lights_of(
    request: TrainRequest, lights: Sequence[str], channels: Mapping[str, NDArray], labels: Mapping[str, str]
) -> tuple[Light, ...]:
    """Return which planes are looked at of each kind of light."""
    groups = request.planes.split(";")
    if len(groups) not in (1, len(lights)):
        raise BadInput(
            f"planes={request.planes}: found {len(groups)} groups; expected 1, or one for each of {len(lights)} kinds "
            f"of light ({', '.join(lights)})."
        )
    chosen = groups * len(lights) if len(groups) == 1 else groups
    made = []
    for light, text in zip(lights, chosen, strict=True):
        count = channels[light].shape[1]
        made.append(Light(name=light, planes=planes_of(text, count, labels[light]), stack=count))
    return tuple(made)


def planes_of(text: str, count: int, label: str) -> tuple[int, ...]:
    """Return the planes that are looked at, counted from 1, of a stack of so many."""
    if text == "all":
        return tuple(range(1, count + 1))
    planes = tuple(numbers_in(text))
    beyond = [plane for plane in planes if plane > count]
    if beyond:
        raise BadInput(
            f"planes={text}: {label} has {counted(count, 'plane')}, no plane {', '.join(map(str, beyond))}; "
            "expected numbers "
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


def _check(lights: Sequence[str], channels: Mapping[str, NDArray], labels: Mapping[str, str]) -> None:
    """Raise `BadInput` for channels (t, z, y, x) that differ in size or hold values that are no numbers."""
    first = lights[0]
    for name, values in channels.items():
        if not np.isfinite(values).all():
            count = int(values.size - np.isfinite(values).sum())
            raise BadInput(
                f"{labels[name]} contains {count} NaN or infinite values; expected finite intensities. Replace them "
                "first."
            )
    frames, planes, *size = channels[first].shape
    for name in channels:
        other = channels[name].shape
        if name == first:
            continue
        if other[0] != frames or list(other[2:]) != size:
            raise BadInput(
                f"{labels[name]} is {size_of((other[0], *other[2:]))}, {labels[first]} {size_of((frames, *size))}; "
                "expected the same size. Crop or export one of them again."
            )
        if name in lights and other[1] != planes:
            raise BadInput(
                f"{labels[name]} has {counted(other[1], 'plane')}, {labels[first]} {planes}; expected as many of "
                "each kind of "
                "light, which become channels of one image. Put planes into a folder each, and name these."
            )
        if other == channels[first].shape and np.array_equal(channels[name], channels[first]):
            raise BadInput(
                f"{labels[name]} and {labels[first]} hold the same pixels: there is nothing to learn. Check "
                "transmitted and stains."
            )
