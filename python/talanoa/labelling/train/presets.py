"""How long in silico labelling is trained, on which crops, and the shape of its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from talanoa.core.errors import BadInput
from talanoa.labelling.data.field import LabelField
from talanoa.models.losses import names
from talanoa.models.methods import labelling
from talanoa.training import settings
from talanoa.training.settings import STRONG

if TYPE_CHECKING:
    from talanoa.labelling.record import Light
    from talanoa.training.request import TrainRequest

_ADAM: dict[str, Any] = {"optimizer": "adam", "schedule": "cosine", "patch": 256, "batch": 16, "augment_scale": 1.0}
# quick is made shorter where it would take more than ten minutes, see `talanoa.training.estimate`. Published: Pankova
# 2022,
# 18,432 crops of 256 x 256 an epoch, Adadelta, early stopping; batch, epochs and patience, which she does not say, ours
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {**_ADAM, "epochs": 30, "steps": 50, "patch": 128, "batch": 8, "lr": 2e-3},
    "standard": {**_ADAM, "epochs": 100, "steps": 100, "lr": 1e-3},
    "long": {**_ADAM, "epochs": 300, "steps": 200, "lr": 1e-3},
    "published": {
        **_ADAM, "optimizer": "adadelta", "lr": 1.0, "schedule": "plateau", "plateau": 1000, "batch": 32,
        "epochs": 200, "steps": 576, "patience": 15,
    },
}  # fmt: skip
LEAST = 32  # pixels: the smallest crop


def config_keys(request: TrainRequest) -> dict[str, Any]:
    """Return the keys of a configuration that a request sets."""
    strong = STRONG["dropout"] if request.regularisation == "strong" else None
    asked: dict[str, Any] = {
        "network": request.network,
        "filters": request.filters,
        "depth": request.depth,
        "encoder": request.encoder,
        "dropout": strong if request.dropout is None else request.dropout,
        "loss": names.parse(request.loss) if request.loss else None,
        "backbone": request.loss_backbone,
    }
    return {key: value for key, value in asked.items() if value is not None}


def config_of(
    request: TrainRequest, channels: int, stains: int, lights: Sequence[Light] = ()
) -> labelling.LabellingConfig:
    """Return the complete configuration of a network for so many planes (of `lights`, if known) and stains."""
    keys = config_keys(request)
    if request.network == "projection" and len(lights) > 1:
        keys["planes"] = _planes_of_each(lights)
    if request.encoder is not None and request.network != "encoder":
        raise BadInput(f"encoder={request.encoder} is for network=encoder. Give both, or leave it out.")
    return labelling.config_from(**keys, n_channel_in=channels, n_channel_out=stains)


def _planes_of_each(lights: Sequence[Light]) -> int:
    """Return how many planes each kind of light has for a network that convolves along z."""
    counts = {len(light.planes) for light in lights}
    if len(counts) > 1:
        listed = ", ".join(f"{light.name} {len(light.planes)}" for light in lights)
        raise BadInput(
            f"network=projection convolves along the planes, as many of each kind of light; found {listed}. Set "
            "planes, or take network=unet."
        )
    return counts.pop()


def check_perceptual(request: TrainRequest, config: labelling.LabellingConfig) -> None:
    """Raise `BadInput` for a network to look through where the loss looks through none."""
    for key in ("loss_backbone", "backbone_weights"):
        if getattr(request, key) is not None and "perceptual" not in config.loss:
            raise BadInput(f"{key}={getattr(request, key)} is for the loss perceptual. Give both, or leave it out.")


def preset_of(request: TrainRequest, items: Sequence[LabelField], config: Any) -> dict[str, Any]:
    """Return the preset's settings, its crops made smaller where an image is smaller.

    Raises
    ------
    BadInput
        A crop asked for does not fit into an image; an image is too small for any.
    """
    chosen = settings.preset_of(request, PRESETS)
    if request.regularisation == "strong":
        chosen["weight_decay"] = STRONG["weight_decay"]
    step = max(config.multiple)
    narrow = min(items, key=lambda item: min(item.shape))
    fits = min(narrow.shape) // step * step
    if (request.patch or 0) > min(narrow.shape) or fits < max(LEAST, step):
        rows, columns = narrow.shape
        good = f"Take patch={fits} or less" if fits >= max(LEAST, step) else "Take larger images"
        raise BadInput(
            f"{narrow.name} is {columns} x {rows} pixels, smaller than a patch of {request.patch or max(LEAST, step)}. "
            f"{good}, or leave that image out."
        )
    return {**chosen, "patch": min(chosen["patch"], fits)}
