"""Weights that Keras wrote, read as plain arrays: no TensorFlow, and nothing in the file is run.

Two layouts occur: one group for each layer with its own name (Keras 1 and 2, and what CSBDeep writes under Keras 3),
and numbered groups for each kind of layer (the ``*.weights.h5`` of Keras 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.errors import BadInput

if TYPE_CHECKING:
    import h5py

LARGEST = 2**28  # values of one array; the largest layer of a U-Net of depth 6 has a tenth of it
KERAS3 = ("layers", "_layer_checkpoint_dependencies")  # the second one in 3.0 only
CONV, NORM = ("kernel", "bias"), ("gamma", "beta", "moving_mean", "moving_variance")
BLUR = "blur_kernel"  # of the poolings of N2V2, which nobody learns


@dataclass(frozen=True)
class Layer:
    """A layer's arrays by name: ``kernel`` and ``bias``, or those of a batch normalisation.

    A kernel has the axes (space…, input channels, output channels).
    """

    name: str
    arrays: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Weights:
    """Layers of a network in the order in which the data pass them, by kind."""

    convolutions: list[Layer]
    norms: list[Layer]


def read(path: Path) -> Weights:
    """Read the weights of a network of convolutions and batch normalisations.

    Raises
    ------
    BadInput
        No HDF5 file, damaged, none of the two layouts, layers of another kind, or parts that lie outside of the file.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            layers = list(_layers(file, path))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise BadInput(
            f"{path.name} cannot be read as Keras weights ({error}); expected an HDF5 file. Copy the model again."
        ) from error
    return Weights(
        [layer for layer in layers if "kernel" in layer.arrays], [one for one in layers if "gamma" in one.arrays]
    )


def _layers(file: h5py.File, path: Path) -> Iterator[Layer]:
    """Yield the layers that have weights, in the network's order."""
    root = _group(file, "model_weights") if "model_weights" in file else file  # a whole model holds its weights there
    if "layer_names" in root.attrs or "layer_names0" in root.attrs:
        for name in _texts(root, "layer_names"):
            group = _group(root, name)
            found = {_last(weight): _array(group, weight) for weight in _texts(group, "weight_names")}
            if found:
                yield _checked(Layer(name, found), path)
        return
    parent = next((name for name in KERAS3 if name in root), None)
    if parent is None:
        raise BadInput(
            f"{path.name} holds none of the two layouts that Keras writes; found the groups "
            f"{', '.join(list(root)[:5]) or 'none'}. Save the weights again with the original package."
        )
    layers = _group(root, parent)
    for name in sorted(layers, key=_natural):
        variables = _group(_group(layers, name), "vars") if "vars" in _group(layers, name) else {}
        arrays = [_array(variables, key) for key in sorted(variables, key=_natural)]
        if arrays:
            names = NORM if len(arrays) == len(NORM) else CONV
            yield _checked(Layer(name, dict(zip(names, arrays, strict=False))), path)


def _checked(layer: Layer, path: Path) -> Layer:
    """Refuse a layer that is neither a convolution nor a batch normalisation."""
    names = set(layer.arrays)
    if "kernel" in names and names <= set(CONV) and layer.arrays["kernel"].ndim in (4, 5):
        return layer
    if names == set(NORM) or (names == {BLUR} and _is_known_blur(layer.arrays[BLUR])):
        return layer
    shapes = ", ".join(f"{name} {array.shape}" for name, array in layer.arrays.items())
    raise BadInput(
        f"{path.name}: layer {layer.name} has {shapes}; expected convolutions and batch normalisations only. "
        "This is no network of StarDist, CARE or Noise2Void."
    )


def _is_known_blur(kernel: NDArray[np.float32]) -> bool:
    """Tell whether the weights of a blurred pooling are the only ones that n2v has: (1, 2, 1) / 4 along each axis."""
    line = np.array([1, 2, 1], np.float32) / 4
    return kernel.shape[:2] == (3, 3) and np.allclose(kernel, np.outer(line, line)[..., None, None], atol=1e-6)


def _group(parent: Any, name: str) -> Any:
    """Return a group that lies in the file itself; links to other files are not followed."""
    import h5py

    link = parent.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink) or not isinstance(parent[name], h5py.Group):
        raise BadInput(f"The weights refer to {name!r} outside of the file or to no group; such a file is not read.")
    return parent[name]


def _array(group: Any, name: str) -> NDArray[np.float32]:
    """Return an array of numbers that lies in the file itself and has a sensible size."""
    import h5py

    parts = name.split("/")
    for part in parts[:-1]:
        group = _group(group, part)
    link, data = group.get(parts[-1], getlink=True), None
    if isinstance(link, h5py.HardLink):
        data = group[parts[-1]]
    if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
        raise BadInput(f"The weights refer to {name!r} outside of the file or to no array; such a file is not read.")
    if data.dtype.kind != "f" or data.size > LARGEST:
        raise BadInput(f"The weights hold {name!r} as {data.dtype} {data.shape}; expected floating point weights.")
    values = np.asarray(data[()], np.float32)
    if not np.isfinite(values).all():
        raise BadInput(f"The weights of {name!r} are not finite: the training that wrote them had diverged.")
    return values


def _texts(group: Any, name: str) -> list[str]:
    """Return a list of texts among the attributes; a long one is cut into name0, name1, …"""
    if name in group.attrs:
        chunks = [group.attrs[name]]
    else:
        count = sum(1 for key in group.attrs if re.fullmatch(rf"{name}\d+", key))
        chunks = [group.attrs[f"{name}{number}"] for number in range(count)]
    return [text.decode() if isinstance(text, bytes) else str(text) for chunk in chunks for text in chunk]


def _last(weight: str) -> str:
    """Return "kernel" for "down_level_0_no_0/kernel:0"."""
    return weight.rsplit("/", 1)[-1].split(":")[0]


def _natural(name: str) -> tuple[str, int]:
    """Sort "conv2d", "conv2d_1", …, "conv2d_10" by number."""
    match = re.fullmatch(r"(.*?)_?(\d+)?", name)
    if match is None:
        return name, 0
    return match[1], int(match[2] or 0)
