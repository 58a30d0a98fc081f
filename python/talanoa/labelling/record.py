"""What a labelling model knows of its inputs and stains: which planes of which light, and intensities of each stain."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from talanoa.labelling.targets import TargetConfig
from talanoa.models.methods.config import validated


class Light(BaseModel):
    """One kind of transmitted light that a model takes.

    Parameters
    ----------
    name : str
        Such as phase, DIC, brightfield: the folder or channel it was trained on.
    planes : tuple of int
        Focal planes that are input channels, counted from 1, in this order.
    stack : int
        Planes of the stacks that it was trained on; 1: single planes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    planes: tuple[int, ...] = Field((1,), min_length=1)
    stack: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _planes_are_there(self) -> Self:
        if min(self.planes) < 1 or max(self.planes) > self.stack:
            raise ValueError(f"planes are {self.planes}; expected numbers from 1 to {self.stack}, those of the stack")
        return self


class Stain(BaseModel):
    """One stain that a model predicts.

    Parameters
    ----------
    name : str
        Such as nucleus or DAPI.
    prepare : TargetConfig
        What was made of it before the network learnt it.
    low, high : float
        Prepared intensities that were 0 and 1 to the network.
    gain, offset : float
        The line, fitted on the validation images, that brings predictions to the truth: ``gain * p + offset``.
    mask : bool
        What is predicted is the probability of a mask, 0 to 1, not an intensity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    prepare: TargetConfig = TargetConfig()
    low: float = 0.0
    high: float = 1.0
    gain: float = 1.0
    offset: float = 0.0
    mask: bool = False

    def to_units(self, intensities: NDArray) -> NDArray[np.float32]:
        """Return prepared intensities in the network's units, clipped to 0..1; a mask as it is."""
        if self.mask:
            return np.asarray(intensities, np.float32)
        span = self.high - self.low
        scaled = (np.asarray(intensities, np.float64) - self.low) * (1.0 / span if span > 0 else 0.0)
        return np.clip(scaled, 0, 1).astype(np.float32)

    def to_intensities(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a prediction (0..1) in intensities of the training's plate, after the calibration; a mask as it is."""
        if self.mask:
            return predicted
        span = self.high - self.low
        scale, shift = np.float32(self.gain * span), np.float32(self.offset * span + self.low)
        return np.asarray(predicted * scale + shift, np.float32)

    def spread_to_intensities(self, spread: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a standard deviation of predictions in intensities."""
        return spread if self.mask else np.asarray(spread * np.float32(self.gain * (self.high - self.low)), np.float32)


class LabellingRecord(BaseModel):
    """The part of ``model.json`` that only labelling models have, key ``labelling``.

    Parameters
    ----------
    lights : tuple of Light
        What goes in; the network's input channels are their planes, one after the other.
    stains : tuple of Stain
        What comes out, in the order of the network's output channels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lights: tuple[Light, ...] = Field(min_length=1)
    stains: tuple[Stain, ...] = Field(min_length=1)

    @property
    def channels(self) -> int:
        """Input channels of the network."""
        return sum(len(light.planes) for light in self.lights)


def record_of(stored: dict[str, Any]) -> LabellingRecord:
    """Read what a model folder holds; a damaged record is a `BadInput`."""
    return validated(LabellingRecord, stored, "Inputs and stains of a model")
