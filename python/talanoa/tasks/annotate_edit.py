"""Actions of `annotate` that work on ROIs and write nothing: propose, check, fix, interpolate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from talanoa import rois
from talanoa.annotation import fix
from talanoa.annotation.interpolate import interpolate
from talanoa.annotation.propose import propose
from talanoa.annotation.propose_classical import step_image
from talanoa.core.errors import BadInput
from talanoa.rois.given import Given
from talanoa.tasks.annotate_common import Reply, count, given_rois, image_of, image_or_none, opened

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.annotation.request import AnnotateRequest
    from talanoa.core.host import Host
    from talanoa.rois.roi_set import RoiSet


def _propose(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Propose objects for a person to correct."""
    image = image_of(request, given, host)
    found = propose(image, request, host)
    traced = rois.from_labels(found.labels)
    for note in found.notes[1:]:
        host.warn(note)
    message = found.notes[0] if found.notes else f"{count(len(traced), 'ROI')} proposed"
    shown = step_image(image, request) if request.by == "classical" and request.step else None
    return {"message": message, "rois": traced, "labels": found.labels, "image": shown}


def _check(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """List what looks wrong."""
    from talanoa.annotation.check import check

    image = image_or_none(request, given, host)
    drawn = _some_rois(request, given, image, host)
    classes = opened(request).classes if request.dataset else ()
    convex = 0.9 if request.convex is None else request.convex
    table = check(drawn, image, classes, request.tiny, convex)
    kinds = table["kind"].value_counts(sort=False)
    found = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return {"message": f"{count(len(table), 'finding')}{': ' if found else ''}{found}", "table": table}


def _fix(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Repair ROIs."""
    image = image_or_none(request, given, host)
    drawn = _some_rois(request, given, image, host)
    if request.index is None:
        raise BadInput("index is missing; expected which ROIs, counted from 0, such as index=3 or index=3,5.")
    line = None
    if request.line is not None:
        x1, y1, x2, y2 = (float(number) for number in request.line.split(","))
        line = (x1, y1, x2, y2)
    size = None if image is None else (int(image.sizes["y"]), int(image.sizes["x"]))
    settings = fix.Settings(line, request.pieces, request.smoothing, size)
    fixed = fix.apply(drawn, str(request.fix), [int(k) for k in request.index.split(",")], settings)
    return {"message": fixed.note, "rois": fixed.rois, "changed": fixed.changed}


def _interpolate(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Add the outlines between key slices."""
    drawn = _some_rois(request, given, image_or_none(request, given, host), host)
    only = [int(k) for k in request.index.split(",")] if request.index else []
    if only and max(only) >= len(drawn):
        raise BadInput(f"Found index {max(only)} and {len(drawn)} ROIs; expected index=0 to {len(drawn) - 1}.")
    found = interpolate(drawn, only)
    return {
        "message": f"{count(len(found.new), 'outline')} added to {count(found.objects, 'object')}.",
        "rois": found.rois,
        "changed": found.new,
    }


def _some_rois(request: AnnotateRequest, given: Given, image: xr.DataArray | None, host: Host) -> RoiSet:
    """Return the ROIs of a request; there must be some."""
    drawn = given_rois(request, given, image, host)
    if not len(drawn):
        raise BadInput("There are no ROIs; expected some in the ROI Manager, or rois=<ROI zip>.")
    return drawn


ACTIONS: dict[str, Callable[[AnnotateRequest, Given, Host], Reply]] = {
    "propose": _propose,
    "check": _check,
    "fix": _fix,
    "interpolate": _interpolate,
}
