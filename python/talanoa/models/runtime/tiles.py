"""Plan the tiles of any dense method: a fixed rule, so that the same image always gives the same tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

MAX_TILE = 1024  # pixels a side that one tile answers for, unless the caller asks otherwise
MAX_PIXELS = 1_150_000  # of a plane that is read in one piece: half a GB in a network of 32 channels
TILE_PIXELS = 950_000  # that one tile of a larger plane reads
MAX_VOXELS = 12_000_000  # that one tile of a volume reads: about 3 GB in a network of 32 channels


@dataclass(frozen=True)
class Tile:
    """One tile: what it answers for and what it reads, as (start, stop) for each axis of the image.

    Parameters
    ----------
    core : tuple of (int, int)
        The part of the image that this tile answers for; the cores of a plan cover the image without overlap.
    read : tuple of (int, int)
        Core and halo, clipped to the padded image.
    """

    core: tuple[tuple[int, int], ...]
    read: tuple[tuple[int, int], ...]


def padded_size(size: int, multiple: int) -> int:
    """Return the next multiple, at least one."""
    return max(1, ceil(size / multiple)) * multiple


def splits_for(shape: Sequence[int], count: int | None, max_tile: int = MAX_TILE) -> tuple[int, ...]:
    """Return the number of tiles along each axis.

    Parameters
    ----------
    shape : sequence of int
        Image size.
    count : int or None
        At least so many tiles in all, the longest side being cut first; None: the fewest that keep every
        side at `max_tile` or less.
    """
    if count is None:
        return tuple(max(1, ceil(size / max_tile)) for size in shape)
    parts = [1] * len(shape)
    while True:
        total = 1
        for part in parts:
            total *= part
        longest = max(range(len(shape)), key=lambda axis: shape[axis] / parts[axis])
        if total >= count or parts[longest] >= shape[longest]:
            return tuple(parts)
        parts[longest] += 1


def splits_within(
    shape: Sequence[int], halo: Sequence[int], most: int = MAX_VOXELS, count: int | None = None
) -> tuple[int, ...]:
    """Return the number of tiles along each axis, so that no tile reads more than `most` pixels or voxels.

    The axis whose tiles are longest beside their halo is cut first: that costs the least double work. The number of
    tiles that came out, given as `count`, leads to the same tiles again.

    Parameters
    ----------
    shape : sequence of int
        Size of the volume.
    halo : sequence of int
        Voxels read around a tile, for each axis.
    most : int
        Largest number of voxels of a tile and its halo.
    count : int, optional
        At least so many tiles in all, whatever they read.
    """
    parts = [1] * len(shape)
    while True:
        cores = [ceil(size / count) for size, count in zip(shape, parts, strict=True)]
        read = prod(min(s, c + 2 * h) for s, c, h in zip(shape, cores, halo, strict=True))
        enough = read <= most if count is None else prod(parts) >= count
        if enough or max(cores) == 1:
            return tuple(parts)
        axes = [axis for axis in range(len(shape)) if cores[axis] > 1]
        parts[max(axes, key=lambda axis: cores[axis] / (halo[axis] + 1))] += 1


def _axis_tiles(size: int, parts: int, halo: int, multiple: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    padded = padded_size(size, multiple)
    core = padded_size(ceil(size / parts), multiple)
    margin = padded_size(halo, multiple) if halo else 0
    tiles = []
    for start in range(0, size, core):
        read = (max(0, start - margin), min(padded, start + core + margin))
        tiles.append(((start, min(size, start + core)), read))
    return tiles


def plan(shape: Sequence[int], parts: Sequence[int], halo: int | Sequence[int], multiple: Sequence[int]) -> list[Tile]:
    """Cut an image into tiles whose network output equals that of the whole image.

    Parameters
    ----------
    shape : sequence of int
        Image size.
    parts : sequence of int
        Tiles along each axis.
    halo : int or sequence of int
        Pixels around a place that can influence its output (the receptive radius), for each axis.
    multiple : sequence of int
        Tiles start and end on multiples of this (the network's total pooling); the image is thought to be padded
        to such a multiple at its far side.
    """
    halos = (halo,) * len(shape) if isinstance(halo, int) else halo
    axes = [_axis_tiles(*side) for side in zip(shape, parts, halos, multiple, strict=True)]
    tiles: list[Tile] = [Tile((), ())]
    for axis in axes:
        tiles = [Tile((*tile.core, core), (*tile.read, read)) for tile in tiles for core, read in axis]
    return tiles
