"""Run a network over an image of any size, tile by tile, and collect what a method needs of its output."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa import tiles
from talanoa.errors import BadInput
from talanoa.host import Host, QuietHost, stop_if_cancelled
from talanoa.methods import stardist

log = logging.getLogger(__name__)
Part = TypeVar("Part")


def prepared(net: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Return the network on its device, in evaluation mode, in the memory layout that convolutions like."""
    return net.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def pad_to_multiple(image: NDArray, multiple: Sequence[int]) -> NDArray:
    """Mirror an image (channels, y, x) at its far sides until they are multiples."""
    widths = [(0, tiles.padded_size(n, m) - n) for n, m in zip(image.shape[1:], multiple, strict=True)]
    return np.pad(image, [(0, 0), *widths], mode="symmetric")


def outputs(
    net: torch.nn.Module, image: NDArray, plan: Sequence[tiles.Tile], config: stardist.StarDistConfig
) -> Iterator[tuple[tiles.Tile, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (tile, probability, distances) of each tile's core.

    Parameters
    ----------
    net : Module
        On its device, see `prepared`.
    image : ndarray of float32, (channels, y, x)
        Normalised.
    plan : sequence of Tile
        From `talanoa.tiles.plan`.
    config : StarDistConfig
        Grid and sizes of the network.
    """
    device = next(net.parameters()).device
    padded = pad_to_multiple(image, config.multiple)
    grid_y, grid_x = config.grid
    for tile in plan:
        (read_y0, read_y1), (read_x0, read_x1) = tile.read
        (core_y0, core_y1), (core_x0, core_x1) = tile.core
        part = torch.from_numpy(np.ascontiguousarray(padded[None, :, read_y0:read_y1, read_x0:read_x1]))
        with torch.inference_mode():
            logit, dist = net(part.to(device, memory_format=torch.channels_last))
            window = (
                slice((core_y0 - read_y0) // grid_y, -(-(core_y1 - read_y0) // grid_y)),
                slice((core_x0 - read_x0) // grid_x, -(-(core_x1 - read_x0) // grid_x)),
            )
            prob = torch.sigmoid(logit[0, 0][window].float()).cpu().numpy()
            yield tile, prob, dist[0][:, window[0], window[1]].float().cpu().numpy()


def find_candidates(
    net: torch.nn.Module,
    image: NDArray,
    config: stardist.StarDistConfig,
    threshold: float,
    parts: Sequence[int],
    host: Host | None = None,
) -> stardist.Candidates:
    """Return all places of an image (channels, y, x; normalised) whose object probability exceeds a threshold."""
    host = host or QuietHost()
    plan = tiles.plan(image.shape[1:], parts, config.halo, config.multiple)
    found = []
    for number, (tile, prob, dist) in enumerate(outputs(net, image, plan, config)):
        stop_if_cancelled(host)
        origin = (tile.core[0][0], tile.core[1][0])
        found.append(stardist.candidates(prob, dist, threshold, config.grid, origin))
        host.progress(number + 1, len(plan), "Network")
    return stardist.join(found, config.n_rays)


def with_smaller_tiles(
    run: Callable[[tuple[int, ...]], Part], shape: Sequence[int], count: int | None
) -> tuple[Part, tuple[int, ...]]:
    """Run with the planned tiles; when memory ends, again with four times as many.

    Returns
    -------
    result
        What `run` returned.
    parts : tuple of int
        Tiles along each axis that it was run with, to be recorded.

    Raises
    ------
    BadInput
        Memory does not even suffice for tiles of 128 pixels.
    """
    parts = tiles.splits_for(shape, count)
    while True:
        try:
            return run(parts), parts
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if max(size / n for size, n in zip(shape, parts, strict=True)) <= 128:
                raise BadInput(
                    f"Not enough memory for an image of {' x '.join(map(str, shape))} pixels even in small tiles "
                    f"({error}). Close other programs, or choose device=cpu."
                ) from error
            parts = tuple(2 * n for n in parts)
            log.warning("memory ended; trying again with %s tiles", " x ".join(map(str, parts)))


def _is_out_of_memory(error: BaseException) -> bool:
    """Torch reports an exhausted CPU allocator as a plain RuntimeError."""
    return not isinstance(error, RuntimeError) or "memory" in str(error).lower()
