"""Networks that start from another one: what is taken from it, and how fast its encoder learns on.

A network for objects can start from one of in silico labelling, which has seen many images of the same kind without
anybody having outlined anything (pretext task: M. Philbert 2020). Everything but the outputs is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import torch

from talanoa.core.errors import BadInput, counted
from talanoa.models import folder, methods
from talanoa.models.folder import Model, own_normalization
from talanoa.training.request import TrainRequest

if TYPE_CHECKING:
    from talanoa.training.recipe import Ready
    from talanoa.training.settings import Settings

SLOW = 0.1  # of the learning rate, for an encoder that is fine-tuned slowly
PACE = "pace"  # key of a group of parameters: its factor of the learning rate
TRUNK = "trunk."  # before the names of what is taken, in a network that has more around it


def is_transfer(init: Model, method: str) -> bool:
    """Tell whether a network for objects starts from one that makes stains: then only a part of it is taken."""
    return methods.get(init.method).kind == "stains" and methods.get(method).kind == "objects"


def shape_of(init: Model, channels: int, asked: Mapping[str, Any]) -> dict[str, int]:
    """Return filters and depth of a labelling model to start from.

    Parameters
    ----------
    init : Model
        The labelling model.
    channels : int
        Channels of the training images.
    asked : mapping
        ``filters`` and ``depth`` that the request names, or None.

    Raises
    ------
    BadInput
        Another network than a U-Net, another number of input channels, another shape than asked for.
    """
    config = methods.get(init.method).config(**init.config)
    if config.network != "unet":
        raise BadInput(
            f"{init.name} is a labelling model with the network {config.network}; expected network=unet, whose levels "
            "a network for objects has, too. Start from another model, or from scratch."
        )
    if init.channels != channels:
        raise BadInput(
            f"{init.name} takes {counted(init.channels, 'channel')} (focal planes count as such), the images have "
            f"{channels}. "
            "Set channel, or start from a model that was trained on such images: weights for other channels are not "
            "made up."
        )
    shape = {"filters": int(config.filters), "depth": int(config.depth)}
    wrong = [f"{key}={asked[key]}" for key in shape if asked.get(key) not in (None, shape[key])]
    if wrong:
        raise BadInput(
            f"{', '.join(wrong)} cannot differ from the model to start from, {init.name} (filters={shape['filters']}, "
            f"depth={shape['depth']}). Leave them out."
        )
    return shape


def check_same(init: Model, config: Any, given: Mapping[str, Any], free: Collection[str] = ()) -> None:
    """Raise `BadInput` for keys of a configuration that differ from the model to start from, but for those `free`."""
    changed = [key for key, value in given.items() if key not in free and getattr(config, key) != value]
    if changed:
        raise BadInput(f"{', '.join(changed)} cannot differ from the model to start from, {init.name}. Leave them out.")


def normalization_of(request: TrainRequest) -> dict[str, Any] | None:
    """Return the normalisation that the model to start from brings along; None: percentiles of each image."""
    return own_normalization(folder.load(request.init)) if request.init else None


def weights_for(method: str, config: Any, init: Model) -> dict[str, torch.Tensor]:
    """Return the tensors that a network takes from a model, by their names in the network.

    Raises
    ------
    BadInput
        Tensors that are missing, or have another shape.
    """
    source = init.network().state_dict()
    if not is_transfer(init, method):
        return dict(source)
    wanted = trunk_of(methods.get(method).build(config))
    wrong = [
        name for name, (known, tensor) in wanted.items() if known not in source or source[known].shape != tensor.shape
    ]
    if wrong:
        raise BadInput(f"{init.name} does not fit the network; tensors that differ: {', '.join(wrong[:5])}.")
    return {name: source[known] for name, (known, _) in wanted.items()}


def trunk_of(net: torch.nn.Module) -> dict[str, tuple[str, torch.Tensor]]:
    """Return the tensors of a network but for its outputs: name, name in a labelling network, tensor."""
    state = net.state_dict()
    whole = any(name.startswith(TRUNK) for name in state)
    if whole:
        return {name: (name.removeprefix(TRUNK), each) for name, each in state.items() if name.startswith(TRUNK)}
    return {name: (name, each) for name, each in state.items() if not name.startswith("out.")}


def record_of(ready: Ready) -> dict[str, Any] | None:
    """Return what a training takes from a labelling model, for the model's record; None where it takes nothing.

    Returns
    -------
    dict
        ``model``, ``method``, ``sha256``, ``encoder`` (how it learns on), ``taken`` and ``fresh``: names of tensors.
    """
    init = ready.init
    if init is None or not is_transfer(init, ready.method):
        return None
    taken = weights_for(ready.method, ready.config, init)
    names = methods.get(ready.method).build(ready.config).state_dict()
    return {
        "model": init.name,
        "method": init.method,
        "sha256": init.sha256,
        "encoder": ready.settings.transfer,
        "taken": list(taken),
        "fresh": [name for name in names if name not in taken],
    }


def told(record: Mapping[str, Any]) -> str:
    """Say in a sentence what was taken; `record` is that of `record_of`."""
    how = {
        "frozen": "the encoder was not trained on",
        "slow": f"the encoder learned at {SLOW:g} of the learning rate",
        "trained": "all layers learned at the same rate",
    }[record["encoder"]]
    return (
        f"{len(record['taken'])} tensors were taken from {record['model']} ({record['method']}), "
        f"{len(record['fresh'])} are new; {how}."
    )


def encoder_of(net: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the parts of a U-Net that lead down to its bottleneck.

    Raises
    ------
    BadInput
        The network has no such parts.
    """
    trunk = getattr(net, "trunk", getattr(net, "unet", net))
    parts = [getattr(net, "stem", None), getattr(trunk, "down", None), getattr(trunk, "bottom", None)]
    if parts[1] is None or parts[2] is None:
        raise BadInput("transfer: this network has no encoder that could be told apart; expected a U-Net.")
    return [part for part in parts if part is not None]


def parameter_groups(net: torch.nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """Return the parameters to learn, in groups with their `PACE`; those of a frozen encoder are switched off."""
    if settings.transfer == "trained":
        return [{"params": list(net.parameters()), PACE: 1.0}]
    encoder = [each for part in encoder_of(net) for each in part.parameters()]
    known = set(map(id, encoder))
    rest = [each for each in net.parameters() if id(each) not in known]
    if settings.transfer == "slow":
        return [{"params": rest, PACE: 1.0}, {"params": encoder, "lr": settings.lr * SLOW, PACE: SLOW}]
    for each in encoder:
        each.requires_grad_(False)
    return [{"params": rest, PACE: 1.0}]


def hold(net: torch.nn.Module, settings: Settings) -> None:
    """Keep a frozen encoder as it is while the rest is in training mode: its batch statistics count, too."""
    if settings.transfer == "frozen":
        for part in encoder_of(net):
            part.eval()
