"""Images that are there twice, as copies or links: a training must not validate on what it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class OfFile(Protocol):
    """An item of a training that comes from a file."""

    @property
    def file(self) -> str:
        """Its name."""

    @property
    def hashes(self) -> tuple[str, ...]:
        """The SHA-256 of its files."""


def groups(items: Sequence[OfFile]) -> dict[str, str]:
    """Return by which file each file is split: its own name, or that of the file of which it is a copy."""
    group: dict[str, str] = {}
    known: dict[str, str] = {}
    for item in items:
        first = known.setdefault(item.hashes[0], item.file) if item.hashes and item.hashes[0] else item.file
        group.setdefault(item.file, group.get(first, first))
    return group


def note(named: Iterable[tuple[str, str]]) -> str:
    """Return a note on images that are the same file under several names, empty where there is none.

    Parameters
    ----------
    named : iterable of (name, SHA-256 of the file)
    """
    first: dict[str, str] = {}
    found = [f"{name} = {first[sha]}" for name, sha in named if sha and first.setdefault(sha, name) != name]
    if not found:
        return ""
    listed = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"{len(found)} images are copies of others, byte for byte ({listed}); they count twice. Take the copies out."
