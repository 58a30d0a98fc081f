"""Damaged files of a folder: all of them are named at once, not one after the other with a run between."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from talanoa import image
from talanoa.core.errors import BadInput, Cancelled
from talanoa.image.folder import ROI_SUFFIXES

log = logging.getLogger(__name__)
_MOST = 100  # names in a message


@contextmanager
def all_named(files: Iterable[Path | None], rest: Iterable[Path | None]) -> Iterator[None]:
    """Raise an error that names all files that cannot be read, where the work on some of them fails for that reason.

    A training or an evaluation must not drop images, so it ends; what is to be repaired should be known by then.

    Parameters
    ----------
    files : iterable of Path or None
        What is worked on. Where all of it can be read, an error passes as it is.
    rest : iterable of Path or None
        Files that would be read after them; they are looked at only after an error.

    Raises
    ------
    BadInput
        The number and names of the damaged files, and what is wrong with the first one.
    """
    try:
        yield
    except (Cancelled, MemoryError):
        raise
    except Exception as problem:
        first = _unreadable(files)
        if not first:
            raise
        found = first | _unreadable(rest)
        told = str(problem) if isinstance(problem, BadInput) else next(iter(first.values()))
        raise BadInput(_sentence(found, told)) from problem


def _unreadable(files: Iterable[Path | None]) -> dict[Path, str]:
    """Return the files that cannot be read, and why."""
    found = {}
    for path in dict.fromkeys(each for each in files if each is not None):
        try:
            _read(path)
        except MemoryError:
            raise
        except Exception as problem:
            log.info("%s cannot be read", path, exc_info=True)
            found[path] = str(problem) if isinstance(problem, BadInput) else f"{type(problem).__name__}: {problem}"
    return found


def _read(path: Path) -> None:
    from talanoa.rois import files as roi_zip

    if path.suffix.lower() in ROI_SUFFIXES:
        roi_zip.read_zip(path)
    else:
        image.read(path)


def _sentence(found: dict[Path, str], told: str) -> str:
    """Return what is wrong with files in words."""
    names = [f"{path.parent.name}/{path.name}" for path in found]
    path = next(iter(found))
    first = told if path.name in told else f"{path}: {told}"
    if len(names) == 1:
        return first
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return (
        f"{len(names)} files cannot be read: {', '.join(names[:_MOST])}{more}. Repair them, or take them and what "
        f"belongs to them out. The first: {first}"
    )
