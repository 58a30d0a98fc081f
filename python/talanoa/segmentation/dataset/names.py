"""Names of images, classes and people, and the time of their work."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import UTC, datetime

from talanoa.core.errors import BadInput

LONGEST = 200  # bytes; with the endings of files and of those written aside it stays below 255
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{k}" for port in ("com", "lpt") for k in range(1, 10))}


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def person(who: str | None) -> str:
    """Return who works: the name given, else the login name."""
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name, as in containers
        return ""


def check_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """Return the names of classes, each once, at most 255 (ImageJ's ROI groups)."""
    names = tuple(name.strip() for name in classes)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled or "" in names or len(names) > 255:
        found = f"{', '.join(doubled)} twice" if doubled else f"{len(names)} names, or an empty one"
        raise BadInput(f"classes: found {found}; expected up to 255 different names, such as interphase,mitosis.")
    return names


def check_annotator(name: str) -> str:
    """Return the name of a further person as the name of a folder."""
    if reason := check_name(name):
        raise BadInput(f"annotator: {reason}; expected a plain name such as anna.")
    return name


def check_name(name: str) -> str:
    """Return why a name cannot be that of a file, or an empty text."""
    if not name or name != name.strip() or name.startswith(".") or name.endswith("."):
        return f"found the name {name!r}, which is empty or has blanks or a dot at an end"
    if any(sign in '/\\:*?"<>|' or ord(sign) < 32 for sign in name):
        return f"found the name {name!r} with a sign that a file name cannot have"
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST:
        return f"found a name of {len(name)} letters ({name[:20]!r} ...), more than fit into a file name"
    return f"found the name {name!r}, which Windows keeps for itself" if name.lower() in _RESERVED else ""
