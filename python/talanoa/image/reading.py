"""How the files of a request are read: axes that the user names, and which image of a file that holds several.

A task reads many files (images, label images, targets, test images), some of them deep inside a training. All of them
are read as its request says: `asked_by` sets that for the files read within it, and `talanoa.image.read` looks it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from talanoa.core.errors import BadInput

REFUSE = "refuse"


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Parameters
    ----------
    dims : str, optional
        The axes of the file's array in order, such as "tyx"; omitted: as the file says.
    series : int, optional
        Which image of a file that holds several, counted from 1; omitted: the first, with a note.
    missing : str
        What is done where planes are not in the file that it declares: see `talanoa.image.formats.missing.settle`.
    labels : bool
        The file is a label image: it has no channels, and often is the only image of its file.
    """

    dims: str | None = None
    series: int | None = None
    missing: str = REFUSE
    labels: bool = False
    own: bool = False  # the file most likely was written by Talanoa: `dims` counts only where it does not name its axes


AS_STORED = Reading()
Tell = Callable[[str], None]
_asked: ContextVar[Reading] = ContextVar("talanoa_reading", default=AS_STORED)


_tell: ContextVar[tuple[Tell, set[str]] | None] = ContextVar("talanoa_notes", default=None)


@contextmanager
def notes_to(tell: Tell) -> Iterator[None]:
    """Report the notes on the files read within the block, the same note once, with the first file that it is on."""
    token = _tell.set((tell, set()))
    try:
        yield
    finally:
        _tell.reset(token)


def report(name: str, note: str) -> None:
    """Pass a note on a file on to whom `notes_to` names."""
    listener = _tell.get()
    if listener is None or note in listener[1]:
        return
    listener[1].add(note)
    listener[0](f"{name}: {note}")


@contextmanager
def asked_by(request: Any) -> Iterator[None]:
    """Read files within the block as a request says (its keys `dims`, `series`, `missing_planes`, if any)."""
    with asked(*(getattr(request, key, None) for key in ("dims", "series", "missing_planes"))):
        yield


@contextmanager
def asked(dims: str | None = None, series: int | None = None, missing: str | None = None) -> Iterator[None]:
    """Read files within the block with these axes, and this image of each."""
    with _set(Reading(dims, series, missing or REFUSE)):
        yield


@contextmanager
def as_stored() -> Iterator[None]:
    """Read files within the block as they say themselves: files that Talanoa wrote."""
    with _set(AS_STORED):
        yield


def wanted(dims: str | None = None, series: int | None = None, missing: str | None = None) -> Reading:
    """Return how a file is read: as the arguments say, else as the running request says."""
    asked = _asked.get()
    own = asked.own and dims is None
    number = series or (None if own else asked.series)
    return Reading(dims or asked.dims, number, missing or asked.missing, asked.labels, own)


@contextmanager
def label_images() -> Iterator[None]:
    """Read the files within the block as label images."""
    with _set(replace(_asked.get(), labels=True)):
        yield


@contextmanager
def images_of_a_dataset() -> Iterator[None]:
    """Read the files within the block as they say; where one does not name its axes, as the request says."""
    with _set(replace(_asked.get(), own=True)):
        yield


@contextmanager
def _set(how: Reading) -> Iterator[None]:
    token = _asked.set(how)
    try:
        yield
    finally:
        _asked.reset(token)


def example(axes: int) -> str:
    """Return axes that an array of so many may have."""
    return {2: "yx", 3: "tyx", 4: "tzyx"}.get(axes, "tczyx")


def axes_remedy(sizes: Mapping[Any, int], meant: str) -> str:
    """Say how frames are declared slices (`meant` "z"), or slices frames ("t"), of a file and of an open image.

    >>> axes_remedy({"t": 1, "c": 1, "z": 5, "y": 9, "x": 9}, "t")
    'set dims=tyx (image files), or open the image in ImageJ and say so there (Image > Properties: slices 1, frames 5)'
    """
    slices, frames = (1, sizes["z"]) if meant == "t" else (sizes["t"], 1)
    channels = "c" if sizes["c"] > 1 else ""
    return (
        f"set dims={meant}{channels}yx (image files), or open the image in ImageJ and say so there (Image > "
        f"Properties: slices {slices}, frames {frames})"
    )


def axes_asked(name: str, found: str, shape: tuple[int, ...], how: Reading, known: bool) -> str:
    """Return the axes of an array by the `dims` of the user.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    found : str
        One upper-case letter per axis, as the file says or as the reader calls unknown ones.
    shape : tuple of int
        Of the array.
    how : Reading
        With `dims`.
    known : bool
        The file itself names all of its axes.

    Returns
    -------
    str
        Upper-case letters, one per axis. A plane among movies is read as it is, a label image without the
        channels of its image likewise.

    Raises
    ------
    BadInput
        `dims` names other axes than the array has.
    """
    dims = (how.dims or "").upper()
    if found.endswith("S") and "S" not in dims and len(dims) == len(shape) - 1:
        return dims + "S"
    if len(dims) == len(shape):
        return dims
    if set(found) <= set("YXS"):  # a plane among movies: nothing is unclear
        return found
    if how.labels and len(dims.replace("C", "")) == len(shape):
        return dims.replace("C", "")
    if how.labels and known:
        return found
    said = f" ({found.lower()})" if known else ""
    raise BadInput(
        f"{name} has {len(shape)} axes{said} of the sizes {' x '.join(map(str, shape))}, but dims={how.dims} names "
        f"{len(dims)}. Name all of its axes, such as dims={example(len(shape))}, or leave dims out."
    )
