"""Run a network over an image of any size, tile by tile, and collect what a method needs of its output."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa import devices, tiles
from talanoa.errors import BadInput
from talanoa.host import Host, QuietHost, stop_if_cancelled
from talanoa.methods import star_convex
from talanoa.normalize import rescale

log = logging.getLogger(__name__)
Part = TypeVar("Part")
Levels = Sequence[tuple[float, float]]
SMALLEST = {2: 128, 3: 32}  # side of the smallest tiles that are tried


def prepared(net: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Return the network on its device, in evaluation mode, in the memory layout that convolutions like."""
    axes = max((each.dim() - 2 for each in net.parameters()), default=2)
    return net.to(device=device, memory_format=devices.layout(axes)).eval()  # type: ignore[call-overload]


def read_tile(image: NDArray, read: Sequence[tuple[int, int]], levels: Levels | None = None) -> NDArray[np.float32]:
    """Cut a part out of an image, mirrored where it reaches past the far sides.

    Parameters
    ----------
    image : ndarray, (channels, y, x) or (channels, z, y, x)
        Normalised, or intensities together with `levels`.
    read : sequence of (start, stop)
        For each axis after the channels.
    levels : sequence of (float, float), optional
        Intensities of each channel that become 0 and 1.
    """
    inside = [slice(start, min(stop, size)) for (start, stop), size in zip(read, image.shape[1:], strict=True)]
    part = image[(slice(None), *inside)]
    beyond = [(0, max(0, stop - size)) for (_, stop), size in zip(read, image.shape[1:], strict=True)]
    if levels is not None:
        part = np.stack([rescale(channel, *level) for channel, level in zip(part, levels, strict=True)])
    return np.ascontiguousarray(np.pad(part, [(0, 0), *beyond], mode="symmetric"))


def outputs(
    net: torch.nn.Module, image: NDArray, plan: Sequence[tiles.Tile], config: Any, levels: Levels | None = None
) -> Iterator[tuple[tiles.Tile, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (tile, probability, distances) of each tile's core.

    Parameters
    ----------
    net : Module
        On its device, see `prepared`.
    image : ndarray, (channels, y, x) or (channels, z, y, x)
        Normalised (float32), or intensities together with `levels`: then only a tile at a time is converted.
    plan : sequence of Tile
        From `talanoa.tiles.plan`.
    config : StarDistConfig or StarDist3DConfig
        Grid and sizes of the network.
    levels : sequence of (float, float), optional
        Intensities of each channel that become 0 and 1.
    """
    device = next(net.parameters()).device
    layout = devices.layout(len(config.grid))
    for tile in plan:
        sides = zip(tile.core, tile.read, config.grid, strict=True)
        window = tuple(slice((c0 - r0) // step, -(-(c1 - r0) // step)) for (c0, c1), (r0, _), step in sides)
        part = torch.from_numpy(read_tile(image, tile.read, levels))[None]
        with torch.inference_mode():
            logit, dist = net(part.to(device, memory_format=layout))
            prob = torch.sigmoid(logit[0, 0][window].float()).cpu().numpy()
            yield tile, prob, dist[0][(slice(None), *window)].float().cpu().numpy()


def find_candidates(
    net: torch.nn.Module,
    image: NDArray,
    config: Any,
    threshold: float,
    parts: Sequence[int],
    host: Host | None = None,
    levels: Levels | None = None,
) -> star_convex.Candidates:
    """Return all places of an image whose object probability exceeds a threshold; arguments as for `outputs`."""
    host = host or QuietHost()
    plan = tiles.plan(image.shape[1:], parts, config.halo, config.multiple)
    found = []
    for number, (tile, prob, dist) in enumerate(outputs(net, image, plan, config, levels)):
        stop_if_cancelled(host)
        origin = [start for start, _ in tile.core]
        found.append(star_convex.candidates(prob, dist, threshold, config, origin))
        host.progress(number + 1, len(plan), "Network")
    return star_convex.join(found, config)


def planned_parts(shape: Sequence[int], config: Any, count: int | None = None) -> tuple[int, ...]:
    """Return the number of tiles along each axis: a fixed rule for planes, a budget for volumes, or `count` in all."""
    if len(shape) == 2 or count is not None:
        return tiles.splits_for(shape, count)
    return tiles.splits_within(shape, config.halo)


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
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
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
    """Torch reports an exhausted CPU allocator as a plain RuntimeError."""
    return not isinstance(error, RuntimeError) or "memory" in str(error).lower()
