"""What of an image a network gets, read from memory or disk a frame at a time, and the normalisation of all of it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.image.lazy import LazyImage
from talanoa.image.ops.normalize import WHOLE, Levels, fixed_levels, is_fixed, levels_of, odd_step, whole_levels

SAMPLE = 64  # frames that percentiles come from, unless the request says otherwise


class Pixels(Protocol):
    """Pixels that a network gets, frame by frame."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the image, counted from 0."""
        ...

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Sizes (t, c, z, y, x)."""
        ...

    def frame(self, number: int) -> NDArray[Any]:
        """Return frame number `number` of `frames`, (c, z, y, x)."""
        ...


@dataclass(frozen=True)
class Source:
    """The part of an image that is worked on.

    Parameters
    ----------
    image : LazyImage
        All of it.
    frames, channels, planes : tuple of int
        Counted from 0, rising.
    """

    image: LazyImage
    frames: tuple[int, ...]
    channels: tuple[int, ...]
    planes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Sizes (t, c, z, y, x) of the part."""
        sizes = self.image.form.sizes
        return len(self.frames), len(self.channels), len(self.planes), sizes["y"], sizes["x"]

    def frame(self, number: int) -> NDArray[Any]:
        """Return frame number `number` of those to work on, (c, z, y, x).

        Raises
        ------
        BadInput
            It has pixels that are no numbers.
        """
        y, x = self.shape[3:]
        channels = slice(self.channels[0], self.channels[-1] + 1)
        planes = slice(self.planes[0], self.planes[-1] + 1)
        pixels = self.image.fetch(self.frames[number], channels, (planes, slice(0, y), slice(0, x)))
        pixels = _those(_those(pixels, self.channels, 0), self.planes, 1)
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            bad = int(np.count_nonzero(~np.isfinite(pixels)))
            raise BadInput(
                f"Frame {self.frames[number] + 1} of the image has {bad} pixel{'s' * (bad > 1)} that are NaN or "
                "infinite; expected finite values. Replace them first (in ImageJ: Process > Noise > Remove NaNs, or "
                "Process > Math > Macro)."
            )
        return pixels


def _those(pixels: NDArray[Any], wanted: Sequence[int], axis: int) -> NDArray[Any]:
    """Return those of the indices `wanted`, of which the first one comes first, along an axis."""
    if len(wanted) == pixels.shape[axis]:
        return pixels
    return np.take(pixels, [index - wanted[0] for index in wanted], axis=axis)


@dataclass(frozen=True)
class Measured:
    """Levels of an image, and what they come from.

    Parameters
    ----------
    levels : Levels
        Of each channel.
    frames : tuple of int
        Frames that were looked at, counted from 1 in the whole image.
    values : ndarray, (c, n)
        Intensities that were looked at.
    """

    levels: Levels
    frames: tuple[int, ...]
    values: NDArray[Any]

    def record(self) -> dict[str, Any]:
        """Return where the levels come from, for `result.json`."""
        return {"frames": list(self.frames), "values": int(self.values.shape[1])}


def measure(source: Pixels, normalization: Mapping[str, Any], sample: int | None, host: Host) -> Measured:
    """Fit a normalisation to all that is worked on together, so that frames do not flicker.

    Parameters
    ----------
    source : Pixels
        What goes in.
    normalization : mapping
        See `talanoa.image.ops.normalize.fit`, which gives the same levels where all frames are looked at.
    sample : int or None
        So many frames at most are looked at, spread evenly; None: 64 for percentiles, all of them for the darkest and
        brightest value, or mean and deviation, which look at every value.
    host : Host
        Cancelling.
    """
    whole = normalization.get("kind") in WHOLE
    numbers = spread_evenly(len(source.frames), sample or (len(source.frames) if whole else SAMPLE))
    kept: list[NDArray[Any]] = []

    def frames() -> Iterator[NDArray[Any]]:
        for frame, some in _every(source, numbers, host):
            kept.append(some)
            yield frame

    if whole:
        levels = whole_levels(frames(), str(normalization["kind"]))
        values = np.concatenate(kept, axis=1)
    else:
        deque(frames(), maxlen=0)  # only what is kept of them counts
        values = np.concatenate(kept, axis=1)
        fixed = is_fixed(normalization)
        levels = fixed_levels(normalization, len(values)) if fixed else levels_of(values, normalization)
    return Measured(levels, tuple(source.frames[number] + 1 for number in numbers), values)


def spread_evenly(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers 0 to `count` - 1, the first and the last among them where there are two."""
    return np.unique(np.rint(np.linspace(0, count - 1, min(count, most))).astype(int)).tolist()


def _every(source: Pixels, numbers: Sequence[int], host: Host) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield frames, and every n-th value of each as if they were one array (c, t z y x)."""
    size = int(np.prod(source.shape[2:]))
    step, first = odd_step(size * len(numbers)), 0
    for done, number in enumerate(numbers):
        stop_if_cancelled(host)
        host.progress(done, len(numbers), "Intensities")
        frame = source.frame(number)
        yield frame, frame.reshape(source.shape[1], -1)[:, first::step].copy()  # a view would keep the frame
        first = (first - size) % step


class Hash:
    """The hash of an array (t, …) that comes frame by frame, as `result.array_sha256` of all of it.

    Parameters
    ----------
    kind : dtype
    shape : sequence of int
        Of the whole array.
    """

    def __init__(self, kind: np.dtype[Any], shape: Sequence[int]) -> None:
        self._kind = kind.newbyteorder("<")
        self._digest = hashlib.sha256(f"{self._kind.str}{tuple(shape)}".encode())

    def add(self, frame: NDArray[Any]) -> None:
        """Take the next frame into account."""
        self._digest.update(np.ascontiguousarray(frame).astype(self._kind, copy=False).data)

    def text(self) -> str:
        """Return it in hex."""
        return self._digest.hexdigest()
