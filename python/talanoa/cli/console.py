"""The console as a task's surroundings: a progress bar and warnings on stderr, Ctrl-C asks the task to stop."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

log = logging.getLogger("talanoa")


class ConsoleHost:
    """Progress and warnings on stderr; results belong to stdout."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.stop = False
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self._step: TaskID | None = None

    def progress(self, done: float, total: float, text: str) -> None:
        """Move the bar."""
        if self._step is None:
            self._step = self._bar.add_task(text, total=total)
        self._bar.update(self._step, completed=done, total=total, description=text)

    def cancelled(self) -> bool:
        """Return True after Ctrl-C."""
        return self.stop

    def finish_requested(self) -> bool:
        """Return False: Ctrl-C cancels, and a cancelled training can be resumed."""
        return False

    def warn(self, text: str) -> None:
        """Show a warning."""
        log.info("warning shown: %s", text)
        self.console.print(f"Warning: {text}", style="yellow", markup=False)

    def wants(self, kind: str) -> bool:
        """Return False: the console shows rows of losses, no pictures."""
        return False

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Show the rows of a training's loss table."""
        log.info("%s: %s", kind, dict(payload))
        if kind == "epoch" and not self.quiet:
            row = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in payload.items()
                if isinstance(value, int | float | str)
            )
            self.console.print(row, markup=False)

    @contextmanager
    def running(self) -> Iterator[ConsoleHost]:
        """Show the bar, and turn the first Ctrl-C into a wish to stop; a second one stops at once."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with self._bar:
                yield self
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Note the wish; at the second time stop at once."""
        if self.stop:
            raise KeyboardInterrupt("Stopped at once.")
        self.stop = True
        self.console.print("Stopping after this step (Ctrl-C again: at once) ...")


def say(text: str) -> None:
    """Write a result to the standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
