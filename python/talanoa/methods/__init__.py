"""The methods that can be trained and applied: one file each, one line each in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from talanoa.errors import BadInput
from talanoa.methods import star_convex, stardist, stardist3d


@dataclass(frozen=True)
class Method:
    """What the training loop and the model folder need to know of a method.

    Parameters
    ----------
    config : function (**keys) -> config
        Validates a configuration.
    build : function (config) -> torch.nn.Module
        The network with fresh weights.
    targets : function (labels, config, classes) -> tuple of arrays
        What the network shall answer for a label patch; `classes` are those of the labels, or None.
    loss : function (output, target, config) -> dict of tensors
        Losses by name; ``loss`` is the one to minimise.
    thresholds : function () -> dict
        Decision thresholds of a model whose own were not optimised.
    ndim : int
        2 for methods that work on planes, 3 for those that work on volumes.
    """

    config: Callable[..., Any]
    build: Callable[[Any], Any]
    targets: Callable[[Any, Any, Any], tuple[Any, ...]]
    loss: Callable[[Any, Any, Any], dict[str, Any]]
    thresholds: Callable[[], dict[str, float]]
    ndim: int = 2


METHODS = {
    "stardist": Method(
        stardist.config_from, stardist.build, stardist.targets, star_convex.loss, star_convex.default_thresholds
    ),
    "stardist3d": Method(
        stardist3d.config_from,
        stardist3d.build,
        stardist3d.targets,
        star_convex.loss,
        star_convex.default_thresholds,
        ndim=3,
    ),
}
VOLUMES = {"stardist": "stardist3d"}  # which method does in volumes what another does in planes


def get(name: str) -> Method:
    """Return a method by name; an unknown one is a `BadInput` that lists the known ones."""
    if name not in METHODS:
        raise BadInput(f"Unknown method {name!r}; known methods: {', '.join(METHODS)}.")
    return METHODS[name]


def variant(name: str, ndim: int) -> str:
    """Return the name of a method's variant for planes (2) or volumes (3)."""
    return VOLUMES[name] if ndim == 3 else name
