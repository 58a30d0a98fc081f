"""A stack made isotropic: stretched along z, restored in planes (z, x) and in planes (z, y), and both averaged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.host import Host, Share, stop_if_cancelled
from talanoa.image.ops import anisotropy
from talanoa.image.ops.normalize import Levels
from talanoa.models.runtime import inference
from talanoa.models.runtime.dense import Prediction, assembled, planned_parts
from talanoa.models.runtime.types import Arrays, Runner


def parts_of(shape: Sequence[int], factor: float, config: Any, count: int | None) -> tuple[int, ...]:
    """Return the tiles along z and along y or x of the stretched planes of a stack (z, y, x)."""
    return planned_parts((anisotropy.count_of(shape[0], factor), max(shape[1:])), config, count)


def predict(
    net: Runner[Arrays],
    pixels: NDArray,
    levels: Levels,
    config: Any,
    parts: tuple[int, ...],
    host: Host,
    factor: float,
    tta: bool = False,
    more: bool = False,
) -> Prediction:
    """Restore a stack; with fewer pixels a tile when memory ends.

    Parameters
    ----------
    net : Runner
        A network for planes.
    pixels : ndarray, (c, z, y, x)
        Intensities.
    levels, config, host, more
        See `talanoa.models.runtime.dense.predict`.
    parts : tuple of int
        Tiles along z and along the other axis of a plane, see `parts_of`.
    factor : float
        How many pixels wide the distance of two slices is.
    tta : bool
        Each plane is mirrored along y or x, too: four answers for a voxel instead of two. By 90 degrees it cannot be
        turned.

    Returns
    -------
    Prediction
        Mean, and its spread over the answers, (c, z stretched, y, x).
    """
    run = partial(_both, net, pixels, levels, config, host, factor, tta, more)
    shape = (anisotropy.count_of(pixels.shape[1], factor), max(pixels.shape[2:]))
    return inference.with_smaller_tiles(run, parts, shape)[0]


def _both(
    net: Runner[Arrays],
    pixels: NDArray,
    levels: Levels,
    config: Any,
    host: Host,
    factor: float,
    tta: bool,
    more: bool,
    parts: tuple[int, ...],
) -> Prediction:
    """Return the mean over both directions; arguments as for `predict`."""
    depth = anisotropy.count_of(pixels.shape[1], factor)
    mean, scale = _Growing((depth, *pixels.shape[2:]), spread=tta), _Growing((depth, *pixels.shape[2:]))
    planes = [(axis, k) for axis in (2, 3) for k in range(pixels.shape[axis])]
    mirrored = (False, True) if tta else (False,)
    for number, (axis, k) in enumerate(planes):
        stop_if_cancelled(host)
        plane = anisotropy.stretched(levels.apply(np.take(pixels, k, axis=axis)), 1, factor)
        where = (slice(None), slice(None), *((k, slice(None)) if axis == 2 else (slice(None), k)))
        for way, flip in enumerate(mirrored):
            follows = more or number + 1 < len(planes) or way + 1 < len(mirrored)
            seen = plane[..., ::-1] if flip else plane
            made = assembled(net, seen, config, parts, Share(host, number, len(planes)), follows)
            back = [each[..., ::-1] if flip else each for each in made]
            count = (axis - 2) * len(mirrored) + way + 1
            mean.add(where, back[0], count)
            if len(back) > 1:
                scale.add(where, back[1], count)
    return Prediction(mean.mean, scale.mean if scale.mean.size else None, mean.deviation(2 * len(mirrored)), parts)


class _Growing:
    """Mean and standard deviation of answers that come plane by plane (Welford).

    Parameters
    ----------
    shape : sequence of int
        Of the stack (z, y, x); channels are as many as the first answer has.
    spread : bool
        The standard deviation will be asked for.
    """

    def __init__(self, shape: Sequence[int], spread: bool = False) -> None:
        self._shape, self._wanted = tuple(shape), spread
        self.mean = self._squares = np.zeros(0, np.float32)

    def add(self, where: tuple[Any, ...], values: NDArray[np.float32], count: int) -> None:
        """Take answer number `count`, from 1, for a part of the stack into account."""
        if not self.mean.size:
            self.mean = np.zeros((len(values), *self._shape), np.float32)
            self._squares = np.zeros_like(self.mean) if self._wanted else self._squares
        step = values - self.mean[where]
        self.mean[where] += step / np.float32(count)
        if self._wanted:
            self._squares[where] += step * (values - self.mean[where])

    def deviation(self, count: int) -> NDArray[np.float32] | None:
        """Return the standard deviation (n - 1) over so many answers, where it was wanted."""
        return np.sqrt(self._squares / np.float32(count - 1)) if self._wanted else None
