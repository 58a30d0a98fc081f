"""Small images that ship with the package, for the demo, the examples of the guides and the tests."""

from __future__ import annotations

from pathlib import Path

from talanoa.core.errors import BadInput

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of the samples."""
    return sorted(file.stem for file in FOLDER.glob("*.tif"))


def path(name: str) -> Path:
    """Return the file of a sample.

    Parameters
    ----------
    name : str
        "nuclei" (fluorescence nuclei, 512 x 512, uint16) or "nuclei_mask" (the same nuclei, outlined by people: uint16
        label image, 0 = background).

    Raises
    ------
    BadInput
        No sample has that name; the message lists those there are.
    """
    file = FOLDER / f"{name}.tif"
    if name not in names():
        raise BadInput(f"There is no sample '{name}'; expected one of {', '.join(names())}.")
    return file
