"""Planes of an image that are missing: the words that name them, and what is left when they are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput

REFUSE, SKIP, SKIP_CHANNELS, FILL = "refuse", "skip", "skip_channels", "fill"
_SHOWN = 6  # numbers that a message lists
_WORDS = {"T": "frame", "Z": "slice", "C": "channel"}

Present = NDArray[np.bool_]


class Kept(NamedTuple):
    """What is used of an image.

    Parameters
    ----------
    notes : tuple of str
        What is missing, and what was done.
    axis : str
        T, Z or C: along which planes were left out; empty: all are used.
    numbers : tuple of int
        The frames, slices or channels that are used, from 0.
    """

    notes: tuple[str, ...] = ()
    axis: str = ""
    numbers: tuple[int, ...] = ()

    @property
    def channels(self) -> tuple[int, ...] | None:
        """The channels that are left, where some were left out."""
        return self.numbers if self.axis == "C" else None

    @property
    def gaps(self) -> str:
        """T or Z where planes were left out between others."""
        return self.axis if self.axis in "TZ" and self.axis and (np.diff(self.numbers) > 1).any() else ""


def settle(name: str, present: Present, leading: str, missing: str, said: str, why: str) -> Kept:
    """Decide which planes are used.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    present : bool array
        Which planes are there, not all of them.
    leading : str
        A letter for each of its axes: T, C, Z.
    missing : str
        "refuse", "skip" (leave out frames that are not complete; of a stack without a complete frame the slices),
        "skip_channels" (leave out channels that are not complete) or "fill" (use them as zeros).
    said : str
        A sentence that names what is missing.
    why : str
        A sentence on what was expected, for the error.

    Raises
    ------
    BadInput
        The planes are not to be left out, or nothing complete is left.
    """
    if missing == REFUSE:
        raise BadInput(f"{name}: {said} {why}{_ways(present, leading)}")
    if missing == FILL:
        return Kept((f"{said} They were read as 0",))
    choice = _choice(present, leading, missing)
    if choice is None:
        raise BadInput(
            f"{name}: {said} With missing_planes={missing} nothing is left, because no "
            f"{'channel' if missing == SKIP_CHANNELS else 'frame and no slice'} is complete. {why}"
            f"{_ways(present, leading)}"
        )
    axis, numbers = choice
    gone = np.setdiff1d(np.arange(present.shape[leading.index(axis)]), numbers)
    word = _WORDS.get(axis, "plane")
    note = f"{said} Left out: {word}{'s' * (len(gone) > 1)} {numbered(gone)}; the others count from 1 to {len(numbers)}"
    return Kept((note,), axis, tuple(numbers.tolist()))


def adapted(attrs: dict[str, Any], kept: Kept) -> dict[str, Any]:
    """Return attributes without the channels that were left out, and without a step where planes are not evenly spaced.

    `attrs` has the keywords of `image.from_array` under ``form``.
    """
    form = dict(attrs["form"])
    attrs = {**attrs, "form": form}
    if kept.channels is not None:
        for holder, key in ((form, "channel_names"), (attrs, "display"), (attrs, "luts")):
            if len(holder.get(key, ())) > max(kept.channels):
                holder[key] = tuple(holder[key][number] for number in kept.channels)
    notes = list(attrs.get("notes", ()))
    if kept.gaps == "T" and form.get("frame_interval"):
        form["frame_interval"] = 0.0
        notes.append("frames are missing between others: the time between frames is not the same any more")
    if kept.gaps == "Z":
        notes.append("slices are missing between others: the distance of slices is not the same any more")
    return {**attrs, "notes": tuple(notes)}


def places(present: Present, leading: str) -> str:
    """Name the frames, slices and channels that miss planes, in brackets."""
    named = "; ".join(_along(present, leading, letter) for letter in leading if letter in _WORDS)
    return f" ({named})" if named else ""


def numbered(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    """Return numbers from 1, runs as "3-7"."""
    runs: list[list[int]] = []
    for number in (int(each) + 1 for each in numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return listed([str(first) if first == last else f"{first}-{last}" for first, last in runs])


def listed(names: Sequence[str]) -> str:
    """Return names, not too many of them."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def counted(number: int, word: str) -> str:
    """Return a number with its word: "2 planes"."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def _along(present: Present, leading: str, letter: str) -> str:
    at = leading.index(letter)
    others = tuple(axis for axis in range(present.ndim) if axis != at)
    lacking = np.flatnonzero(~present.all(axis=others))
    word = _WORDS[letter]
    if len(lacking) == present.shape[at] and present.any(axis=others).all():
        return f"in every {word}" if present.shape[at] > 1 else f"{word} 1"
    return f"{word}{'s' * (len(lacking) > 1)} {numbered(lacking)}"


def _ways(present: Present, leading: str) -> str:
    """Return what the key `missing_planes` can do here."""
    ways = []
    skipped = _choice(present, leading, SKIP)
    if skipped is not None:
        what = {"T": "frames", "Z": "slices"}.get(skipped[0], "planes")
        ways.append(f"missing_planes=skip uses the {what} that are complete")
    if "C" in leading and _choice(present, leading, SKIP_CHANNELS) is not None:
        ways.append("missing_planes=skip_channels uses the channels that are complete")
    ways.append("missing_planes=fill takes 0 for what is missing")
    return f" {'; '.join(ways)}."


def _choice(present: Present, leading: str, missing: str) -> tuple[str, NDArray[np.intp]] | None:
    """Return the axis and which frames, slices or channels to keep; None: nothing is complete."""
    for letter in "C" if missing == SKIP_CHANNELS else ("T", "Z", *(each for each in leading if each not in "TZC")):
        if letter not in leading:
            continue
        others = tuple(axis for axis in range(present.ndim) if axis != leading.index(letter))
        kept = np.flatnonzero(present.all(axis=others))
        if len(kept):
            return letter, kept
    return None
