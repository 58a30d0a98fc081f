"""A display of its own for tests with windows: Xvfb and a window manager."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def display() -> Iterator[str]:
    """Start an X server on a free display with a window manager; yield its name (":99")."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1050x24", "-nolisten", "tcp"]
    with ExitStack() as stack:
        server = _running(stack, command, pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        assert number, f"Xvfb did not start (exit code {server.poll()})"
        _running(stack, ["openbox"], env={**os.environ, "DISPLAY": f":{number}"})
        yield f":{number}"


def _running(stack: ExitStack, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that is ended with the stack."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

    def end() -> None:
        process.terminate()
        process.wait(20)

    stack.callback(end)
    return process
