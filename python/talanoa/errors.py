"""Errors whose message is written for the person at the screen."""

from __future__ import annotations


class TalanoaError(Exception):
    """A problem to be shown to the user as it is: what was found, what was expected, what to do."""


class BadInput(TalanoaError):
    """An image, mask, ROI file, parameter or folder that cannot be used as given."""


class Cancelled(TalanoaError):
    """The user asked to stop; nothing was written."""
