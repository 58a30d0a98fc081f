"""Which part of an image a model gets: channel, plane, frames. Never guessed: an error says what to set."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from talanoa.core.errors import BadInput
from talanoa.core.request import from_one_to
from talanoa.image.reading import axes_remedy

if TYPE_CHECKING:
    import xarray as xr


class Part(Protocol):
    """The keys of a request that name a part of an image."""

    @property
    def channel(self) -> int | None:
        """The channel, from 1."""

    @property
    def plane(self) -> int | None:
        """The slice, from 1."""

    @property
    def frames(self) -> str | None:
        """Frames, such as "1-5"."""

    @property
    def scale_z(self) -> float:
        """Enlargement along z."""

    @property
    def outline(self) -> str:
        """The form of the objects."""


class Chosen(NamedTuple):
    """The part of the image to segment, and where it came from.

    ``image`` has the model's channels, and z = 1 for a model of planes; ``every_channel`` is the same part with all
    channels, to be measured. ``frames`` holds the one-based frame of each t, out of ``of_frames``; ``plane`` the
    one-based slice, 0 when the image has only one or all are taken.
    """

    image: xr.DataArray
    every_channel: xr.DataArray
    frames: tuple[int, ...]
    of_frames: int
    plane: int


def choose(image: xr.DataArray, channels: int, request: Part, ndim: int = 2) -> Chosen:
    """Take the channel, plane and frames that the request names.

    Parameters
    ----------
    image : DataArray (t, c, z, y, x)
        The complete image.
    channels : int
        Number of channels that the model takes.
    request : Part
        Its ``channel``, ``plane`` and ``frames`` are one-based.
    ndim : int
        2 for a model of planes, 3 for a model of volumes, which takes whole stacks.

    Raises
    ------
    BadInput
        The image has more channels or planes than the model takes and no key says which, or the key is out of range;
        a model of volumes gets a plane.
    """
    frames = read_frames(request.frames, image.sizes["t"])
    if ndim == 2 and request.scale_z != 1:
        raise BadInput(f"scale_z={request.scale_z:g}: the model works in 2D, plane by plane. Leave scale_z out.")
    part = _stack(image, request) if ndim == 3 else _plane(image, request.plane)
    if len(frames) < image.sizes["t"]:
        part = part.isel(t=[frame - 1 for frame in frames])
    plane = (request.plane or 1) if image.sizes["z"] > 1 and ndim == 2 else 0
    return Chosen(_channel(part, channels, request.channel), part, frames, image.sizes["t"], plane)


def read_frames(text: str | None, total: int) -> tuple[int, ...]:
    """Read "1-3,7" as (1, 2, 3, 7), each from 1 to `total`; None means all."""
    if text is None:
        return tuple(range(1, total + 1))
    frames: set[int] = set()
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= total:
            raise BadInput(f"frames={text}: found {piece}; expected frames from 1 to {total}, the smaller one first.")
        frames.update(range(low, high + 1))
    return tuple(sorted(frames))


def _channel(image: xr.DataArray, needed: int, channel: int | None) -> xr.DataArray:
    """Take one channel, or all of them when the model takes as many."""
    numbers = channel_numbers(image, needed, channel)
    return image if len(numbers) == image.sizes["c"] else image.isel(c=list(numbers))


def channel_numbers(image: xr.DataArray, needed: int, channel: int | None, also: str = "") -> tuple[int, ...]:
    """Return the channels, counted from 0, that a model gets which takes `needed` of them.

    Parameters
    ----------
    image : DataArray (t, c, z, y, x)
        Its sizes and attributes are looked at.
    needed : int
        Channels that the model takes.
    channel : int or None
        The one asked for, counted from 1.
    also : str
        What else can be done about too many channels, for the message.

    Raises
    ------
    BadInput
        No such channel, or none is named and the model takes another number.
    """
    found = image.sizes["c"]
    if channel is not None:
        if channel > found:
            raise BadInput(
                f"channel={channel}: the image has {found} channel{'s' * (found > 1)}; expected {from_one_to(found)}."
            )
        if needed > 1:
            raise BadInput(f"channel={channel}: the model takes {needed} channels at once; leave channel out.")
        return (channel - 1,)
    if found == needed:
        return tuple(range(found))
    if needed == 1 and image.attrs.get("rgb"):
        raise BadInput(
            "The image is RGB; the model takes one channel. Set channel=1 (red), 2 (green) or 3 (blue), "
            f"or make it grey first (in ImageJ: Image > Type > 8-bit).{also}"
        )
    if needed == 1:
        names = ", ".join(name for name in image.attrs.get("channel_names", ()) if name)
        named = f" ({names})" if names else ""
        raise BadInput(f"The image has {found} channels{named}; the model takes one. Set channel=1 to {found}.{also}")
    raise BadInput(f"The image has {found} channel{'s' * (found > 1)}; the model takes {needed}.")


def _plane(image: xr.DataArray, plane: int | None) -> xr.DataArray:
    """Take one slice of a z-stack."""
    found = image.sizes["z"]
    if plane is not None and plane > found:
        raise BadInput(f"plane={plane}: the image has {found} slice{'s' * (found > 1)}; expected {from_one_to(found)}.")
    if plane is None and found > 1:
        raise BadInput(
            f"The image is a z-stack of {found} slices; the model works in 2D. Set plane=1 to {found}, project the "
            "stack first, or take a 3D model (training on stacks makes one). If the slices are time points, "
            f"{axes_remedy(image.sizes, 't')}."
        )
    return image.isel(z=[(plane or 1) - 1])


def _stack(image: xr.DataArray, request: Part) -> xr.DataArray:
    """Return the image, a stack as a whole."""
    if request.plane is not None:
        raise BadInput(f"plane={request.plane}: the model works in 3D, on all slices at once. Leave plane out.")
    if request.outline == "star":
        raise BadInput("outline=star: the model works in 3D and has no star polygons. Take outline=traced.")
    check_stack(image)
    return image


def check_stack(image: xr.DataArray) -> None:
    """Raise `BadInput` when an image is a single plane: a model of volumes needs a stack."""
    if image.sizes["z"] > 1:
        return
    frames = image.sizes["t"]
    hint = f" If its {frames} frames are slices, {axes_remedy(image.sizes, 'z')}." if frames > 1 else ""
    raise BadInput(f"The image is a single plane; the model works in 3D and needs a z-stack, or take a 2D model.{hint}")
