"""Run a network over an image of any size, tile by tile, and collect what a method needs of its output."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.image.ops.normalize import rescale
from talanoa.models.methods import star_convex
from talanoa.models.methods.mask_objects import Probability
from talanoa.models.runtime import tiles
from talanoa.models.runtime.types import Maps, Packed, Runner, star_maps, window_of

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
Part = TypeVar("Part")
Levels = Sequence[tuple[float, float]]
PadMode = Literal["symmetric", "reflect"]
SMALLEST = {2: 128, 3: 32}  # side of the smallest tiles that are tried


def prepared(net: torch.nn.Module, device: torch.device) -> Runner[Maps]:
    """Return a star-convex torch network ready to run; `talanoa.models.runtime.backends.for_model` chooses for a
    model's folder."""
    from talanoa.models.runtime.torch import TorchRunner

    return TorchRunner(net, device, star_convex.maps, star_maps)


def read_tile(
    image: NDArray, read: Sequence[tuple[int, int]], levels: Levels | None = None, mode: PadMode = "symmetric"
) -> NDArray[np.float32]:
    """Cut a part out of an image, mirrored where it reaches past the far sides.

    Parameters
    ----------
    image : ndarray, (channels, y, x) or (channels, z, y, x)
        Normalised, or intensities together with `levels`.
    read : sequence of (start, stop)
        For each axis after the channels.
    levels : sequence of (float, float), optional
        Intensities of each channel that become 0 and 1.
    mode : str
        "symmetric", or "reflect": the mirrored part does not repeat the edge.
    """
    inside = [slice(start, min(stop, size)) for (start, stop), size in zip(read, image.shape[1:], strict=True)]
    part = image[(slice(None), *inside)]
    beyond = [(0, max(0, stop - size)) for (_, stop), size in zip(read, image.shape[1:], strict=True)]
    if levels is not None:
        part = np.stack([rescale(channel, *level) for channel, level in zip(part, levels, strict=True)])
    return np.ascontiguousarray(np.pad(part, [(0, 0), *beyond], mode=mode))


def outputs(
    net: Runner[Packed],
    image: Any,
    plan: Sequence[tiles.Tile],
    config: Any,
    levels: Levels | None = None,
    more: bool = False,
) -> Generator[tuple[tiles.Tile, Packed]]:
    """Yield each tile with the network's output for its core, the largest first, so that memory is asked for only once.

    The network already runs on the next tile while the caller works on one.

    Parameters
    ----------
    net : Runner
        See `prepared` and `talanoa.models.runtime.backends`.
    image : ndarray, (channels, y, x) or (channels, z, y, x)
        Normalised (float32), or intensities together with `levels`: then only a tile at a time is converted.
    plan : sequence of Tile
        From `talanoa.models.runtime.tiles.plan`.
    config : StarDistConfig or StarDist3DConfig
        Grid, sizes and padding of the network.
    levels : sequence of (float, float), optional
        Intensities of each channel that become 0 and 1.
    more : bool
        Another image of this size follows: memory is kept for it.
    """

    ordered = sorted(plan, key=lambda tile: -prod(stop - start for start, stop in tile.read))

    def run(number: int) -> Packed:
        tile = ordered[number]
        part = read_tile(image, tile.read, levels, config.pad_mode)
        return net(part, window_of(tile.core, tile.read, config.grid), last=not more and number == len(plan) - 1)

    if len(plan) == 1:
        yield plan[0], run(0)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="talanoa-network") as ahead:
        pending = ahead.submit(run, 0)
        for number, tile in enumerate(ordered):
            maps = pending.result()
            if number + 1 < len(plan):
                pending = ahead.submit(run, number + 1)
            yield tile, maps


def find_candidates(
    net: Runner[Maps],
    image: NDArray,
    config: Any,
    threshold: float,
    parts: Sequence[int],
    host: Host | None = None,
    levels: Levels | None = None,
    keep: Callable[[tiles.Tile, Maps], None] | None = None,
) -> star_convex.Candidates:
    """Return all places of an image whose object probability exceeds a threshold; arguments as for `outputs`.

    `keep`, if given, gets each tile and its maps.
    """
    host = host or QuietHost()
    plan = tiles.plan(image.shape[1:], parts, config.halo, config.multiple)
    padded = [tiles.padded_size(size, step) for size, step in zip(image.shape[1:], config.multiple, strict=True)]
    found: dict[tiles.Tile, star_convex.Candidates] = {}
    with closing(outputs(net, image, plan, config, levels)) as results:  # cancelled, it ends with the tile at work
        for number, (tile, maps) in enumerate(results):
            stop_if_cancelled(host)
            if keep is not None:
                keep(tile, maps)
            origin = [start for start, _ in tile.core]
            prob = without_border(maps.prob, origin, padded, config)
            found[tile] = star_convex.candidates(prob, maps.dist, threshold, config, origin, maps.classes)
            host.progress(number + 1, len(plan), "Network")
    return star_convex.join([found[tile] for tile in plan], config)


def find_probability(
    net: Runner[NDArray[np.float32]],
    image: NDArray,
    config: Any,
    threshold: float,
    parts: Sequence[int],
    host: Host | None = None,
    levels: Levels | None = None,
    keep: Callable[[tiles.Tile, Maps], None] | None = None,
) -> Probability:
    """Return the probability of each pixel of an image; arguments as for `find_candidates`, no threshold is applied."""
    host = host or QuietHost()
    plan = tiles.plan(image.shape[1:], parts, config.halo, config.multiple)
    whole = np.zeros(image.shape[1:], np.float32)
    with closing(outputs(net, image, plan, config, levels)) as results:
        for number, (tile, prob) in enumerate(results):
            stop_if_cancelled(host)
            if keep is not None:
                keep(tile, Maps(prob, np.zeros((0, *prob.shape), np.float32)))
            whole[tuple(slice(start, stop) for start, stop in tile.core)] = prob
            host.progress(number + 1, len(plan), "Network")
    return Probability(whole)


def without_border(
    prob: NDArray[np.float32], origin: Sequence[int], padded: Sequence[int], config: Any
) -> NDArray[np.float32]:
    """Return the probabilities of a tile with 0 within ``config.nms_border`` places of the padded image's border.

    Parameters
    ----------
    prob : ndarray of float32, (space…)
        On the grid.
    origin, padded : sequence of int
        First pixel of the tile; size of the padded image.
    config : StarDistConfig or StarDist3DConfig
        Grid and border.
    """
    if not config.nms_border:
        return prob
    inner = []
    for first, size, step in zip(origin, padded, config.grid, strict=True):
        inner.append(
            slice(max(0, config.nms_border - first // step), max(0, (size - first) // step - config.nms_border))
        )
    kept = np.zeros_like(prob)
    kept[tuple(inner)] = prob[tuple(inner)]
    return kept


def planned_parts(shape: Sequence[int], config: Any, count: int | None = None) -> tuple[int, ...]:
    """Return the number of tiles along each axis: `count` in all, or what a fixed budget of pixels or voxels allows."""
    halo = (config.halo,) * len(shape) if isinstance(config.halo, int) else config.halo
    if len(shape) == 2:
        most = tiles.MAX_PIXELS if prod(shape) <= tiles.MAX_PIXELS else tiles.TILE_PIXELS
        most = max(
            most, prod(2 * side + SMALLEST[2] for side in halo)
        )  # of a network that sees far, some has to remain
        return tiles.splits_within(shape, halo, most, count)
    return tiles.splits_within(shape, halo, tiles.MAX_VOXELS, count)


def with_smaller_tiles(
    run: Callable[[tuple[int, ...]], Part], parts: tuple[int, ...], shape: Sequence[int]
) -> tuple[Part, tuple[int, ...]]:
    """Run with the planned tiles of an image of this shape; when memory ends, again with half their sides.

    Returns
    -------
    result
        What `run` returned.
    parts : tuple of int
        Tiles along each axis that it was run with, to be recorded.

    Raises
    ------
    BadInput
        Memory does not even suffice for tiles of 128 pixels (32 in volumes).
    """
    while True:
        try:
            return run(parts), parts
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if max(size / n for size, n in zip(shape, parts, strict=True)) <= SMALLEST[len(shape)]:
                raise BadInput(
                    f"Not enough memory for an image of {' x '.join(map(str, shape))} pixels even in small tiles "
                    f"({error}). Close other programs, or choose device=cpu."
                ) from error
            parts = tuple(2 * n for n in parts)
            log.warning("memory ended; trying again with %s tiles", " x ".join(map(str, parts)))


def _is_out_of_memory(error: BaseException) -> bool:
    """Torch reports exhausted memory, of a GPU too, as a RuntimeError that says so."""
    return not isinstance(error, RuntimeError) or "memory" in str(error).lower()
