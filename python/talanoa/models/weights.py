"""The weights of a model folder, ``weights.safetensors``: finite numbers that fit the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from talanoa.core.errors import BadInput

WEIGHTS = "weights.safetensors"


def check_weights(path: Path) -> None:
    """Raise `BadInput` for weights that cannot be read or are not finite; PyTorch is not loaded."""
    for name, values in _read(path).items():
        if not np.isfinite(values).all():
            raise _not_finite(path, name)


def load_network(build: Callable[[], Any], path: Path) -> Any:
    """Return the network that `build` makes, with the weights of a file; every tensor has to fit.

    The network is first made without memory for its values: a damaged configuration cannot ask for more than the file
    holds.
    """
    import torch

    weights = {name: torch.from_numpy(values) for name, values in _read(path).items()}
    expected = _shapes(build, path)
    wrong = sorted(
        key
        for key in expected.keys() | weights.keys()
        if key not in expected or key not in weights or expected[key].shape != weights[key].shape
    )
    if wrong:
        raise BadInput(f"{path} does not fit the model's configuration; tensors that differ: {', '.join(wrong[:5])}.")
    net = build()
    net.load_state_dict(weights)
    return net


def _shapes(build: Callable[[], Any], path: Path) -> Mapping[str, Any]:
    """Return the tensors of a network without their values."""
    import torch

    try:
        with torch.device("meta"):
            return dict(build().state_dict())
    except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError) as error:
        raise BadInput(
            f"{path.parent}: no network can be made from its configuration ({error}). Copy the model folder again."
        ) from error


def check_tensors(weights: Mapping[str, Any], path: Path) -> None:
    """Raise `BadInput` for tensors that are not finite, before they are written."""
    for name, values in weights.items():
        if not values.isfinite().all():
            raise _not_finite(path, name)


def _not_finite(path: Path, name: str) -> BadInput:
    return BadInput(
        f"{path}: the weights {name} are not finite (NaN or infinite): the training that wrote them diverged. Train "
        "again with a lower learning rate (lr), or take another model."
    )


def _read(path: Path) -> dict[str, Any]:
    """Return the arrays of a safetensors file by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = path.read_bytes()  # not mapped: a file that is replaced meanwhile would end the process
        weights: dict[str, Any] = load(content)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{path} is damaged or no safetensors file ({error}). Copy the model folder again.") from error
    return {name: values if values.flags.writeable else values.copy() for name, values in weights.items()}
