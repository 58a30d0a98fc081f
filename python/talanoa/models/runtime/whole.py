"""The answer of a network in training to a whole image, tile by tile."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.models.runtime import dense, inference, tiles
from talanoa.models.runtime.torch import TorchRunner


def predict(
    net: torch.nn.Module, image: NDArray[np.float32], config: Any, host: Host | None = None
) -> tuple[NDArray[np.float32], ...]:
    """Return what a network answers, with the tiles that a prediction with the finished model takes.

    Parameters
    ----------
    net : Module
        On its device; is left in evaluation mode.
    image : ndarray of float32, (channels, y, x) or (channels, z, y, x)
        Normalised; of a stack that becomes a plane with its slices as channels.
    config : config of the method
        Halo, multiple, padding.
    host : Host, optional
        Cancelling between tiles.

    Returns
    -------
    tuple of ndarray of float32, (channels, space…)
        The image and, of a probabilistic network, its scale; in normalised units.
    """
    runner = TorchRunner(net, next(net.parameters()).device, _as_they_are, _as_they_are)
    parts = dense.planned_parts(image.shape[1:], config, slices=len(image) // config.n_channel_in)
    plan = tiles.plan(image.shape[1:], parts, config.halo, config.multiple)
    made: list[NDArray[np.float32]] = []
    for tile, answer in inference.outputs(runner, image, plan, config):
        stop_if_cancelled(host or QuietHost())
        made = made or [np.empty((len(each), *image.shape[1:]), np.float32) for each in answer]
        core = tuple(slice(start, stop) for start, stop in tile.core)
        size = tuple(slice(0, stop - start) for start, stop in tile.core)
        for whole, part in zip(made, answer, strict=True):
            whole[(slice(None), *core)] = part[(slice(None), *size)]
    return tuple(made)


def seconds(net: torch.nn.Module, image: NDArray[np.float32], config: Any) -> float:
    """Return the seconds that `predict` takes for an image, once the network is ready."""
    taken = []
    for _ in range(2):  # the first one gets the network ready
        started = time.perf_counter()
        predict(net, image, config)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _as_they_are(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return outputs that need no change."""
    return outputs
