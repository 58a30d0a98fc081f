"""Actions of `annotate` that work on ROIs and write nothing: propose, check, fix, interpolate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from talanoa.tasks.annotate_common import Reply, count, image_of
from talanoa.tasks.common import Given

if TYPE_CHECKING:
    from talanoa.host import Host
    from talanoa.requests_annotate import AnnotateRequest


def _propose(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Propose objects for a person to correct."""
    from talanoa import rois
    from talanoa.annotate.propose import propose

    found = propose(image_of(request, given, host), request, host)
    for note in found.notes:
        host.warn(note)
    traced = rois.from_labels(found.labels)
    return {"message": f"{count(len(traced), 'ROI')} proposed", "rois": traced, "labels": found.labels}


ACTIONS: dict[str, Callable[[AnnotateRequest, Given, Host], Reply]] = {"propose": _propose}
