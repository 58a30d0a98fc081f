"""Models of the original StarDist, CARE (CSBDeep) and n2v (Keras, TensorFlow) become ours, weight by weight.

The original's folder holds ``config.json``, for StarDist ``thresholds.json``, and one or more ``weights_*.h5``. What is
imported predicts as the original does: the same normalization, for StarDist the same padding and the same places left
out at the border. CARE and n2v pad an image whose sides are no multiples of what the network needs on both sides, ours
on the far ones: there pixels within the halo of a border can differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256, read_json
from talanoa.models.folder import Model
from talanoa.models.keras import config as keras_config
from talanoa.models.keras import image_models
from talanoa.models.keras import weights as keras_h5
from talanoa.models.keras.weights import Layer, Weights

if TYPE_CHECKING:
    import torch

CONFIG, THRESHOLDS = "config.json", "thresholds.json"
PREFERRED = ("best", "last", "now")
KERAS_EPSILON = 1e-3  # of a batch normalisation; torch has another one, which goes into the variance
DEFAULT_THRESHOLDS = {"prob": 0.5, "nms": 0.4}
TITLES = {"stardist": "StarDist", "csbdeep": "CARE", "n2v": "Noise2Void"}


@dataclass(frozen=True)
class Imported:
    """A model in our terms.

    Parameters
    ----------
    model : Model
        What goes into the record; its description names the source.
    weights : dict of Tensor
        State dict of the network.
    notes : list of str
        What was filled in or is different, for the user.
    """

    model: Model
    weights: dict[str, torch.Tensor]
    notes: list[str]


def is_keras_folder(folder: Path) -> bool:
    """Tell whether a folder looks like a model of the original."""
    return (folder / CONFIG).is_file() and bool(weight_files(folder))


def weight_files(folder: Path) -> list[Path]:
    """Return the weights in a folder, the best ones first."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".h5", ".hdf5") and path.is_file()]

    def rank(path: Path) -> int:
        return next((number for number, word in enumerate(PREFERRED) if word in path.name), len(PREFERRED))

    return sorted(found, key=rank)


def read(folder: Path, name: str) -> Imported:
    """Read a model folder of the original StarDist, CARE or n2v, 2D or 3D; ``config.json`` tells which one it is.

    Parameters
    ----------
    folder : Path
        With ``config.json`` and weights; of several the best ones are taken, as the original does.
    name : str
        Name of the new model.

    Raises
    ------
    BadInput
        Something is missing, damaged or of another network; the message names the file, and the layer with both shapes.
    """
    from talanoa.models import methods

    files = weight_files(folder)
    if not files:
        raise BadInput(
            f"{folder} holds {CONFIG} but no weights; expected weights_best.h5, weights_last.h5 or weights_now.h5 "
            "beside it. Copy the whole model folder."
        )
    weights = keras_h5.read(files[0])
    if not weights.convolutions:
        raise BadInput(f"{files[0].name} holds no convolutions; expected the weights of a network for images.")
    original = keras_config.read(folder / CONFIG)
    package = image_models.package_of(original)
    if package == "stardist":
        translated = keras_config.translate(original, weights.convolutions[0].arrays["kernel"].ndim - 2)
        thresholds, notes = _thresholds(folder)
    else:
        translated = image_models.translate(package, original, weights)
        thresholds, notes = {}, []
    method = methods.get(translated.method)
    config = method.config(**translated.keys)
    if translated.keys.get("separate_channels"):
        weights = image_models.by_channel(weights, config.n_channel_in)
    state = convert(weights, method.build(config), files[0].name)
    notes = [*translated.notes, *notes]
    if translated.filled:
        notes.insert(0, f"{CONFIG} lacks {', '.join(translated.filled)}: the original's defaults were taken.")
    source = {"package": package, "weights": files[0].name, "sha256": file_sha256(files[0]), "config": original}
    model = Model(
        name=name,
        method=translated.method,
        config=config.model_dump(mode="json"),
        thresholds=thresholds,
        normalization=translated.normalization,
        description=" ".join([f"{TITLES[package]} model imported from {folder.name} ({files[0].name}).", *notes]),
        training={"imported": {**source, "filled": translated.filled, "notes": notes}, "background_level": None},
    )
    return Imported(model, state, notes)


def _thresholds(folder: Path) -> tuple[dict[str, float], list[str]]:
    """Return the thresholds, with the original's defaults for what is missing or impossible, and notes about that."""
    path = folder / THRESHOLDS
    found = read_json(path, "JSON", "Copy the model folder again.") if path.exists() else {}
    found = found if isinstance(found, dict) else {}
    values, notes = dict(DEFAULT_THRESHOLDS), []
    for key, default in DEFAULT_THRESHOLDS.items():
        value = found.get(key)
        if isinstance(value, int | float) and 0 < value < 1:
            values[key] = float(value)
        else:
            reason = "has no" if value is None else f"has {value!r} as"
            notes.append(f"{THRESHOLDS} {reason} {key}: the original's default {default} was taken.")
    return values, notes


def convert(weights: Weights, net: torch.nn.Module, file: str) -> dict[str, torch.Tensor]:
    """Return the state dict of `net` with the weights of a Keras network of the same architecture.

    Layers are paired in the order in which the data pass them, kernels of one pixel (heads and shortcuts) and
    larger ones apart: two branches of the same depth never share both.

    Raises
    ------
    BadInput
        Another number of layers, or a shape that does not fit; the message names the layer.
    """
    import torch

    state = {key: value.clone() for key, value in net.state_dict().items()}
    expected = _convolutions(net)
    bias: dict[str, NDArray[np.float32]] = {}
    for pointwise in (False, True):
        mine = [one for one in expected if (max(one[1].kernel_size) == 1) == pointwise]
        theirs = [one for one in weights.convolutions if (max(one.arrays["kernel"].shape[:-2]) == 1) == pointwise]
        _same_number(theirs, mine, f"convolutions of {'one pixel' if pointwise else 'more than one pixel'}", file)
        for (name, conv), layer in zip(mine, theirs, strict=True):
            size = conv.out_channels
            kernel = _array(layer, "kernel", (*conv.kernel_size, conv.in_channels, size), file)
            axes = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
            state[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel.transpose(axes)))
            bias[name] = _array(layer, "bias", (size,), file) if "bias" in layer.arrays else np.zeros(size, np.float32)
            if conv.bias is not None:
                state[f"{name}.bias"] = torch.from_numpy(bias.pop(name))
    norms = _norms(net)
    _same_number(weights.norms, norms, "batch normalisations", file)
    for (name, norm, conv_name), layer in zip(norms, weights.norms, strict=True):
        state |= _norm_state(name, norm, layer, bias.pop(conv_name, 0.0), file)
    if any(np.any(rest) for rest in bias.values()):
        raise BadInput(f"{file}: the convolutions {', '.join(bias)} have a bias that this network cannot hold.")
    return state


def _convolutions(net: torch.nn.Module) -> list[tuple[str, Any]]:
    """Return name and module of each convolution; modules are registered in the order in which the data pass them."""
    from torch import nn

    return [(name, one) for name, one in net.named_modules() if isinstance(one, nn.Conv2d | nn.Conv3d)]


def _norms(net: torch.nn.Module) -> list[tuple[str, Any, str]]:
    """Return name and module of each batch normalisation, and the name of the convolution before it."""
    from torch import nn

    found, before = [], ""
    for name, one in net.named_modules():
        if isinstance(one, nn.Conv2d | nn.Conv3d):
            before = name
        elif isinstance(one, nn.BatchNorm2d | nn.BatchNorm3d):
            found.append((name, one, before))
    return found


def _norm_state(name: str, norm: Any, layer: Layer, bias: Any, file: str) -> dict[str, torch.Tensor]:
    """Return the tensors of one batch normalisation; a bias before it moves its mean."""
    import torch

    size = (norm.num_features,)
    gamma, beta, mean, variance = (_array(layer, key, size, file) for key in keras_h5.NORM)
    values = {
        "weight": gamma,
        "bias": beta,
        "running_mean": mean - bias,
        "running_var": variance + np.float32(KERAS_EPSILON - norm.eps),
    }
    return {f"{name}.{key}": torch.from_numpy(np.asarray(value, np.float32)) for key, value in values.items()}


def _array(layer: Layer, key: str, shape: tuple[int, ...], file: str) -> NDArray[np.float32]:
    """Return an array of a layer; another shape than expected is an error that names both."""
    found = layer.arrays[key]
    if found.shape != shape:
        raise BadInput(
            f"{file}: layer {layer.name} has a {key} of {_text(found.shape)}; expected {_text(shape)} by {CONFIG}. "
            "The two files are not of one model."
        )
    return found


def _same_number(found: list[Any], expected: list[Any], what: str, file: str) -> None:
    if len(found) != len(expected):
        raise BadInput(
            f"{file} holds {len(found)} {what}; expected {len(expected)} by {CONFIG}. "
            "The two files are not of one model."
        )


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
