"""The ``config.json`` of CARE (CSBDeep) and n2v in our terms, and the order of their layers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from talanoa.core.errors import BadInput
from talanoa.models.keras.config import Translated, ndim_of
from talanoa.models.keras.weights import Layer, Weights

PERCENTILES = {"kind": "percentile", "low": 2.0, "high": 99.8}  # what CSBDeep's `CARE.predict` takes
UNET = {"unet_n_depth": 2, "unet_n_first": 32, "unet_last_activation": "linear"}
LATE = (
    "The network of each channel sees its own channel here. n2v 0.3 under TensorFlow 2 shows the last channel to all "
    "of them, in training, too: then only the last channel is restored as there; train the model again."
)
MANIPULATORS = ("uniform_withCP", "median")


def package_of(config: Mapping[str, Any]) -> str:
    """Return which package wrote a configuration: "stardist", "n2v" or "csbdeep" (CARE)."""
    if any(key.startswith("n2v_") for key in config) or {"means", "stds"} <= config.keys():
        return "n2v"
    if "unet_kern_size" in config or "unet_n_first" in config:
        return "csbdeep"
    return "stardist"


def translate(package: str, config: Mapping[str, Any], weights: Weights) -> Translated:
    """Return the configuration in our keys.

    Parameters
    ----------
    package : "csbdeep" or "n2v"
        See `package_of`.
    config : mapping
        Content of ``config.json``, complete or not.
    weights : Weights
        Of the same model: they say how many spatial axes there are, and how wide the decoder is.

    Raises
    ------
    BadInput
        A network that the original does not have either, or that is not read: the message names the key.
    """
    if "proj_n_depth" in config:
        raise BadInput(
            "config.json: found proj_n_depth, of a projection (ProjectionCARE); expected a model whose answer has as "
            "many dimensions as its image."
        )
    ndim = ndim_of(config, weights.convolutions[0].arrays["kernel"].ndim - 2)
    filled: list[str] = []

    def get(key: str, default: Any) -> Any:
        if config.get(key) is None:
            filled.append(f"{key}={default}")
            return default
        return config[key]

    unet = {key: get(key, default) for key, default in UNET.items()}
    if unet["unet_last_activation"] != "linear":
        raise BadInput(
            f"config.json: found unet_last_activation={unet['unet_last_activation']!r}; expected 'linear', the only "
            "one that is read."
        )
    n_in, n_out = int(get("n_channel_in", 1)), int(get("n_channel_out", 1))
    keys = {
        "n_channel_in": n_in,
        "n_channel_out": n_out,
        "unet_n_depth": unet["unet_n_depth"],
        "unet_n_filter_base": unet["unet_n_first"],
        "unet_kernel_size": get("unet_kern_size", 5 if ndim == 2 else 3),
        "residual": bool(get("unet_residual", n_in == n_out and package == "csbdeep")),
    }
    if config.get("train_loss") in ("mae", "mse"):
        keys["loss"] = config["train_loss"]
    if package == "csbdeep":
        keys["probabilistic"] = bool(get("probabilistic", False))
        return Translated("care" if ndim == 2 else "care3d", keys, filled, [], dict(PERCENTILES))
    notes: list[str] = []
    keys |= _of_n2v(config, weights, get, notes)
    return Translated("n2v" if ndim == 2 else "n2v3d", keys, filled, notes, _statistics(config, n_in))


def _of_n2v(config: Mapping[str, Any], weights: Weights, get: Any, notes: list[str]) -> dict[str, Any]:
    """Return the keys that only Noise2Void has."""
    channels = int(config.get("n_channel_in") or 1)
    depth, first = int(config.get("unet_n_depth") or 2), int(config.get("unet_n_first") or 32)
    separate = channels > 1 and bool(get("single_net_per_channel", True))
    if separate and config.get("unet_residual"):
        raise BadInput(
            "config.json: found unet_residual with single_net_per_channel for several channels: each network would "
            "answer for all; such a model is not read."
        )
    if separate:
        notes.append(LATE)
    begins = [one for one in weights.convolutions if one.name.endswith(f"up_level_{depth - 1}_no_0")]
    width = begins[0].arrays["kernel"].shape[-1] if begins else 0
    keys = {
        "batch_norm": bool(get("batch_norm", True)),
        "blur_pool": bool(config.get("blurpool")),
        "no_first_skip": bool(config.get("skip_skipone")),
        "narrow_decoder": depth > 1 and width == first,
        "separate_channels": separate,
        "masked_percent": float(get("n2v_perc_pix", 1.5)),
        "radius": int(get("n2v_neighborhood_radius", 5)),
    }
    manipulator = str(get("n2v_manipulator", "uniform_withCP"))
    if manipulator in MANIPULATORS:
        keys["manipulator"] = manipulator
    else:
        notes.append(f"The manipulator {manipulator} is not known here: a training that goes on takes uniform_withCP.")
    return keys | _struct(config.get("structN2Vmask"), notes)


def _struct(mask: Any, notes: list[str]) -> dict[str, Any]:
    """Return the keys of a mask of structN2V, where it is a line along x or y."""
    if mask is None:
        return {}
    places = np.argwhere(np.asarray(mask))
    extent = np.ptp(places, axis=0) if len(places) else np.zeros(np.ndim(mask), int)
    lines = {"horizontal": -1, "vertical": -2}
    for axis, which in lines.items():
        if extent[which] > 0 and extent.sum() == extent[which]:
            return {"struct_axis": axis, "struct_radius": int(extent[which] + 1) // 2}
    notes.append("The mask of structN2V is no line along x or y: a training that goes on leaves it out.")
    return {}


def _statistics(config: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Return mean and standard deviation of each channel of the training images."""
    found = [_numbers(config, key) for key in ("mean", "std")]
    if any(len(each) != channels for each in found) or not all(value > 0 for value in found[1]):
        raise BadInput(
            f"config.json: found means={found[0]} and stds={found[1]}; expected a number for each of {channels} "
            "channels, the stds above 0."
        )
    return {"kind": "zscore", "mean": found[0], "std": found[1]}


def _numbers(config: Mapping[str, Any], key: str) -> list[float]:
    """Return the numbers under `key` in the plural, or in the singular as the first versions wrote it."""
    given = config.get(f"{key}s", config.get(key))
    each: Sequence[Any] = given if isinstance(given, list) else [given]
    try:
        return [float(value) for value in each]
    except (TypeError, ValueError):
        return []


def by_channel(weights: Weights, channels: int) -> Weights:
    """Return the layers of networks for one channel each, one network after the other.

    The file has them by depth, the channels mixed; what has no channel in its name counts up with them.
    """

    def channel(layer: Layer) -> int:
        match = re.match(r"channel_(\d+)", layer.name)
        return int(match[1]) if match else channels

    def number(layer: Layer) -> int:
        match = re.search(r"_(\d+)$", layer.name)
        return int(match[1]) if match else 0

    convolutions = [one for one in weights.convolutions if channel(one) < channels]
    outputs = [one for one in weights.convolutions if channel(one) == channels]
    ordered = [*sorted(convolutions, key=channel), *sorted(outputs, key=number)]
    return replace(weights, convolutions=ordered, norms=sorted(weights.norms, key=number))
