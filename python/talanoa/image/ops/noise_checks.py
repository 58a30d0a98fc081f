"""What is wrong with a noisy image before a network learns from it: noise that is not noise, clipping, coding, gaps.

Noise2Void takes for granted that the noise of a pixel says nothing about its neighbours, and CARE learns whatever the
low-SNR images have in common. Each warning tells what was measured, what was expected, and what to do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.image.ops.noise import CODED, NoiseCorrelation, Wave, block_coding, noise_correlation, strongest_wave

_PLANES = 4  # of each channel, evenly spread
_SIDE = 1024  # pixels of each plane, in its middle
SMOOTH = 0.3  # correlation of neighbours along both axes
LINES = 0.12  # correlation along one axis
_SATURATED = 0.001  # share of the pixels
_CUT = 0.05  # share of the pixels at the lowest value


class Fault(NamedTuple):
    """Something that is wrong with an image.

    kind : str
        "nan", "constant", "saturated", "cut", "jpeg", "smoothed", "rows", "columns", "pattern".
    text : str
        What was measured, what was expected, what to do.
    """

    kind: str
    text: str


def check(image: xr.DataArray) -> list[str]:
    """Return warnings about an image that a network shall learn from, or restore; empty where nothing is wrong.

    Parameters
    ----------
    image : DataArray (t, c, z, y, x)
        Raw intensities. Up to 4 planes of each channel, 1024² pixels of each, are measured; numbers and constant planes
        are looked for in all of them.
    """
    return [fault.text for fault in find(image)]


def find(image: xr.DataArray, structure: bool = True) -> list[Fault]:
    """Return what is wrong with an image, as `check`, with the kind of each fault.

    Parameters
    ----------
    image : DataArray (t, c, z, y, x)
        Raw intensities.
    structure : bool
        Whether noise that hangs together is looked for ("jpeg", "smoothed", "rows", "columns", "pattern"), which takes
        most of the time.
    """
    found = []
    for number in range(image.sizes["c"]):
        where = f"Channel {number + 1}: " if image.sizes["c"] > 1 else ""
        channel = image.values[:, number]
        found += [Fault(fault.kind, where + fault.text) for fault in _channel(channel, structure)]
    return found


def _channel(values: NDArray, structure: bool) -> list[Fault]:
    """Return the faults of one channel (t, z, y, x); of what cannot be measured nothing more is said."""
    planes = values.reshape(-1, *values.shape[-2:])
    broken = _not_numbers(values)
    if broken:
        return broken
    empty = _constant(planes)
    alive = [plane for plane in planes if plane.min() != plane.max()]
    if not alive:
        return empty
    chosen = [_middle(alive[k]) for k in sorted({round(at) for at in np.linspace(0, len(alive) - 1, _PLANES)})]
    return [*empty, *_ends(chosen), *(_structure(chosen) if structure else [])]


def _middle(plane: NDArray) -> NDArray:
    """Return the middle of a plane, at most 1024 pixels wide, on the grid of 8 pixels from its first one."""
    cut = tuple(slice(max(0, side - _SIDE) // 2 // 8 * 8, None) for side in plane.shape)
    return plane[cut][:_SIDE, :_SIDE]


def _not_numbers(values: NDArray) -> list[Fault]:
    n = 0 if values.dtype.kind in "iub" else int(values.size - np.count_nonzero(np.isfinite(values)))
    if not n:
        return []
    text = (
        f"{n} of {values.size} pixels are NaN or infinite; expected numbers only. Networks spread them over the image: "
        "replace them (Process > Math > NaN Background…, or Noise > Remove NaNs…) or cut them off."
    )
    return [Fault("nan", text)]


def _constant(planes: NDArray) -> list[Fault]:
    flat = [number for number, plane in enumerate(planes, 1) if plane.min() == plane.max()]
    if not flat:
        return []
    which = "The image has" if len(planes) == 1 else f"{len(flat)} of {len(planes)} planes have"
    at = "" if len(planes) == 1 else f" (the first is plane {flat[0]})"
    text = f"{which} one intensity everywhere{at}; expected an image with noise. Leave it out: nothing is to be learnt."
    return [Fault("constant", text)]


def _ends(planes: list[NDArray]) -> list[Fault]:
    """Return clipping at the highest and at the lowest intensity."""
    values, counts = np.unique(np.concatenate([plane.ravel() for plane in planes]), return_counts=True)
    if len(values) < 8:
        return []
    found, total = [], int(counts.sum())
    top, before = int(counts[-1]), float(counts[-9:-1].mean())
    if top >= 20 and top / total > _SATURATED and top > 8 * before:
        text = (
            f"{top / total:.1%} of the pixels have the highest value, {values[-1]:g}; expected less than "
            f"{_SATURATED:.1%}: the image is saturated, and what is clipped cannot be restored. Take it with less "
            "light or gain, and measure no intensities in such places."
        )
        found.append(Fault("saturated", text))
    first, second, third = (int(count) for count in counts[:3])
    if first / total > _CUT and first > 5 * second and second < 3 * third:
        text = (
            f"{first / total:.0%} of the pixels have the lowest value, {values[0]:g}; expected noise on both sides of "
            "the background. It was cut off there (offset of the camera, or a background that was subtracted): "
            "restored backgrounds come out too bright. Use the raw image, or raise the offset."
        )
        found.append(Fault("cut", text))
    return found


def _structure(planes: list[NDArray]) -> list[Fault]:
    """Return what is known about the noise of a pixel from other pixels: at most one thing, the cause of the others."""
    coded = block_coding(planes[:1])
    if coded > CODED:
        return [Fault("jpeg", _jpeg(coded))]
    noise = noise_correlation(planes)
    if noise is None:
        return []
    rows, columns = _beyond_chance(noise.rows, noise.rows_chance), _beyond_chance(noise.columns, noise.columns_chance)
    if min(rows[0], columns[0]) > SMOOTH:
        return [Fault("smoothed", _smoothed(noise))]
    along, across = float(rows[:3].max()), float(columns[:3].max())
    if along > max(LINES, 2 * float(noise.columns[:3].max()) + 0.05):
        return [Fault("rows", _lines("horizontal", noise.rows))]
    if across > max(LINES, 2 * float(noise.rows[:3].max()) + 0.05):
        return [Fault("columns", _lines("vertical", noise.columns))]
    wave = strongest_wave(planes)
    return [Fault("pattern", _pattern(wave))] if wave else []


def _beyond_chance(curve: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations with 0 for those that independent noise can have, too."""
    return np.where(curve > chance, curve, 0)


def _jpeg(coded: float) -> str:
    return (
        f"The image was once stored as JPEG: rounded waves in blocks of 8 x 8 pixels (measured {coded:.2f}, expected "
        f"below {CODED:g}). What was lost is no noise, and networks learn the blocks. Use the original file, not one "
        "that was exported."
    )


def _smoothed(noise: NoiseCorrelation) -> str:
    return (
        f"Neighbouring pixels of the background are alike (correlation {noise.rows[0]:.2f} along x, "
        f"{noise.columns[0]:.2f} along y; expected about 0): the image was smoothed, enlarged or denoised before, or "
        "has hardly any noise. Noise2Void finds nothing to remove there. Use the raw image; with pairs, use CARE."
    )


def _lines(axis: str, curve: NDArray[np.float64]) -> str:
    """Return the warning of noise that hangs together along lines, with the mask that helps."""
    apart = np.flatnonzero(curve < LINES / 2)
    radius = max(1, int(apart[0]) if len(apart) else len(curve))
    return (
        f"The noise forms {axis} lines (correlation of neighbours in the background {float(curve[:3].max()):.2f}; "
        f"expected about 0). Noise2Void keeps them as if they were signal. Train with struct_axis={axis} and "
        f"struct_radius={radius}, or use pairs with CARE."
    )


def _pattern(wave: Wave) -> str:
    return (
        f"The noise has a regular pattern of {wave.period:.1f} pixels ({wave.times:.0f} times the power of its "
        "surroundings in the spectrum; expected about 1), such as the honeycomb of structured illumination (SIM). "
        "Noise2Void keeps it as if it were signal. Restore the raw images before they are reconstructed, or use pairs "
        "with CARE."
    )
