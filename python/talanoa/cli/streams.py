"""The standard streams while a command runs: a reader that has gone (`| head`) ends nothing and shows no trace."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_GONE = (errno.EPIPE, errno.EINVAL, errno.EBADF)  # EINVAL: of a pipe without reader on Windows


class Lasting:
    """A stream that drops what is written after its reader has gone; all else is that of the stream.

    Parameters
    ----------
    stream : text stream or None
        None (no such stream, as under pythonw) drops everything.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = (
            stream if stream is not None else os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
        )

    def __getattr__(self, name: str) -> Any:
        """Return what the stream has."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write, or drop."""
        with self._reader():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        with self._reader():
            self.stream.flush()

    @contextmanager
    def _reader(self) -> Iterator[None]:
        """Let what is buffered go nowhere once the reader has gone, so that Python can flush it at its end, too."""
        try:
            yield
        except OSError as error:
            if error.errno not in _GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextmanager
def lasting() -> Iterator[None]:
    """Make standard output and standard error such streams, and flush them at the end."""
    before = sys.stdout, sys.stderr
    streams = [Lasting(stream) for stream in before]
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
