"""What a task may ask of its surroundings: progress, messages, events, and whether to stop.

A door (command line, Fiji, worker) passes its own host; compute code knows only this protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from talanoa.errors import Cancelled

log = logging.getLogger("talanoa")


class Host(Protocol):
    """The surroundings of a running task."""

    def progress(self, done: float, total: float, text: str) -> None:
        """Show that `done` of `total` units of the step `text` are finished."""

    def cancelled(self) -> bool:
        """Return True once the user has asked to stop."""

    def warn(self, text: str) -> None:
        """Show a warning; the task collects the same text in its reply."""

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Publish something worth seeing while the task runs (a row of the loss table, a preview)."""


class QuietHost:
    """The host of a Python call: logs warnings, shows nothing, never cancels."""

    def progress(self, done: float, total: float, text: str) -> None:
        """Log at debug level."""
        log.debug("%s: %g of %g", text, done, total)

    def cancelled(self) -> bool:
        """Return False: a Python call is stopped by KeyboardInterrupt."""
        return False

    def warn(self, text: str) -> None:
        """Log the warning."""
        log.warning(text)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Log at debug level."""
        log.debug("%s: %s", kind, dict(payload))


def stop_if_cancelled(host: Host) -> None:
    """Raise `Cancelled` when the user has asked to stop."""
    if host.cancelled():
        raise Cancelled("Stopped on request; nothing was written.")
