"""Objects for a person to correct: proposed by a threshold, a classical segmentation, a trained model or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from talanoa import image as images
from talanoa.annotation.importers.labels import import_labels
from talanoa.annotation.propose_model import propose_by_model
from talanoa.annotation.propose_parts import Found, Part, describe, everywhere, one_channel
from talanoa.annotation.propose_threshold import threshold_objects
from talanoa.core.errors import BadInput
from talanoa.core.host import Host, QuietHost
from talanoa.image.ops.normalize import percentile_limits

if TYPE_CHECKING:
    from talanoa.annotation.request_propose import ProposeRequest


class Proposed(NamedTuple):
    """Proposed objects.

    Parameters
    ----------
    labels : DataArray of int32, (t, 1, z, y, x)
        1..n in each frame, with the calibration of the image. Slice by slice, no number occurs in two slices.
    notes : list of str
        What was found, what was removed and why, what to know; for the user.
    """

    labels: xr.DataArray
    notes: list[str]


def propose(image: xr.DataArray, request: ProposeRequest, host: Host | None = None) -> Proposed:
    """Propose objects.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The image to annotate; it is not changed. Frames are treated one by one.
    request : ProposeRequest
        How, and with which limits.
    host : Host, optional
        Progress, cancelling.

    Raises
    ------
    BadInput
        Several channels and none chosen; NaN; a model or file that cannot be used; a threshold without an answer.
    Cancelled
        Stopped by the user.
    """
    image, host = images.check(image), host or QuietHost()
    return BY[request.by](image, request, host)


def display_range(image: xr.DataArray, low: float = 0.35, high: float = 99.65) -> list[tuple[float, float]]:
    """Return a display range (low, high) for each channel in which faint cells are seen; the pixels are not touched.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        The image.
    low, high : float
        Percentiles, those of ImageJ's "Enhance Contrast" by default. NaN and infinite values are left out.
    """
    ranges = []
    for channel in range(image.sizes["c"]):
        values = np.asarray(image[:, channel])
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        lower, upper = percentile_limits(finite, low, high) if finite.size else (0.0, 1.0)
        if upper <= lower and finite.size:  # few bright pixels on a flat background
            lower, upper = float(finite.min()), float(finite.max())
        ranges.append((lower, upper if upper > lower else lower + 1))
    return ranges


def by_threshold(image: xr.DataArray, request: ProposeRequest, host: Host) -> Proposed:
    """Propose by a threshold."""
    pixels, spacing = one_channel(image, request.channel), spacing_of(image)

    def find(part: Part) -> Found:
        values = pixels[part.t] if part.z is None else pixels[part.t, part.z]
        return threshold_objects(values, request, spacing[-values.ndim :])

    labels, found = everywhere(image, request.ndim, host, find)
    return Proposed(labels, describe(found))


def by_classical(image: xr.DataArray, request: ProposeRequest, host: Host) -> Proposed:
    """Propose by a classical segmentation."""
    from talanoa.annotation.propose_classical import propose_classical

    return Proposed(*propose_classical(image, request, host))


def by_file(image: xr.DataArray, request: ProposeRequest, host: Host) -> Proposed:
    """Propose what a file says; limits of size and shape are not applied to it."""
    if request.file is None:
        raise BadInput("by=file, but no file; expected file=<label image, ROI zip, GeoJSON or folder>.")
    found = import_labels(request.file, image, request.mask, request.colours)
    count = sum(len(np.unique(frame[frame > 0])) for frame in np.asarray(found.labels))
    return Proposed(found.labels, [f"{count} object{'s' * (count != 1)} in {Path(request.file).name}", *found.notes])


def by_model(image: xr.DataArray, request: ProposeRequest, host: Host) -> Proposed:
    """Propose by a trained model."""
    return Proposed(*propose_by_model(image, request, host))


def spacing_of(image: xr.DataArray) -> tuple[float, float, float]:
    """Return the distance of the pixels along (z, y, x) in pixels along x."""
    z, y, x = image.attrs["pixel_size"]
    return z / x, y / x, 1.0


BY: Mapping[str, Callable[[xr.DataArray, ProposeRequest, Host], Proposed]] = {
    "threshold": by_threshold,
    "classical": by_classical,
    "model": by_model,
    "file": by_file,
}
