"""The meaning of the samples of a TIFF pixel, by what the file says: colours, channels, inks, transparency."""

from __future__ import annotations

from typing import Any, NamedTuple

import tifffile
from numpy.typing import NDArray

_WHITE_IS_ZERO, _RGB, _INKS, _YCBCR, _LAB = 0, 2, 5, 6, frozenset({8, 9, 10})  # tag 262
_ALPHA = frozenset({1, 2})  # tag 338: associated and unassociated alpha; 0: unspecified
# JPEG codecs: the library decodes their colours to RGB.
_JPEG = frozenset({6, 7, 33007, 34892, 34712, 33003, 33004, 33005})
_NAMES = {
    _INKS: ("cyan", "magenta", "yellow", "black"),
    _YCBCR: ("Y", "Cb", "Cr"),
    **dict.fromkeys(_LAB, ("L*", "a*", "b*")),
}
_CALLED = {_INKS: "amounts of ink (CMYK)", _YCBCR: "brightness and colour differences (YCbCr)",
           **dict.fromkeys(_LAB, "colours of the Lab space")}  # fmt: skip


class Samples(NamedTuple):
    """What the samples of a pixel are.

    Parameters
    ----------
    first : int, optional
        How many of them, from the first, are kept; None: all.
    channels : bool
        They are channels, not the colours of a picture.
    names : tuple of str
        Of the channels, where the file says it.
    notes : tuple of str
        For the user.
    """

    first: int | None = None
    channels: bool = False
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def kept(self, values: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
        """Return the values without transparency, and the axes with channels called so."""
        if self.first is not None:
            values = values[(slice(None),) * axes.index("S") + (slice(self.first),)]
        return values, axes.replace("S", "C") if self.channels and "C" not in axes else axes


def meaning(page: tifffile.TiffPage, axes: str, shape: tuple[int, ...]) -> Samples:
    """Tell what the samples of a page are.

    Parameters
    ----------
    page : TiffPage
        With its photometric interpretation and the tag of extra samples.
    axes : str
        Of the image, S among them where a pixel has several samples.
    shape : tuple of int
        Of the image.
    """
    photometric = int(page.photometric)
    inverted = (
        ("0 is white in this file, and the largest value black: the stored values were read",)
        if photometric == _WHITE_IS_ZERO and page.bitspersample != 1
        else ()
    )
    if "S" not in axes:
        return Samples(notes=inverted)
    samples = shape[axes.index("S")]
    extra = tuple(int(kind) for kind in page.extrasamples or ())
    alpha = bool(extra) and len(extra) < samples and set(extra) <= _ALPHA
    count = samples - len(extra) if alpha else None
    notes = (*inverted, *(("the transparency (alpha) channel was left out",) if alpha else ()))
    colours = count or samples
    if photometric == _RGB or (photometric == _YCBCR and int(page.compression) in _JPEG):
        return Samples(count, colours != 3, (), notes)
    if photometric in _NAMES:
        named = (*_NAMES[photometric], *("",) * colours)[:colours]
        said = f"the pixels are {_CALLED[photometric]}, not light intensities: each was read as a channel"
        return Samples(count, True, named, (*notes, said))
    return Samples(count, True, (), notes)
