"""Weights that others trained on photographs, from a file of the user's; nothing is ever fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import torch
from torch import nn

from talanoa.core.errors import BadInput

State = dict[str, torch.Tensor]
_WRAPPED = ("state_dict", "model")  # what training programs put weights into
_PREFIXES = ("module.", "model.", "encoder.")
_HEADS = ("fc.", "classifier.", "head.", "heads.", "last_linear.", "conv_head.", "bn2.", "AuxLogits.", "aux1.", "aux2.")
_DOTTED = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")  # in older files of DenseNet


def missing_package(wanted: str, package: str) -> BadInput:
    """Return the error for a package that is not installed."""
    return BadInput(f'{wanted} needs the package {package}, which is not installed. pip install "talanoa[encoders]"')


def where_from(name: str) -> str:
    """Return in words where weights of a network come from: torchvision's file by its name, if it has one."""
    try:
        from torchvision import models

        urls = [each.url for each in models.get_model_weights(name)]
    except (ImportError, ValueError):
        return f"Get a file of timm for {name.removeprefix('tu-')} (.safetensors or .bin) and give its path."
    file = PurePosixPath(urls[0]).name
    return f"Get the file {file} of torchvision, or one of timm (.safetensors), and give its path."


def read(path: str | Path, key: str, name: str) -> State:
    """Return the weights in a file.

    Parameters
    ----------
    path : path
        ``.safetensors``, or a file of `torch.save` with nothing but weights.
    key, name : str
        The setting that names the file, and the network that wants it, for messages.

    Raises
    ------
    BadInput
        There is no such file, or it holds no weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{key}: {path} is no file; expected weights of {name}. {where_from(name)}")
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError, _unpickling()) as problem:
        raise BadInput(f"{key}: {path} holds no weights that can be read safely ({problem}). {where_from(name)}") from (
            problem
        )
    for inner in _WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(inner), Mapping):
            found = found[inner]
    if not isinstance(found, Mapping) or not all(isinstance(each, torch.Tensor) for each in found.values()):
        raise BadInput(f"{key}: {path} holds something else than weights by name. {where_from(name)}")
    return dict(found)


def fitted(found: Mapping[str, torch.Tensor], net: nn.Module, key: str, name: str) -> State:
    """Return weights under the names of a network, those of its first convolution for its input channels.

    Weights for red, green and blue are shared out evenly among n channels (3 stay as they are): where all show the
    same, the answer is that to a grey photograph.

    Raises
    ------
    BadInput
        They are of another network: names or shapes differ. Those of a classifier at its end do not count.
    """
    mine = net.state_dict()
    short = {each: _flat(bare) for each, bare in zip(mine, _bare(mine), strict=True)}
    source = {_flat(each): value for each, value in _bare(found).items()}
    heads = {_flat(each) for each in _bare(found) if each.startswith(_HEADS)}
    missing = [one for one in short.values() if one not in source and not one.endswith("num_batches_tracked")]
    others = sorted(set(source) - set(short.values()) - heads)
    if missing or others:
        odd = f"without {missing[0]}" if missing else f"with {others[0]}"
        raise BadInput(
            f"{key}: the file is of another network than {name}: {len(missing) + len(others)} names differ, such as "
            f"one {odd}. {where_from(name)}"
        )
    first = next(each for each, value in mine.items() if value.dim() == 4)
    result = {}
    for each, value in mine.items():
        given = source.get(short[each], value)
        if each == first:
            given = for_channels(given, value.shape[1])
        if given.shape != value.shape:
            raise BadInput(
                f"{key}: the file is of another network than {name}: {short[each]} has the shape {tuple(given.shape)}, "
                f"expected {tuple(value.shape)}."
            )
        result[each] = given
    return result


def for_channels(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """Return the weights (out, channels, y, x) of a first convolution made for red, green and blue."""
    if weight.shape[1] != 3 or channels == 3:
        return weight
    return (weight.sum(dim=1, keepdim=True) / channels).expand(-1, channels, -1, -1).clone()


def load_encoder(net: nn.Module, path: str | Path, name: str) -> None:
    """Give an encoder of segmentation-models-pytorch the weights of a file.

    Raises
    ------
    BadInput
        See `read` and `fitted`.
    """
    state = fitted(read(path, "encoder_weights", name), net, "encoder_weights", name)
    nn.Module.load_state_dict(net, state)  # its own one renames, which is done


def _bare(state: Mapping[str, torch.Tensor]) -> State:
    """Return weights by their names without a prefix that all of them have."""
    found = dict(state)
    for prefix in _PREFIXES:
        if found and all(each.startswith(prefix) for each in found):
            found = {each.removeprefix(prefix): value for each, value in found.items()}
    return found


def _flat(name: str) -> str:
    """Return a name as all writers agree on: timm's feature networks have underscores for dots, old files dots more."""
    return _DOTTED.sub(r"\1\2", name).replace(".", "_")


def _unpickling() -> type[Exception]:
    from pickle import UnpicklingError

    return UnpicklingError
