"""Percentiles of a large image from some of its blocks: all of them where they are few, else a seeded draw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.image.ops.normalize import sample_step
from talanoa.segmentation.blocks.grid import Box, Grid, Pixels, slices

MOST = 64  # blocks that are looked at
SEED = 42


@dataclass(frozen=True)
class Levels:
    """Intensities that become 0 and 1, and where they come from.

    Parameters
    ----------
    limits : list of (float, float)
        For each channel.
    middle : list of float
        Median of each channel.
    blocks, of : int
        Blocks that were looked at, and all.
    values : int
        Pixels of each channel that were used.
    sha256 : str
        Of the values that were used: what tells one image from another.
    """

    limits: list[tuple[float, float]]
    middle: list[float]
    blocks: int
    of: int
    values: int
    sha256: str

    def record(self) -> dict[str, Any]:
        """Return how the percentiles were found, for `result.json`."""
        return {"blocks": self.blocks, "of": self.of, "values": self.values, "seed": SEED, "sha256": self.sha256}


def measure(pixels: Pixels, grid: Grid, low: float, high: float, host: Host) -> Levels:
    """Return the percentiles of a frame.

    Up to 64 blocks all are looked at, and of them the very pixels that `normalize.percentile_limits` uses of the whole
    image: the result is the same. Of more blocks 64 are drawn without regard to their content, from a fixed seed.

    Parameters
    ----------
    pixels : Pixels
        The frame.
    grid : Grid
        Its blocks.
    low, high : float
        Percentiles.
    host : Host
        Cancelling.
    """
    chosen = drawn(len(grid))
    looked_at = sum(prod(stop - start for start, stop in grid.box(block)) for block in chosen)
    step = sample_step(looked_at)
    parts: list[NDArray[Any]] = []
    for block in chosen:
        stop_if_cancelled(host)
        parts.append(_every(pixels, grid.box(block), grid.shape, step))
    values = np.concatenate(parts, axis=1)
    percentiles = np.percentile(values, (low, 50, high), axis=1)
    pairs = [(float(lower), float(upper)) for lower, _, upper in percentiles.T]
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
    return Levels(pairs, percentiles[1].tolist(), len(chosen), len(grid), values.shape[1], digest)


def drawn(count: int) -> list[int]:
    """Return the blocks to look at, ascending."""
    if count <= MOST:
        return list(range(count))
    return sorted(np.random.default_rng(SEED).choice(count, MOST, replace=False).tolist())


def _every(pixels: Pixels, box: Box, shape: Sequence[int], step: int) -> NDArray[Any]:
    """Return of a block the pixels whose number in the whole image is a multiple of `step`, (channels, n)."""
    part = pixels[(slice(None), *slices(box))]
    number = np.zeros((1,) * len(box), np.int64)
    for axis, (start, stop) in enumerate(box):
        along = (np.arange(start, stop) % step) * (prod(shape[axis + 1 :]) % step) % step
        number = number + along.reshape([-1 if each == axis else 1 for each in range(len(box))])
    return part[:, number % step == 0]
