"""Objects proposed by a classical segmentation, plane by plane, and the image after each of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from talanoa.annotation.propose_parts import Found, Part, describe, everywhere, one_channel
from talanoa.annotation.propose_threshold import limits_of
from talanoa.core.errors import BadInput
from talanoa.image.ops.thresholds import invert
from talanoa.segmentation.classical import objects, recipes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talanoa.annotation.request_propose import ProposeRequest
    from talanoa.core.host import Host


def propose_classical(image: xr.DataArray, request: ProposeRequest, host: Host) -> tuple[xr.DataArray, list[str]]:
    """Return the labels (t, 1, z, y, x) of a classical segmentation, slice by slice, and notes.

    Raises
    ------
    BadInput
        ``ndim=3``; unknown parameters; several channels and none chosen.
    """
    if request.ndim == 3:
        raise BadInput("ndim=3, but the classical segmentations work in planes. Leave ndim out, or by=threshold.")
    pixels = one_channel(image, request.channel)

    def find(part: Part) -> Found:
        found = recipes.segment(_plane(pixels, part, request), request.classical, request.parameters)
        kept = objects.keep(found.labels, limits_of(request))
        return Found(kept.labels, None, _sum(found.removed, kept.removed))

    labels, found = everywhere(image, 2, host, find)
    return labels, describe(found)


def steps(image: xr.DataArray, request: ProposeRequest, t: int = 0, z: int = 0) -> dict[str, NDArray]:
    """Return the image after each step of a classical segmentation of one plane, by name and in order.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The image.
    request : ProposeRequest
        Its ``classical``, ``parameters``, ``channel`` and ``dark_objects``.
    t, z : int
        Frame and slice, from 0.

    Returns
    -------
    dict of str to ndarray (y, x)
        float32 intensities, bool masks, int32 labels.
    """
    plane = _plane(one_channel(image, request.channel), Part(t, z), request)
    return recipes.segment(plane, request.classical, request.parameters).steps


def step_image(image: xr.DataArray, request: ProposeRequest) -> xr.DataArray:
    """Return the image after one step of a classical segmentation, or after all of them as channels.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The image.
    request : ProposeRequest
        Its ``step`` is the name of a step, or "all".

    Returns
    -------
    DataArray of float32, (t, steps, z, y, x)
        Calibrated like the image; masks are 0 and 1; the channels are named.

    Raises
    ------
    BadInput
        The segmentation has no such step.
    """
    found = [[steps(image, request, t, z) for z in range(image.sizes["z"])] for t in range(image.sizes["t"])]
    names = list(found[0][0])
    chosen = names if request.step == "all" else [request.step]
    if not set(chosen) <= set(names):
        raise BadInput(
            f"step={request.step}: {request.classical} has the steps {', '.join(names)}; or all of them: all."
        )
    values = [[[plane[name] for plane in frame] for name in chosen] for frame in found]
    kept = ("pixel_size", "unit", "frame_interval")
    title = f"{image.attrs['name'] or 'image'} {request.classical} {request.step}"
    attrs = {**{key: image.attrs[key] for key in kept}, "name": title, "rgb": False, "channel_names": tuple(chosen)}
    return xr.DataArray(np.asarray(values, np.float32), dims=image.dims, attrs=attrs)


def _plane(pixels: NDArray, part: Part, request: ProposeRequest) -> NDArray:
    """Return a plane (y, x) with bright objects."""
    plane = np.asarray(pixels[part.t, part.z or 0])
    return invert(plane) if request.dark_objects else plane


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Add counts by reason."""
    return {reason: first.get(reason, 0) + second.get(reason, 0) for reason in [*first, *second]}
