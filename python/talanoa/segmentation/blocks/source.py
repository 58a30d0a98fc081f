"""What the network sees of an image in blocks: cleaned of background and scaled, computed a part at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.host import Host
from talanoa.core.record import array_sha256
from talanoa.image.ops import background, resample
from talanoa.image.ops.normalize import single
from talanoa.segmentation.blocks import levels
from talanoa.segmentation.blocks.grid import Box, Grid, Pixels
from talanoa.segmentation.request import SegmentRequest

Ground = NDArray[np.float64]  # lowest intensity that is kept, (channels, planes)


@dataclass(frozen=True)
class Seeing:
    """How the pixels of a frame become what the network sees.

    Parameters
    ----------
    settings : SegmentRequest
        Background step and scale.
    size : tuple of int
        Of what the network sees, (y, x) or (z, y, x).
    """

    settings: SegmentRequest
    size: tuple[int, ...]

    @classmethod
    def of(cls, settings: SegmentRequest, shape: Sequence[int]) -> Seeing:
        """Return how a frame of a shape is seen."""
        scales = (settings.scale_z, settings.scale, settings.scale)[-len(shape) :]
        return cls(settings, resample.sizes(shape, scales))

    def cleaned(self, pixels: Pixels, ground: Ground | None) -> Any:
        """Return a frame without background, in its own size; `ground` is needed where intensities are clipped."""
        if self.settings.background == "none":
            return pixels
        return Cleaned(pixels, self.settings, ground)

    def seen(self, pixels: Pixels, ground: Ground | None) -> Any:
        """Return what the network sees of a frame."""
        cleaned = self.cleaned(pixels, ground)
        return cleaned if self.size == tuple(pixels.shape[1:]) else Scaled(cleaned, self.size)


def ground_of(planes: Sequence[Pixels], grid: Grid, host: Host) -> Ground:
    """Return the intensities that `background.clip_low` cuts at, from as many pixels as
    `talanoa.segmentation.blocks.levels` looks at.

    Parameters
    ----------
    planes : sequence of Pixels
        The frame, plane by plane.
    grid : Grid
        Blocks of a plane.
    host : Host
        Cancelling.
    """
    found = [levels.measure(plane, grid, 0, background.CLIP_PERCENTILE, host) for plane in planes]
    return np.array([[upper for _, upper in each.limits] for each in found]).T


class Derived(ABC):
    """An array (channels, space…) that is computed when it is cut, and remembers the hashes of what was cut."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self._hashes: dict[Box, str] = {}

    def __getitem__(self, part: tuple[slice, ...]) -> NDArray[np.float32]:
        values = self.compute(part[1:])
        self._hashes[_box(part[1:])] = array_sha256(values)
        return values

    @abstractmethod
    def compute(self, part: tuple[slice, ...]) -> NDArray[np.float32]:
        """Return the values of a part."""

    def hash_of(self, box: Box) -> str:
        """Return the hash of a part that was cut; what lies beyond the image does not count.

        NB: it is kept, see `Pixels.hash_of`.
        """
        sides = zip(box, self.shape[1:], strict=True)
        return self._hashes[tuple((start, min(stop, size)) for (start, stop), size in sides)]


class Cleaned(Derived):
    """A frame without its background.

    Parameters
    ----------
    pixels : Pixels
        The frame.
    settings : SegmentRequest
        The background step.
    ground : ndarray, (channels, planes), optional
        For the step "clip".
    """

    def __init__(self, pixels: Pixels, settings: SegmentRequest, ground: Ground | None) -> None:
        super().__init__(pixels.shape)
        self._pixels, self._settings, self._ground = pixels, settings, ground

    def compute(self, part: tuple[slice, ...]) -> NDArray[np.float32]:
        """Return the cleaned values of a part, plane by plane."""
        flat = len(part) == 2
        stack = slice(0, 1) if flat else part[0]
        if self._ground is not None:
            lowest = self._ground[:, stack, None, None]
            return single(np.maximum(cut(self._pixels, part), lowest[:, 0] if flat else lowest))
        planes = [() if flat else (slice(k, k + 1),) for k in range(stack.start, stack.stop)]
        made = [[self._ball(c, plane, part[-2:]) for plane in planes] for c in range(self.shape[0])]
        return np.array(made)[:, 0] if flat else np.array(made)

    def _ball(self, channel: int, plane: tuple[slice, ...], part: tuple[slice, ...]) -> NDArray[np.float32]:
        """Return a part (y, x) of a plane over which the ball has rolled."""

        def read(wider: tuple[slice, ...]) -> NDArray:
            values = cut(self._pixels, (*plane, *wider))[channel]
            return values.reshape(values.shape[-2:])

        return background.rolling_ball_part(read, self.shape[-2:], part, self._settings.background_radius)


class Scaled(Derived):
    """A frame in another size.

    Parameters
    ----------
    source : Pixels or Cleaned
        The frame.
    size : sequence of int
        The other size.
    """

    def __init__(self, source: Any, size: Sequence[int]) -> None:
        super().__init__((source.shape[0], *size))
        self._source = source

    def compute(self, part: tuple[slice, ...]) -> NDArray[np.float32]:
        """Return the resized values of a part."""
        shapes = (self._source.shape[1:], self.shape[1:])
        return resample.resize_part(lambda wanted: cut(self._source, wanted), *shapes, part)


def cut(source: Pixels | Derived, part: tuple[slice, ...]) -> NDArray[Any]:
    """Return a part (channels, …) of an array that remembers hashes, without leaving one."""
    return source.compute(part)


def _box(part: tuple[slice, ...]) -> Box:
    return tuple((side.start, side.stop) for side in part)
