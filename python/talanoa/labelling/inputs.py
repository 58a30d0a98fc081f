"""Which channels and planes of an image a labelling model gets: what it knows of its training decides, or the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from talanoa.core.errors import BadInput
from talanoa.core.request import from_one_to, numbers_in
from talanoa.labelling.record import LabellingRecord, Light

Input = tuple[int, int]  # channel and plane, counted from 0

# names of the same kind of light
LIGHTS = ({"phase", "phasecontrast", "ph"}, {"dic"}, {"brightfield", "bf"})


def inputs_of(
    form: xr.DataArray, name: str, record: LabellingRecord, channel: str | None, planes: str | None
) -> tuple[tuple[Input, ...], list[str]]:
    """Return channel and plane of each input channel of the network, and notes on what was taken for granted.

    Parameters
    ----------
    form : DataArray (t, c, z, y, x)
        Sizes and attributes of the image.
    name : str
        Of the model, for messages.
    record : LabellingRecord
        What the model knows of its inputs.
    channel : str or None
        The channels of the lights that were asked for, such as "2" or "1,3".
    planes : str or None
        The planes that were asked for, such as "3,5,7", or "3,5;1" for two lights.

    Raises
    ------
    BadInput
        What the model needs is not there, or no key says which it is; the message says what the model knows.
    """
    channels, notes = _channels(form, name, record.lights, channel)
    chosen: list[Input] = []
    for number, (light, place) in enumerate(zip(record.lights, channels, strict=True)):
        these, more = _planes(form, name, record.lights, number, planes)
        chosen += [(place, plane) for plane in these]
        notes += _other_light(form, name, light, place, asked=channel is not None) + more
    return tuple(chosen), notes


def described(light: Light) -> str:
    """Say what a model was trained on: "phase, planes 3, 5 of stacks of 13"."""
    if light.stack == 1:
        return f"{light.name}, single planes"
    some = ", ".join(map(str, light.planes)) if light.planes != tuple(range(1, light.stack + 1)) else "all"
    return f"{light.name}, {some} of the {light.stack} planes of a stack"


def kind_of(name: str) -> int | None:
    """Return which kind of transmitted light a name stands for (a number), None where it says nothing."""
    plain = re.sub(r"[\W_]", "", name.casefold())
    return next((number for number, names in enumerate(LIGHTS) if plain in names), None)


def _channels(form: xr.DataArray, name: str, lights: Sequence[Light], asked: str | None) -> tuple[list[int], list[str]]:
    """Return the channel of each light, counted from 0."""
    count, wanted = form.sizes["c"], " and ".join(light.name for light in lights)
    if asked is not None:
        numbers = numbers_of("channel", asked, count, "channel")
        if len(numbers) != len(lights):
            raise BadInput(
                f"channel={asked}: model {name} takes {_count(len(lights), 'channel')} ({wanted}). Name as many."
            )
        return [number - 1 for number in numbers], []
    names = [str(each) for each in form.attrs.get("channel_names", ())]
    by_name = [[k for k, each in enumerate(names) if same(each, light.name)] for light in lights]
    if all(len(found) == 1 for found in by_name):
        return [found[0] for found in by_name], []
    if count == len(lights):
        return list(range(count)), []
    listed = ", ".join(each for each in names if each)
    if count < len(lights):
        raise BadInput(
            f"The image has {_count(count, 'channel')}{f' ({listed})' * bool(listed)}; model {name} looks at "
            f"{_count(len(lights), 'kind')} of light ({wanted}). Merge their images into one with "
            f"{_count(len(lights), 'channel')} (in Fiji Image > Color > Merge Channels), or give the file in a folder "
            f"named {lights[0].name}, with the others in folders beside it."
        )
    raise BadInput(
        f"The image has {_count(count, 'channel')}{f' ({listed})' * bool(listed)}; model {name} takes "
        f"{_count(len(lights), 'channel')} ({wanted}). Set channel={','.join(map(str, range(1, len(lights) + 1)))} or "
        "whichever hold the transmitted light."
    )


def _planes(
    form: xr.DataArray, name: str, lights: Sequence[Light], number: int, asked: str | None
) -> tuple[list[int], list[str]]:
    """Return the planes of one light, counted from 0."""
    count, light = form.sizes["z"], lights[number]
    if asked is not None:
        groups = asked.split(";")
        if len(groups) not in (1, len(lights)):
            raise BadInput(f"planes={asked}: found {len(groups)} groups; expected 1 or one for each of {len(lights)}.")
        numbers = numbers_of("planes", groups[number if len(groups) > 1 else 0], count, "plane")
        if len(numbers) != len(light.planes):
            raise BadInput(
                f"planes={asked}: found {_count(len(numbers), 'plane')}; model {name} takes "
                f"{_count(len(light.planes), 'plane')} ({described(light)}). Name as many, in that order."
            )
        return [plane - 1 for plane in numbers], []
    if count == light.stack:
        return [plane - 1 for plane in light.planes], []
    if count == len(light.planes):
        note = (
            f"The image has {_count(count, 'plane')}, as many as model {name} takes: they are taken for those of the "
            f"training ({described(light)})."
        )
        return list(range(count)), [note]
    example = ",".join(map(str, range(1, len(light.planes) + 1))) if len(light.planes) <= count else ""
    remedy = f"Set planes={example} or whichever are like those." if example else "Take images with those planes."
    raise BadInput(
        f"The image has {_count(count, 'plane')}; model {name} knows {described(light)} and takes "
        f"{_count(len(light.planes), 'plane')}. {remedy}"
    )


def _other_light(form: xr.DataArray, name: str, light: Light, channel: int, asked: bool) -> list[str]:
    """Say that a channel, or the folder of the image, is named after another kind of light than the model's."""
    names = form.attrs.get("channel_names", ())
    own = str(names[channel]) if channel < len(names) else ""
    folder = Path(str(form.attrs.get("source") or "")).parent.name
    found = own if kind_of(own) is not None else folder
    if kind_of(light.name) is None or kind_of(found) in (None, kind_of(light.name)):
        return []
    told = f"The image is named {found}; model {name} was trained on {light.name}, and knows no other light."
    if asked or found != own:
        return [f"{told} What comes out is not to be trusted."]
    raise BadInput(f"{told} Take a model of {found}, or set channel={channel + 1} to predict all the same.")


def numbers_of(key: str, text: str, count: int, what: str) -> list[int]:
    """Read "1,3-5" as [1, 3, 4, 5], each from 1 to `count`, in the order given.

    Raises
    ------
    BadInput
        A number that is not there.
    """
    for piece in text.split(","):
        found = numbers_in(piece)
        if not 1 <= found[0] <= found[-1] <= count:
            raise BadInput(
                f"{key}={text}: the image has {_count(count, what)}; found {piece}, expected {from_one_to(count)}."
            )
    return numbers_in(text)


def same(one: str, other: str) -> bool:
    """Tell whether two names mean the same light."""
    plain = [re.sub(r"[\W_]", "", name.casefold()) for name in (one, other)]
    return bool(plain[0]) and (plain[0] == plain[1] or kind_of(one) == kind_of(other) is not None)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
