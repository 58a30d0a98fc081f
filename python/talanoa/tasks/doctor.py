"""The task `doctor`: what Talanoa runs on, each line OK or with a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talanoa.core.logs import log_path
from talanoa.rois.given import Given
from talanoa.tasks import doctor_checks

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.tasks.request import DoctorRequest


def run(request: DoctorRequest, given: Given, host: Host) -> dict[str, Any]:
    """Check, and return the lines as data and as text."""
    lines = doctor_checks.examine(request.device, request.fiji, host, request.java, request.imagej)
    bad = sum(not line.ok for line in lines)
    summary = "Everything is in order." if not bad else f"{bad} of {len(lines)} points need attention."
    return {
        "message": summary,
        "healthy": bad == 0,
        "lines": [line._asdict() for line in lines],
        "text": doctor_checks.as_text(lines),
        "log": str(log_path()),
    }
