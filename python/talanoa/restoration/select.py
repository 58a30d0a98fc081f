"""Which part of an image is restored: channels, slices, frames."""

from __future__ import annotations

from talanoa.core.errors import BadInput
from talanoa.core.request import from_one_to
from talanoa.image.lazy import LazyImage
from talanoa.models.folder import Model
from talanoa.models.runtime.source import Source
from talanoa.models.select import channel_numbers, check_stack, read_frames
from talanoa.restoration.request import RestoreRequest


def choose(image: LazyImage, model: Model, request: RestoreRequest) -> tuple[Source, list[str]]:
    """Return what the request names, and notes on what it does not.

    Parameters
    ----------
    image : LazyImage
        The complete image.
    model : Model
        Channels, and planes or volumes, that it takes.
    request : RestoreRequest
        ``channel``, ``plane``, ``frames``.

    Raises
    ------
    BadInput
        The model takes another number of channels and no key says which; a key out of range; a plane for a model of
        volumes, or only one slice.
    """
    frames = read_frames(request.frames, image.form.sizes["t"])
    planes, notes = _planes(image, model, request.plane)
    channels = _channels(image, model, request.channel)
    return Source(image, tuple(frame - 1 for frame in frames), channels, planes), notes


def _channels(image: LazyImage, model: Model, asked: int | str | None) -> tuple[int, ...]:
    """Return the channels, counted from 0."""
    if asked == "all":
        if model.channels > 1:
            raise BadInput(f"channel=all: the model takes {model.channels} channels at once; leave channel out.")
        return tuple(range(image.form.sizes["c"]))
    number = None if asked is None else int(asked)
    return channel_numbers(image.form, model.channels, number, " Or channel=all: each by itself.")


def _planes(image: LazyImage, model: Model, plane: int | None) -> tuple[tuple[int, ...], list[str]]:
    """Return the slices, counted from 0, and a note where a model of planes gets several."""
    found = image.form.sizes["z"]
    if model.ndim == 3:
        if plane is not None:
            raise BadInput(f"plane={plane}: the model works in 3D, on all slices at once. Leave plane out.")
        check_stack(image.form)
        return tuple(range(found)), []
    if plane is not None:
        if plane > found:
            raise BadInput(
                f"plane={plane}: the image has {found} slice{'s' * (found > 1)}; expected {from_one_to(found)}."
            )
        return (plane - 1,), []
    if found == 1:
        return (0,), []
    note = (
        f"The model works in 2D: the {found} slices are restored one by one, each without its neighbours. A 3D model "
        "sees them together."
    )
    return tuple(range(found)), [note]
