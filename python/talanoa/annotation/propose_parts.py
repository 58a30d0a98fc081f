"""Proposals part by part: frame by frame, in each slice or in a whole stack, joined to one label image with notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host, stop_if_cancelled


class Found(NamedTuple):
    """Objects of one plane or volume: labels, the intensity at which they begin, and the removed ones by reason."""

    labels: NDArray[np.int32]
    level: float | None
    removed: dict[str, int]


class Part(NamedTuple):
    """One plane or volume of an image: frame and slice from 0, the slice None for a whole stack."""

    t: int
    z: int | None


def parts_of(image: xr.DataArray, ndim: int | None) -> list[Part]:
    """Return the parts that are treated one by one: stacks as a whole (3, or None), or their slices (2).

    Raises
    ------
    BadInput
        3 is asked for, but the image has one slice.
    """
    frames, slices = image.sizes["t"], image.sizes["z"]
    if ndim == 3 and slices == 1:
        raise BadInput("ndim=3, but the image has one slice; expected a stack. Leave ndim out.")
    if slices > 1 and ndim != 2:
        return [Part(t, None) for t in range(frames)]
    return [Part(t, z) for t in range(frames) for z in range(slices)]


def everywhere(
    image: xr.DataArray, ndim: int | None, host: Host, find: Callable[[Part], Found]
) -> tuple[xr.DataArray, list[Found]]:
    """Find the objects of each part and join them.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        Gives sizes and calibration.
    ndim : int or None
        See `parts_of`.
    host : Host
        Progress, cancelling.
    find : function (Part) -> Found
        Objects of one part.

    Returns
    -------
    labels : DataArray of int32, (t, 1, z, y, x)
        1..n in each frame; no number occurs in two slices that were treated one by one.
    found : list of Found
        What each part gave.
    """
    sizes = image.sizes
    labels = np.zeros((sizes["t"], 1, sizes["z"], sizes["y"], sizes["x"]), np.int32)
    highest = np.zeros(sizes["t"], np.int32)
    found: list[Found] = []
    parts = parts_of(image, ndim)
    for number, part in enumerate(parts):
        stop_if_cancelled(host)
        found.append(find(part))
        here = found[-1].labels
        labels[part.t, 0, slice(None) if part.z is None else part.z] = np.where(here > 0, here + highest[part.t], 0)
        highest[part.t] += here.max(initial=0)
        host.progress(number + 1, len(parts), "Proposing")
    return like_image(labels, image), found


def one_channel(image: xr.DataArray, channel: int | None) -> NDArray:
    """Return the intensities (t, z, y, x) of the channel asked for; a colour picture gives its mean.

    Raises
    ------
    BadInput
        Several channels and none chosen, a channel that is not there, NaN or infinite values.
    """
    count = image.sizes["c"]
    if channel is not None and channel > count:
        raise BadInput(f"channel={channel}: found {counted(count, 'channel')}; expected a number from 1 to {count}.")
    values = np.asarray(image)
    if channel is None and image.attrs["rgb"]:
        return values.mean(axis=1, dtype=np.float32)
    if channel is None and count > 1:
        raise BadInput(f"Found {count} channels; expected one to look at. Set channel=1 to {count}.")
    chosen = values[:, (channel or 1) - 1]
    if chosen.dtype.kind == "f" and not np.isfinite(chosen).all():
        raise BadInput("Found NaN or infinite intensities; expected finite ones. Replace them first.")
    return chosen


def like_image(labels: NDArray[np.int32], image: xr.DataArray) -> xr.DataArray:
    """Return labels (t, 1, z, y, x) in the image form with the calibration of an image."""
    kept = ("pixel_size", "unit", "frame_interval", "name", "source")
    attrs = {key: image.attrs[key] for key in kept if key in image.attrs}
    return xr.DataArray(labels, dims=image.dims, attrs={**attrs, "rgb": False, "channel_names": ("",)})


def describe(found: list[Found]) -> list[str]:
    """Say how many objects were found, from which intensity on, and how many were removed and why."""
    count = sum(int(each.labels.max(initial=0)) for each in found)
    removed: dict[str, int] = {}
    for each in found:
        for reason, number in each.removed.items():
            removed[reason] = removed.get(reason, 0) + number
    text = "; ".join(f"{number} removed as {reason}" for reason, number in removed.items())
    notes = [f"{count} object{'s' * (count != 1)}" + (f"; {text}" if text else "")]
    levels = [each.level for each in found if each.level is not None and np.isfinite(each.level)]
    if levels:
        low, high = min(levels), max(levels)
        notes.append(f"Objects begin at the intensity {low:.6g}" + (f" to {high:.6g}" if high > low else ""))
    flat = sum(each.level == float("inf") for each in found)
    if flat:
        notes.append(f"{flat} of {len(found)} planes have the same intensity everywhere: nothing is proposed there.")
    return notes
