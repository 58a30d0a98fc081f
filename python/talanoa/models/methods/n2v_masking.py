"""Blind spots: which pixels of a patch a Noise2Void network does not see, and what it sees in their place.

The values come from the patch as it was, never from one that is masked already. What goes in at a masked pixel does
not depend on the value that was there, but for one case: ``uniform_withCP`` draws among all pixels of the
neighbourhood, itself included, so that it keeps its value once in ``(2 radius + 1) ** ndim`` times, as in the original.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from talanoa.models.methods.n2v import N2VConfig

Places = NDArray[np.int64]  # (n, ndim), coordinates in a patch
_AT_ONCE = 2**21  # values that the median looks at in one go: 8 MiB


def mask_batch(
    patches: NDArray[np.float32], config: N2VConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mask a batch.

    Parameters
    ----------
    patches : ndarray of float32, (n, c, space…)
        Normalised patches; each channel of each gets masked pixels of its own.
    config : N2VConfig
        ``masked_percent``, ``radius``, ``manipulator``, ``struct_axis``, ``struct_radius``.
    rng : Generator
        Equal ones give equal masks and values.

    Returns
    -------
    masked : ndarray of float32, same shape
        What the network sees.
    mask : ndarray of float32, same shape
        1 at the masked pixels, whose original values the network shall answer with; else 0. Each channel of each patch
        has `masked_count` of them.
    """
    shape = patches.shape[2:]
    planes = np.ascontiguousarray(patches).reshape(-1, *shape)
    picked = positions(len(planes), shape, config.masked_percent, rng)
    number = np.repeat(np.arange(len(planes)), picked.shape[1])
    flat = picked.reshape(-1)
    places = np.stack(np.unravel_index(flat, shape), axis=1)
    axis = struct_axis(config)
    masked = planes.copy().reshape(len(planes), -1)
    if axis is not None:  # first, so that a masked pixel in a neighbour's line gets its own value after all
        _hide_lines(masked, planes, number, places, axis, config, rng)
    if config.manipulator == "median":
        values = medians(planes, number, places, config.radius, axis)
    else:
        values = _values(planes, number, drawn_places(places, shape, config.radius, rng, across(axis, len(shape))))
    masked[number, flat] = values
    mask = np.zeros_like(masked)
    mask[number, flat] = 1
    return masked.reshape(patches.shape), mask.reshape(patches.shape)


def masked_count(shape: tuple[int, ...], percent: float) -> int:
    """Return how many pixels of a patch are masked: the share of them, at least one."""
    return max(1, round(int(np.prod(shape)) * percent / 100))


def positions(count: int, shape: tuple[int, ...], percent: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return flat indices of masked pixels of `count` patches, (count, `masked_count`), spread evenly.

    A curve that stays near where it is (Morton 1966) is cut into as many equal pieces as there are pixels to mask,
    from a random place on, and each piece gets one at random. So every pixel is as probable as any other, the number is
    exact, and no patch has a crowd of them: the original draws one in each of square boxes instead, of which those at
    the border may be left empty.
    """
    curve = z_curve(shape)
    size, wanted = len(curve), masked_count(shape, percent)
    cuts = np.arange(wanted + 1) * size // wanted
    steps = cuts[:-1] + (rng.random((count, wanted)) * np.diff(cuts)).astype(np.int64)
    start = rng.integers(0, size, (count, 1))
    return curve[(start + steps) % size]


@lru_cache(maxsize=8)
def z_curve(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the flat indices of a patch in Morton order: by the bits of the coordinates, interleaved."""
    bits = max(side - 1 for side in shape).bit_length()
    key = np.zeros(shape, np.int64)
    for axis, coordinate in enumerate(np.indices(shape)):
        for bit in range(bits):
            key |= ((coordinate >> bit) & 1) << (bit * len(shape) + len(shape) - 1 - axis)
    order = np.argsort(key.reshape(-1), kind="stable")
    order.setflags(write=False)
    return order


def drawn_places(
    places: Places, shape: tuple[int, ...], radius: int, rng: np.random.Generator, avoid: int | None = None
) -> Places:
    """Return a random place of the neighbourhood of each place, itself allowed, inside of the patch.

    Parameters
    ----------
    places : ndarray of int, (n, ndim)
        Where from.
    shape : tuple of int
        Sides of the patch.
    radius : int
        Largest distance along each axis.
    avoid : int, optional
        An axis along which the drawn place lies elsewhere: not in the same row.
    """
    low = np.maximum(places - radius, 0)
    width = np.minimum(places + radius + 1, shape) - low
    if avoid is None:
        return low + (rng.random(places.shape) * width).astype(np.int64)
    width[:, avoid] -= 1
    drawn = low + (rng.random(places.shape) * width).astype(np.int64)
    drawn[:, avoid] += drawn[:, avoid] >= places[:, avoid]
    return drawn


def medians(
    planes: NDArray[np.float32], number: NDArray[np.int64], places: Places, radius: int, line: int | None = None
) -> NDArray[np.float32]:
    """Return the median of the neighbours of each place, without itself; beyond the border there are none.

    Parameters
    ----------
    planes : ndarray of float32, (n, space…)
        Patches.
    number, places : ndarray of int, (m,) and (m, ndim)
        Which patch, and where.
    radius : int
        Largest distance along each axis.
    line : int, optional
        Axis along which the noise is correlated: all of the place's own line along it is left out.
    """
    ndim = places.shape[1]
    window = np.indices((2 * radius + 1,) * ndim).reshape(ndim, -1).T - radius
    others = np.delete(window, [] if line is None else [line], axis=1)
    window = window[others.any(axis=1)]
    step = max(1, _AT_ONCE // len(window))
    parts = [slice(first, first + step) for first in range(0, len(places), step)]
    return np.concatenate([_medians(planes, number[part], places[part], window) for part in parts])


def _medians(planes: NDArray, number: NDArray, places: Places, window: NDArray) -> NDArray[np.float32]:
    """Return the median over a window of offsets (k, ndim) of each place, as far as they lie in the patch."""
    shape = np.asarray(planes.shape[1:])
    around = places[:, None] + window
    inside = ((around >= 0) & (around < shape)).all(axis=2)
    found = _values(planes, number[:, None], np.clip(around, 0, shape - 1))
    found[~inside] = np.inf  # sorts behind the others
    found.sort(axis=1)
    count = inside.sum(axis=1, keepdims=True)
    middle = np.concatenate([(count - 1) // 2, count // 2], axis=1)
    return np.take_along_axis(found, middle, axis=1).mean(axis=1, dtype=np.float32)


def _values(planes: NDArray[np.float32], number: NDArray, places: Places) -> NDArray[np.float32]:
    """Return the values of patches at places (…, ndim); `number` says which patch and broadcasts."""
    shape = planes.shape[1:]
    flat = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), shape)
    return planes.reshape(-1)[flat + number * int(np.prod(shape))]


def struct_axis(config: N2VConfig) -> int | None:
    """Return the axis along which noise is correlated, counted from the end: -1 for x, -2 for y; None without."""
    return {"none": None, "horizontal": -1, "vertical": -2}[config.struct_axis]


def across(axis: int | None, ndim: int) -> int | None:
    """Return an axis of the plane at a right angle to `axis`."""
    return None if axis is None else ndim - (1 if axis == -2 else 2)


def _hide_lines(
    masked: NDArray[np.float32],
    planes: NDArray[np.float32],
    number: NDArray,
    places: Places,
    axis: int,
    config: N2VConfig,
    rng: np.random.Generator,
) -> None:
    """Give the pixels along `axis` around each place values drawn from other lines of their neighbourhood."""
    shape = planes.shape[1:]
    offsets = np.arange(-config.struct_radius, config.struct_radius + 1)
    line = np.repeat(places[:, None], len(offsets), axis=1)
    line[:, :, axis] += offsets
    owner = np.repeat(number[:, None], len(offsets), axis=1)
    inside = (line[:, :, axis] >= 0) & (line[:, :, axis] < shape[axis])
    line, owner = line[inside], owner[inside]
    drawn = drawn_places(line, shape, config.radius, rng, across(axis, len(shape)))
    masked[owner, np.ravel_multi_index(tuple(line.T), shape)] = _values(planes, owner, drawn)
