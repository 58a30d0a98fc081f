"""Weights that Keras wrote, read as plain arrays: no TensorFlow, and nothing in the file is run.

Two layouts occur: one group for each layer with its own name (Keras 1 and 2, and what CSBDeep writes under Keras 3),
and numbered groups for each kind of layer (the ``*.weights.h5`` of Keras 3).
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core import leftovers
from talanoa.core.errors import BadInput

if TYPE_CHECKING:
    import h5py

log = logging.getLogger(__name__)
LIMIT = 120.0  # seconds that the reading of a file may take; the largest ones take some
REFUSED = 3  # exit code of the process that reads: its output says why
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
    """Read the weights of a network of convolutions and batch normalisations, in a process of its own.

    The library of HDF5 does not come to an end with some damaged files, and ends the process with others.

    Raises
    ------
    BadInput
        No HDF5 file, damaged, none of the two layouts, layers of another kind, or parts that lie outside of the file.
    """
    with TemporaryDirectory(prefix=leftovers.temporary_prefix()) as name:
        found = Path(name) / "weights.npz"
        command = [sys.executable, "-m", "talanoa.models.keras.weights", str(path.absolute()), str(found)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except subprocess.TimeoutExpired as error:
            raise _damaged(path, f"reading it does not end within {LIMIT:g} s") from error
        except OSError as error:
            raise _damaged(path, f"the process that reads it cannot start: {error}") from error
        if done.returncode == REFUSED:
            raise BadInput(done.stdout.decode("utf-8").strip())
        if done.returncode:
            log.warning("reading %s: %s", path, done.stderr.decode("utf-8", "replace"))
            raise _damaged(path, f"the HDF5 library failed with code {done.returncode}")
        return _unpacked(found)


def main(arguments: Sequence[str]) -> int:
    """Read the weights of a file in this process, and leave them in another one as plain arrays."""
    source, target = map(Path, arguments)
    try:
        weights = read_here(source)
    except BadInput as problem:
        sys.stdout.buffer.write(f"{problem}\n".encode())
        return REFUSED
    layers = [*weights.convolutions, *weights.norms]
    arrays: dict[str, Any] = {
        f"{number}/{key}": values for number, one in enumerate(layers) for key, values in one.arrays.items()
    }
    with target.open("wb") as file:
        np.savez(
            file, names=np.array([one.name for one in layers]), split=np.array(len(weights.convolutions)), **arrays
        )
    return 0


def _unpacked(path: Path) -> Weights:
    """Return what `main` has left."""
    with np.load(path, allow_pickle=False) as stored:
        arrays: list[dict[str, NDArray[np.float32]]] = [{} for _ in stored["names"]]
        for key in stored.files:
            number, _, name = key.partition("/")
            if name:
                arrays[int(number)][name] = stored[key]
        layers = [Layer(str(name), each) for name, each in zip(stored["names"], arrays, strict=True)]
        split = int(stored["split"])
    return Weights(layers[:split], layers[split:])


def _damaged(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path.name} cannot be read as Keras weights ({why}); expected an HDF5 file. Copy the model again."
    )


def read_here(path: Path) -> Weights:
    """Do what `read` does, in this process."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            layers = list(_layers(file, path))
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError) as error:
        raise _damaged(path, str(error)) from error
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
