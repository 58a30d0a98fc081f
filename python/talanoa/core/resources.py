"""Where the parts that are no Python lie: the Fiji scripts, the macros and the shipped models.

In a source checkout (and an editable install of it) they are folders beside `python/`; an installed wheel carries them
inside the package. Nothing else in the package may know the difference.
"""

from __future__ import annotations

from pathlib import Path

from talanoa.core.errors import TalanoaError

PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """Return the folder `name` of the installed wheel or of the source checkout.

    Parameters
    ----------
    name : str
        "fiji_scripts", "macros" or "models".

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    TalanoaError
        The installation is incomplete; the message names the two places looked at.
    """
    inside = PACKAGE / f"_{name}"
    beside = PACKAGE.parent.parent / name
    for candidate in (inside, beside):
        if candidate.is_dir():
            return candidate
    raise TalanoaError(
        f"The folder '{name}' of Talanoa was found neither at {inside} nor at {beside}; expected one of them. "
        "Install the package again: pip install --force-reinstall talanoa"
    )


def fiji_scripts() -> Path:
    """Return the folder of the Jython scripts (menu scripts and `lib`)."""
    return folder("fiji_scripts")


def macros() -> Path:
    """Return the folder of the ImageJ macros."""
    return folder("macros")


def models() -> Path:
    """Return the folder of the shipped models."""
    return folder("models")
