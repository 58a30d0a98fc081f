"""The exit codes of the command line."""

from __future__ import annotations

# exit codes; 130 is what a shell gives after Ctrl-C
OK, DIFFERENT, BAD, PARTLY, CANCELLED = 0, 1, 2, 3, 130
