"""The ``config.json`` of the original StarDist in our terms, with the original's defaults for what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.files import read_json

NMS_BORDER = 2  # the original takes no candidate within two places of the (padded) border
UNET = {
    "unet_kernel_size": (3,), "unet_n_filter_base": 32, "unet_n_conv_per_depth": 2, "unet_pool": (2,),
    "unet_activation": "relu", "unet_last_activation": "relu", "unet_batch_norm": False, "unet_expansion": 2,
    "net_conv_after_unet": 128,
}  # fmt: skip
RESNET = {
    "resnet_n_blocks": 4, "resnet_kernel_size": (3,), "resnet_n_filter_base": 32, "resnet_n_conv_per_block": 3,
    "resnet_activation": "relu", "resnet_batch_norm": False, "net_conv_after_resnet": 128,
}  # fmt: skip
TRAINING = (
    "train_background_reg",
    "train_foreground_only",
)  # what both sides call the same, for a training that goes on
ONLY = {"unet_activation": "relu", "unet_last_activation": "relu", "resnet_activation": "relu", "unet_expansion": 2}


@dataclass(frozen=True)
class Translated:
    """A configuration of ours, and what a reader should know about how it came about.

    Parameters
    ----------
    method : str
        Key of `talanoa.models.methods.METHODS`.
    keys : dict
        Configuration of that method.
    filled : list of str
        ``key=value`` of the architecture that the file did not hold.
    notes : list of str
        Sentences about what is different from what the file says.
    normalization : dict
        Of the model folder: see `talanoa.models.folder.Model`.
    """

    method: str
    keys: dict[str, Any]
    filled: list[str]
    notes: list[str] = field(default_factory=list)
    normalization: dict[str, Any] = field(default_factory=lambda: {"low": 1.0, "high": 99.8})


def read(path: Path) -> dict[str, Any]:
    """Return the content of ``config.json``, a JSON object."""
    found = read_json(path, "JSON", "Copy the model folder again.")
    if not isinstance(found, dict):
        raise BadInput(f"{path.name} holds {type(found).__name__}; expected a JSON object, as the package writes it.")
    return found


def translate(config: Mapping[str, Any], weights_ndim: int) -> Translated:
    """Return the configuration in our keys.

    Parameters
    ----------
    config : mapping
        Content of ``config.json``, complete or not.
    weights_ndim : int
        Spatial axes of the kernels, 2 or 3: decides where the file says nothing of its axes.

    Raises
    ------
    BadInput
        A network that the original does not have either, or that is not read yet: the message names the key.
    """
    ndim = ndim_of(config, weights_ndim)
    filled: list[str] = []
    notes: list[str] = []

    def get(key: str, default: Any) -> Any:
        if config.get(key) is None:
            filled.append(f"{key}={default}")
            return default
        return config[key]

    backbone = str(get("backbone", "unet")).lower()
    if backbone not in (("unet",) if ndim == 2 else ("unet", "resnet")):
        raise BadInput(
            f"config.json: found backbone={backbone!r} for {ndim}D; expected 'unet'{' or resnet' * (ndim == 3)}. "
            "Models of other networks cannot be imported."
        )
    keys = {"n_channel_in": int(get("n_channel_in", 1)), "grid": _axes("grid", get("grid", 1), ndim)}
    keys["n_classes"] = config.get("n_classes")
    depth = {"unet_n_depth": 3 if ndim == 2 else 2}
    for key, default in (RESNET if backbone == "resnet" else UNET | depth).items():
        value = get(key, default * ndim if isinstance(default, tuple) else default)
        keys[key] = _axes(key, value, ndim) if isinstance(default, tuple) else value
    for key in (key for key in ONLY if key in keys):
        if (value := keys.pop(key)) != ONLY[key]:
            raise BadInput(f"config.json: found {key}={value!r}; expected {ONLY[key]!r}, the only one that is read.")
    keys |= _rays(config, ndim, get, notes)
    keys |= {key: config[key] for key in TRAINING if config.get(key) is not None}
    if config.get("train_loss_weights"):
        keys["train_loss_weights"] = tuple(config["train_loss_weights"])
    keys |= {"nms_border": NMS_BORDER, "pad_mode": "reflect"}
    if ndim == 3:
        return Translated("stardist3d", keys | {"backbone": backbone}, filled, notes)
    return Translated("stardist", _for_2d(keys), filled, notes)


def ndim_of(config: Mapping[str, Any], weights_ndim: int) -> int:
    """Return the number of spatial axes; what the file says has to agree with the weights."""
    said = config.get("n_dim") or len(str(config.get("axes", "")).replace("C", "")) or weights_ndim
    if said != weights_ndim:
        raise BadInput(
            f"config.json is for {said} spatial axes, the kernels of the weights have {weights_ndim}; expected both of "
            "one model. Copy the model folder again."
        )
    return weights_ndim


def _axes(key: str, value: Any, ndim: int) -> tuple[int, ...]:
    """Return one whole number for each axis."""
    values = (value,) * ndim if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(values) != ndim or not all(isinstance(one, int) and one > 0 for one in values):
        raise BadInput(f"config.json: found {key}={value!r}; expected {ndim} whole numbers.")
    if key.endswith("kernel_size") and any(one % 2 == 0 for one in values):
        raise BadInput(f"config.json: found {key}={value!r}; expected odd sizes, the only ones that are read.")
    return values


def _rays(config: Mapping[str, Any], ndim: int, get: Any, notes: list[str]) -> dict[str, Any]:
    """Return the number of rays and, in 3D, the anisotropy that bends them."""
    if ndim == 2:
        return {"n_rays": int(get("n_rays", 32))}
    known = config.get("rays_json")
    given = config.get("anisotropy")
    if known is None:
        return {"n_rays": int(get("n_rays", 96)), "anisotropy": _scales(given)}
    name, options = str(known.get("name")), dict(known.get("kwargs", {}))
    if name != "Rays_GoldenSpiral":
        raise BadInput(
            f"config.json: the rays are {name}; expected Rays_GoldenSpiral, the only ones that are read. "
            "Train the model again with the default rays."
        )
    bent = options.get("anisotropy")
    if bent is None:
        bent = given  # so does the original when it loads such a file
    elif given is not None and _scales(bent) != _scales(given):
        notes.append(f"The rays have the anisotropy {tuple(bent)} and the model {tuple(given)}; the rays' is kept.")
    return {"n_rays": int(options.get("n", 70)), "anisotropy": _scales(bent)}


def _scales(anisotropy: Any) -> tuple[float, ...]:
    """Return the scale of each axis (z, y, x); 1 where the file has none."""
    if anisotropy is None:
        return (1.0, 1.0, 1.0)
    if not isinstance(anisotropy, list | tuple) or len(anisotropy) != 3 or not all(one > 0 for one in anisotropy):
        raise BadInput(f"config.json: found anisotropy={anisotropy!r}; expected three numbers above 0.")
    return tuple(float(one) for one in anisotropy)


def _for_2d(keys: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of the 2D method, which has square kernels, pools by 2 and convolves twice on each level."""
    kernel = keys["unet_kernel_size"]
    fixed = {"unet_kernel_size": (kernel[0],) * 2, "unet_pool": (2, 2), "unet_n_conv_per_depth": 2}
    for key, expected in fixed.items():
        if keys[key] != expected:
            raise BadInput(f"config.json: found {key}={keys[key]!r}; expected {expected!r}, the only one that is read.")
    rest = {key: value for key, value in keys.items() if key not in fixed}
    return {**rest, "unet_kernel_size": kernel[0]}
