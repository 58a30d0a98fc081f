"""How a training runs: its settings, and an end before the last epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from talanoa.core.errors import BadInput
from talanoa.training.request import TrainRequest

COSINE_EMA = 0.999
RATES = {"adam": 1e-4, "adadelta": 1.0, "adamw": 1e-4, "sgd": 1e-2}  # usual learning rates
STRONG = {"weight_decay": 1e-4, "dropout": 0.1}  # strong regularisation, of settings and configuration (Pankova 2022)


class Settings(BaseModel):
    """How a training runs; complete, so that the saved settings repeat it.

    Parameters
    ----------
    epochs, steps : int
        Epochs, and steps of one epoch.
    patch, batch : int
        Side of the square patches in pixels, and patches in one step.
    patch_z : int or None
        Slices of the patches of volumes; None for planes.
    optimizer : "adam", "adadelta", "adamw" or "sgd"
        Adadelta as in Keras (rho 0.95, epsilon 1e-7), SGD with a momentum of 0.9.
    lr : float
        Learning rate, the highest one of a cosine schedule; `RATES` has the usual one of each optimiser.
    weight_decay : float
        How much large weights cost (adamw: by how much of the learning rate they shrink in a step).
    schedule : "plateau" or "cosine"
        Halve when the validation loss has not fallen for `plateau` epochs, or warm up over 2 % of the steps and then
        fall to zero along a cosine.
    plateau : int
        Epochs without a better validation loss after which the learning rate is halved.
    ema : float
        Decay of the running average of the weights that is validated and saved; 0: the weights themselves.
    patience : int
        Stop after so many epochs without a better validation loss; 0: never.
    augment_scale : float
        Objects are shown up to this factor larger or smaller.
    augment : bool
        Patches are shown mirrored and turned (image to image; StarDist's always are).
    background : float
        Share of the patches that are drawn anywhere, the others where there is signal (image to image).
    mixed_precision : bool or None
        bfloat16 convolutions, but for the last ones, where the device has instructions for them; None: on a GPU only.
        A step is faster (`benchmarks/bench_train.py`), but may learn less.
    transfer : "trained", "slow" or "frozen"
        How the encoder of a model to start from learns on: like the rest, at a lower rate, not at all.
    encoder_weights : str or None
        File with the weights from which an encoder starts (labelling); None: fresh ones.
    backbone_weights : str or None
        File with the weights of the network that the loss `perceptual` looks through (labelling).
    balance : "none", "plate" or "phenotype"
        What is shown equally often (labelling).
    filter_crops : bool
        Crops that are blank, badly exposed or mostly background are drawn again (labelling).
    most_background : float
        Largest part of a crop that may be background in all stains (labelling).
    corruptions : bool
        Some crops are shown with wrong exposure or light from elsewhere (labelling).
    seed : int
        Of weights, patches and augmentation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(400, ge=1)
    steps: int = Field(100, ge=1)
    patch: int = Field(256, ge=16)
    patch_z: int | None = Field(None, ge=1)
    batch: int = Field(4, ge=1)
    optimizer: Literal["adam", "adadelta", "adamw", "sgd"] = "adam"
    lr: float = Field(3e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["plateau", "cosine"] = "plateau"
    plateau: int = Field(40, ge=1)
    ema: float = Field(0.0, ge=0, lt=1)
    patience: int = Field(0, ge=0)
    augment_scale: float = Field(1.5, ge=1)
    augment: bool = True
    background: float = Field(1.0, ge=0, le=1)
    mixed_precision: bool | None = None
    transfer: Literal["trained", "slow", "frozen"] = "trained"
    encoder_weights: str | None = None
    backbone_weights: str | None = None
    balance: Literal["none", "plate", "phenotype"] = "none"
    filter_crops: bool = True
    most_background: float = Field(0.98, ge=0, le=1)
    corruptions: bool = False
    seed: int = 42

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """Size of a patch, (y, x) or (z, y, x)."""
        plane = (self.patch, self.patch)
        return plane if self.patch_z is None else (self.patch_z, *plane)


@dataclass(frozen=True)
class Early:
    """An end on the user's wish.

    Parameters
    ----------
    epochs, planned : int
        Epochs in the loss table, and those that were asked for.
    steps : int
        Steps of an epoch that counts although it was not complete; 0: all epochs are complete.
    when : str
        Local time, ISO 8601.
    """

    epochs: int
    planned: int
    steps: int
    when: str

    @classmethod
    def now(cls, epochs: int, planned: int, steps: int = 0) -> Early:
        """Return an end at this moment."""
        return cls(epochs, planned, steps, time.strftime("%Y-%m-%dT%H:%M:%S"))

    def __str__(self) -> str:
        if self.steps:
            return f"stopped early, after {self.steps} steps: before the first of {self.planned} epochs was complete"
        return f"stopped early, after epoch {self.epochs} of {self.planned}"


def preset_of(request: TrainRequest, presets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings of the preset that a request names; one that the method lacks is a `BadInput`."""
    name = request.preset or "standard"
    if name not in presets:
        raise BadInput(
            f"preset={name}: method={request.method} has no preset of this name; expected one of {', '.join(presets)}."
        )
    return dict(presets[name])


def settings_from(request: TrainRequest, defaults: Mapping[str, Any]) -> Settings:
    """Return the complete settings: defaults (those of a preset), and what the request says over it."""
    chosen = dict(defaults)
    given = request.model_dump(include=set(Settings.model_fields), exclude_none=True, exclude_unset=True)
    usual = chosen.get("optimizer", "adam")
    if "lr" not in given and given.get("optimizer", usual) != usual:
        chosen["lr"] = RATES[given["optimizer"]]
    chosen.update(given, seed=request.seed, mixed_precision=request.mixed_precision)
    if chosen.get("schedule") == "cosine":
        chosen.setdefault("ema", min(COSINE_EMA, 1 - 20 / (chosen["epochs"] * chosen["steps"] + 20)))
    return Settings(**chosen)


def check_patch(settings: Settings, config: Any) -> None:
    """Raise `BadInput` when the patch does not fit the network's poolings; the message names sizes that do."""
    sides = {"patch": (settings.patch, max(config.multiple[-2:]))}
    if settings.patch_z is not None:
        sides["patch_z"] = (settings.patch_z, config.multiple[0])
    for key, (side, step) in sides.items():
        if side % step:
            lower, upper = side // step * step, -(-side // step) * step
            good = f"{upper}" if lower == 0 else f"{lower} or {upper}"
            raise BadInput(f"{key}={side} is no multiple of {step}, which this network needs. Take {good}.")
    step = max(config.multiple[-2:])
    if settings.batch == 1 and settings.patch == step and getattr(config, "batch_norm", False):
        raise BadInput(
            f"patch={step} and batch=1 leave one value in the network's last level, too few for its batch "
            f"normalisation. Take patch={2 * step} or batch=2."
        )
