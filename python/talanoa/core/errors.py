"""Errors whose message is written for the person at the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TalanoaError(Exception):
    """A problem to be shown to the user as it is: what was found, what was expected, what to do."""


class BadInput(TalanoaError):
    """An image, mask, ROI file, parameter or folder that cannot be used as given."""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the name of a file before the message of a `BadInput` that does not give it."""
    try:
        yield
    except BadInput as error:
        if not name or name in str(error):
            raise
        raise BadInput(f"{name}: {error}") from error


class Cancelled(TalanoaError):
    """The user asked to stop; nothing was written."""


def counted(number: float, noun: str) -> str:
    """Return a number with its noun: "1 image", "2 images"."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
