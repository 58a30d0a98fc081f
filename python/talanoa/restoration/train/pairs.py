"""Images for methods that answer an image with an image: pairs, noisy images alone, repeated exposures.

In silico labelling and a semantic segmentation read theirs the same way: an image, and what is to be made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.segmentation.train import dataset

TRAINING, VALIDATION = "training", "validation"
_SIGNAL = 0.4  # of the range between background and brightest places, as in CSBDeep
_CELLS = 16  # of a patch's side that a place is known by


@dataclass(frozen=True, eq=False)
class Pair:
    """An image and what the network shall make of it: a plane, or a volume.

    Parameters
    ----------
    name : str
        File name without suffix; of a movie with the frame.
    image : ndarray of float32, (channels, y, x) or (channels, z, y, x)
        Normalised intensities.
    target : ndarray of float32, (channels, y, x) or (channels, z, y, x), or None
        Normalised; None: the network learns from the image alone.
    others : tuple of ndarray
        Further noisy exposures of the same place, like `image`.
    alike : bool
        Image, target and others are equal but for their noise: either may be the input.
    allowed : ndarray of bool (y, x) or (z, y, x), or None
        Where patches have their middle; None: everywhere.
    hashes : tuple of str
        SHA-256 of the files.
    pixel_size, pixel_depth : float or None
        Width of a pixel and distance of the slices in `unit`, None when not calibrated.
    unit : str
        Unit of both.
    notes : tuple of str
        What is odd about the files.
    source : str
        Name of the file that this is a part of; empty for a file of its own.
    role : str
        "training" or "validation" where the only image was cut in two; else empty.
    slices : int
        Of a stack that becomes a plane its slices are channels here, so many for each channel, first those of the
        first; else 1.
    anisotropy : float or None
        How many pixels wide the distance of two slices is, where planes of a stack stand for its other sides.
    """

    name: str
    image: NDArray[np.float32]
    target: NDArray[np.float32] | None = None
    others: tuple[NDArray[np.float32], ...] = ()
    alike: bool = False
    allowed: NDArray[np.bool_] | None = None
    hashes: tuple[str, ...] = ()
    pixel_size: float | None = None
    unit: str = "pixel"
    notes: tuple[str, ...] = ()
    pixel_depth: float | None = None
    source: str = ""
    role: str = ""
    slices: int = 1
    anisotropy: float | None = None
    _cells: dict[tuple[int, ...], tuple[NDArray[np.intp], NDArray[np.intp]]] = field(default_factory=dict, repr=False)

    @property
    def file(self) -> str:
        """Which file the image comes from."""
        return self.source or self.name

    @property
    def ndim(self) -> int:
        """2 for a plane, 3 for a volume."""
        return self.image.ndim - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Size, (y, x) or (z, y, x)."""
        return self.image.shape[1:]

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return len(self.image) // self.slices

    @property
    def seen(self) -> NDArray[np.float32]:
        """The image as a person sees it, (channels, …): of a stack that becomes a plane, its maximum projection."""
        return projected(self.image, self.slices)

    @property
    def fields(self) -> tuple[NDArray[np.float32], ...]:
        """All arrays that show the same place: image, target, further exposures."""
        return (self.image, *(() if self.target is None else (self.target,)), *self.others)

    def part(self, where: tuple[slice, ...], name: str, role: str = "") -> Pair:
        """Return a part of the image as one of its own."""
        return self.mapped(
            lambda each: each[(slice(None), *where)],
            name=name,
            role=role,
            allowed=None if self.allowed is None else self.allowed[where],
        )

    def mapped(self, change: Callable[[NDArray[np.float32]], NDArray[np.float32]], **others: Any) -> Pair:
        """Return the same with all its arrays changed in the same way, and other fields as given."""
        return replace(
            self,
            image=change(self.image),
            target=None if self.target is None else change(self.target),
            others=tuple(change(each) for each in self.others),
            _cells={},
            **others,
        )

    def cells(self, patch: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return where patches may have their middle: all places, and those with signal near them.

        Places are cells of a coarse grid (`cell_steps`), as flat indices. Signal: within half a patch a cell is
        brighter than 0.4 of the range from background (3rd percentile) to the brightest cells (99.9th).
        """
        if patch not in self._cells:
            self._cells[patch] = _places(self, patch)
        return self._cells[patch]


def projected(image: NDArray[np.float32], slices: int) -> NDArray[np.float32]:
    """Return the maximum projection (c, y, x) of channels and slices (c slices, y, x)."""
    return image if slices == 1 else image.reshape(-1, slices, *image.shape[1:]).max(axis=1)


def cell_steps(patch: Sequence[int]) -> tuple[int, ...]:
    """Return the pixels of a cell along each axis."""
    return tuple(max(1, side // _CELLS) for side in patch)


def cell_means(values: NDArray[np.float32], steps: Sequence[int]) -> NDArray[np.float32]:
    """Return the mean of each cell of an array (space…); cells at the far sides may be smaller."""
    made: NDArray[np.float32] = values
    for axis, step in enumerate(steps):
        if step == 1:
            continue
        starts = np.arange(0, made.shape[axis], step)
        counts = np.diff(np.append(starts, made.shape[axis])).astype(np.float32)
        shape = [-1 if each == axis else 1 for each in range(made.ndim)]
        made = np.asarray(np.add.reduceat(made, starts, axis=axis) / counts.reshape(shape), np.float32)
    return made


def _places(pair: Pair, patch: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """See `Pair.cells`."""
    from scipy.ndimage import maximum_filter

    steps = cell_steps(patch)
    shown = pair.image if pair.target is None else pair.target
    means = cell_means(np.asarray(shown.max(axis=0), np.float32), steps)
    low, high = np.percentile(means, (3, 99.9))
    reach = [max(1, side // 2 // step) for side, step in zip(patch, steps, strict=True)]
    signal = maximum_filter(means, reach, mode="nearest") > low + _SIGNAL * (high - low)
    if pair.allowed is None:
        return np.arange(means.size), np.flatnonzero(signal)
    allowed = cell_means(pair.allowed.astype(np.float32), steps) > 0
    return np.flatnonzero(allowed), np.flatnonzero(signal & allowed)


def split(items: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Split into (training, validation): by file, see `dataset.split`; the frames of the only file; its two parts."""
    if items[0].role:
        return [each for each in items if each.role == TRAINING], [each for each in items if each.role == VALIDATION]
    if len({each.file for each in items}) == 1:
        count = max(1, round(share * len(items)))
        chosen = set(np.random.default_rng(seed).permutation(len(items))[:count].tolist())
        return [each for k, each in enumerate(items) if k not in chosen], [items[k] for k in sorted(chosen)]
    training, validation = dataset.split(items, share, seed)  # type: ignore[arg-type]
    return training, validation  # type: ignore[return-value]


def cut_in_two(item: Pair, share: float, patch: int) -> list[Pair]:
    """Return the only image of a training in two: to train on, and (at the end of its longer side) to validate on.

    Parameters
    ----------
    item : Pair
        The image.
    share : float
        Of the longer side that is kept for validation, at least a patch, at most a half.
    patch : int
        Side of a patch in pixels.
    """
    axis = item.ndim - 2 + int(np.argmax(item.shape[-2:]))
    side = item.shape[axis]
    kept = min(max(round(share * side), patch), side // 2)
    parts = {TRAINING: slice(0, side - kept), VALIDATION: slice(side - kept, side)}
    found = []
    for role, part in parts.items():
        where = [slice(None)] * item.ndim
        where[axis] = part
        found.append(item.part(tuple(where), f"{item.name} ({role} part)", role))
    if any(each.allowed is not None and not each.allowed.any() for each in found):
        return cut_in_two(_inside(item), share, patch)
    return found


def _inside(item: Pair) -> Pair:
    """Return the part of an image around its selection."""
    assert item.allowed is not None
    where = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(item.allowed))
    return item.part(where, item.name)
