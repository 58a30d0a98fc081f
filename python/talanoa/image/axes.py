"""Facts of an axis that the key `dims` moves: what the file says of it does not belong to another axis."""

from __future__ import annotations

from typing import Any

from talanoa.image.reading import Reading

_OF_AXIS = {"C": "channel names and display ranges", "Z": "distance of the slices", "T": "frame interval"}


def moved(found: str, axes: str) -> str:
    """Return the letters among C, Z, T whose axis in the file is read as another one.

    Parameters
    ----------
    found, axes : str
        Upper-case letters of the axes, as the file says and as they are read.

    >>> moved("TCZYX", "CTZYX"), moved("ZYX", "TYX"), moved("TZCYX", "TZCYX")
    ('CT', 'Z', '')
    """
    return "".join(letter for letter in "CZT" if letter in found and found.find(letter) != axes.find(letter))


def note_unused(found: str, axes: str, how: Reading) -> str:
    """Return a note where a plane is read as it is, whatever `dims` names."""
    if how.dims is None or axes == how.dims.upper() or not set(found) <= set("YXS") or "S" in axes:
        return ""
    return f"dims={how.dims} is not used: the file has two axes only ({', '.join(axes.lower())})"


def drop(letters: str, form: dict[str, Any], more: dict[str, Any], channels: int) -> str:
    """Take the facts of moved axes out of the keywords of `image.from_array` and the other attributes.

    Parameters
    ----------
    letters : str
        See `moved`.
    form, more : dict
        Keywords of `image.from_array`, and further attributes; both are changed.
    channels : int
        Channels of the image as it is read; names of another number are not those of its channels.

    Returns
    -------
    str
        A note on the facts that the file has and that are not used; empty where it has none.
    """
    said = []
    names = form.get("channel_names", ())
    if "C" in letters or (any(names) and len(names) != channels):
        dropped = [form.pop("channel_names", ()), more.pop("display", ()), more.pop("luts", ())]
        said += [_OF_AXIS["C"]] * any(len(each) > 0 for each in dropped)
    if "Z" in letters and form.get("pixel_size") is not None:
        size = form["pixel_size"]
        said += [_OF_AXIS["Z"]] * (size[0] != 1)
        form["pixel_size"] = (1.0, *size[1:])
    if "T" in letters and form.get("frame_interval"):
        said.append(_OF_AXIS["T"])
        form["frame_interval"] = 0.0
    if not said:
        return ""
    return f"what the file says of its {', '.join(said)} is not used: dims gives these axes another meaning"
