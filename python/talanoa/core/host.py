"""What a task may ask of its surroundings: progress, messages, events, and whether to stop.

A door (command line, Fiji, worker) passes its own host; compute code knows only this protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from talanoa.core.errors import Cancelled

log = logging.getLogger("talanoa")


class Host(Protocol):
    """The surroundings of a running task."""

    def progress(self, done: float, total: float, text: str) -> None:
        """Show that `done` of `total` units of the step `text` are finished."""

    def cancelled(self) -> bool:
        """Return True once the user has asked to stop."""

    def finish_requested(self) -> bool:
        """Return True once the user wants the work to end early with the best that there is (a training)."""

    def warn(self, text: str) -> None:
        """Show a warning; the task collects the same text in its reply."""

    def wants(self, kind: str) -> bool:
        """Return True when somebody looks at events of this kind: those that cost time are made only then."""

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

    def finish_requested(self) -> bool:
        """Return False: nobody can ask."""
        return False

    def warn(self, text: str) -> None:
        """Log the warning."""
        log.warning(text)

    def wants(self, kind: str) -> bool:
        """Return False: nobody looks."""
        return False

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Log at debug level."""
        log.debug("%s: %s", kind, dict(payload))


class PassingOn:
    """A host that passes everything on to another one: the base of those that change something on the way.

    Parameters
    ----------
    host : Host
        The other one.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def progress(self, done: float, total: float, text: str) -> None:
        """Pass on."""
        self.host.progress(done, total, text)

    def cancelled(self) -> bool:
        """Pass on."""
        return self.host.cancelled()

    def finish_requested(self) -> bool:
        """Pass on."""
        return self.host.finish_requested()

    def warn(self, text: str) -> None:
        """Pass on."""
        self.host.warn(text)

    def wants(self, kind: str) -> bool:
        """Pass on."""
        return self.host.wants(kind)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Pass on."""
        self.host.event(kind, payload)


class Share(PassingOn):
    """A host for one part of a longer job: its progress becomes progress of the whole, so that time left can be told.

    Parameters
    ----------
    host : Host
        The host of the whole.
    done, total : float
        Units of the whole before this part, and all units.
    size : float
        Units of this part.
    """

    def __init__(self, host: Host, done: float, total: float, size: float = 1.0) -> None:
        super().__init__(host)
        self._done, self._total, self._size = done, total, size

    def progress(self, done: float, total: float, text: str) -> None:
        """Pass on as a part of the whole."""
        self.host.progress(self._done + self._size * (done / total if total else 0.0), self._total, text)


def stop_if_cancelled(host: Host) -> None:
    """Raise `Cancelled` when the user has asked to stop."""
    if host.cancelled():
        raise Cancelled("Stopped on request; nothing was written.")


class Collecting(PassingOn):
    """A host that passes everything on and keeps each warning once, those of another such host included."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.warnings: list[str] = list(host.warnings) if isinstance(host, Collecting) else []

    def warn(self, text: str) -> None:
        """Keep and pass on what was not said yet."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.host.warn(text)
