"""A network that answers an image with an image, over planes and volumes of any size: tiles, turns, their spread."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.host import Host, Share, stop_if_cancelled
from talanoa.image.ops import orientations
from talanoa.image.ops.normalize import Levels
from talanoa.models.runtime import inference, tiles
from talanoa.models.runtime.types import Arrays, Runner
from talanoa.models.runtime.windows import Windows

MAX_VOXELS = 4_000_000  # that one tile of a volume reads: about 2.5 GB in a network of 32 channels

MAX_PIXELS = 400_000  # that one tile of a plane reads: a third of a GB in a network of 32 channels
MAX_PROJECTED = 16_000_000  # voxels that one tile of a stack that becomes a plane reads: about 2 GB in 8 channels


@dataclass(frozen=True)
class Prediction:
    """What a network makes of a plane or a volume, in normalised units.

    Parameters
    ----------
    mean : ndarray of float32, (c, space…)
        The restored image; over several turns their mean.
    scale : ndarray of float32, (c, space…), or None
        Width of the distribution that a probabilistic network predicts; over several turns their mean.
    spread : ndarray of float32, (c, space…), or None
        Standard deviation (n - 1) over the turns.
    parts : tuple of int
        Tiles along each axis.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32] | None
    spread: NDArray[np.float32] | None
    parts: tuple[int, ...]


class _Normalised:
    """An image (c, space…) in normalised units, converted where it is cut."""

    def __init__(self, pixels: NDArray, levels: Levels) -> None:
        self._pixels, self._levels = pixels, levels
        self.shape = pixels.shape

    def __getitem__(self, part: tuple[slice, ...]) -> NDArray[np.float32]:
        return self._levels.apply(self._pixels[part])


def planned_parts(shape: Sequence[int], config: Any, count: int | None = None, slices: int = 1) -> tuple[int, ...]:
    """Return the number of tiles along each axis: `count` in all, or what a fixed budget of pixels or voxels allows.

    Parameters
    ----------
    shape : sequence of int
        Size of what is cut, ([z], y, x).
    config : config of the method
        Halo of the network.
    count : int, optional
        At least so many tiles.
    slices : int
        Of a stack that becomes a plane, which is cut along y and x only.
    """
    if config.projects:
        return tiles.splits_within(shape, config.halo, max(1, MAX_PROJECTED // slices), count)
    most = MAX_PIXELS if len(shape) == 2 else MAX_VOXELS
    return tiles.splits_within(shape, config.halo, most, count)


def predict(
    net: Runner[Arrays],
    pixels: NDArray,
    levels: Levels,
    config: Any,
    parts: tuple[int, ...],
    host: Host,
    tta: bool = False,
    more: bool = False,
    windows: Windows | None = None,
) -> Prediction:
    """Run a network over a plane or a volume; with fewer pixels a tile when memory ends.

    Parameters
    ----------
    net : Runner
        The network.
    pixels : ndarray, (c, y, x) or (c, z, y, x)
        Intensities; of a stack that becomes a plane (c z, y, x), with levels for each of them.
    levels : Levels
        Their normalisation; a tile at a time is converted.
    config : config of the method
        ``multiple``, ``halo`` and ``pad_mode`` of the network.
    parts : tuple of int
        Tiles along each axis, see `planned_parts`.
    host : Host
        Progress and cancelling.
    tta : bool
        Test-time augmentation: the image is turned and mirrored in the plane in all eight ways, and what the network
        makes of them is turned back and averaged.
    more : bool
        Another one of this size follows: memory is kept for it.
    windows : Windows, optional
        Of a plane: windows of this size instead of tiles.

    Raises
    ------
    BadInput
        Memory does not even suffice for small tiles.
    Cancelled
        Stopped by the user.
    """
    ways = tuple(orientations.WAYS) if tta else (0,)
    run = partial(_over_ways, net, pixels, levels, config, ways, host, more, windows)
    if windows is not None:
        return run(parts)
    return inference.with_smaller_tiles(run, parts, pixels.shape[1:])[0]


def _over_ways(
    net: Runner[Arrays],
    pixels: NDArray,
    levels: Levels,
    config: Any,
    ways: Sequence[int],
    host: Host,
    more: bool,
    windows: Windows | None,
    parts: tuple[int, ...],
) -> Prediction:
    """Return the mean over ways to turn the image; arguments as for `predict`."""
    mean, scale = Average(), Average()
    for number, way in enumerate(ways):
        turned = orientations.turned(pixels, way)
        these = parts if way in orientations.SAME_SIZE else (*parts[:-2], parts[-1], parts[-2])
        follows = more or number + 1 < len(ways)
        found = whole(net, turned, levels, config, these, Share(host, number, len(ways)), follows, windows)
        mean.add(orientations.turned_back(found[0], way))
        if len(found) > 1:
            scale.add(orientations.turned_back(found[1], way))
    spread = mean.deviation() if len(ways) > 1 else None
    return Prediction(mean.value(), scale.value() if scale.count else None, spread, parts)


def whole(
    net: Runner[Arrays],
    pixels: NDArray,
    levels: Levels,
    config: Any,
    parts: Sequence[int],
    host: Host,
    more: bool = False,
    windows: Windows | None = None,
) -> list[NDArray[np.float32]]:
    """Return the network's outputs (c, space…) for an image, put together from its tiles; see `predict`."""
    return assembled(net, _Normalised(pixels, levels), config, parts, host, more, windows)


def assembled(
    net: Runner[Arrays],
    image: Any,
    config: Any,
    parts: Sequence[int],
    host: Host,
    more: bool = False,
    windows: Windows | None = None,
) -> list[NDArray[np.float32]]:
    """Return the network's outputs (c, space…) for a normalised image (c, space…), put together from its tiles."""
    shape = image.shape[1:]
    if windows is None:
        plan = tiles.plan(shape, parts, config.halo, config.multiple)
    else:
        plan = windows.plan(shape, config.multiple)
    blended = windows is not None and windows.blend
    made: list[NDArray[np.float32]] = []
    with closing(inference.outputs(net, image, plan, config, more=more)) as results:
        for number, (tile, found) in enumerate(results):
            stop_if_cancelled(host)
            if not made:
                made = [(np.zeros if blended else np.empty)((len(one), *shape), np.float32) for one in found]
            core = (slice(None), *(slice(start, stop) for start, stop in tile.core))
            for one, values in zip(made, found, strict=True):
                if windows is not None and windows.blend:
                    one[core] += values * windows.weight(tile, shape, config.multiple)
                else:
                    one[core] = values
            host.progress(number + 1, len(plan), "Network")
    return made


class Average:
    """Mean and standard deviation of arrays that come one after the other (Welford)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = self._squares = np.zeros(0, np.float32)

    def add(self, values: NDArray[np.float32]) -> None:
        """Take one more into account."""
        self.count += 1
        if self.count == 1:
            self._mean = np.ascontiguousarray(values)
            return
        if self.count == 2:
            self._mean = self._mean.copy()
            self._squares = np.zeros_like(self._mean)
        step = values - self._mean
        self._mean += step / np.float32(self.count)
        step *= values - self._mean
        self._squares += step

    def value(self) -> NDArray[np.float32]:
        """Return the mean."""
        return self._mean

    def deviation(self) -> NDArray[np.float32]:
        """Return the standard deviation (n - 1) of at least two."""
        return np.sqrt(self._squares / np.float32(self.count - 1))
