"""Semantic segmentation: a U-Net tells object from background, and what hangs together is one object.

The network is that of in silico labelling, so that it can start from one (`talanoa.training.transfer`). Sources:
M. Philbert 2020 (Jaccard loss, cut at 0.5), U-Net after LaChance & Cohen 2020 (doi:10.1371/journal.pcbi.1008443).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from talanoa.models.methods.config import Losses, validated
from talanoa.models.networks.receptive_field import unet_radii

if TYPE_CHECKING:
    import torch

    from talanoa.models.networks.labelling_unet import LabellingUNet


class SegmentationConfig(BaseModel):
    """Everything that defines the network, what it learns, and how its answer becomes objects.

    Parameters
    ----------
    n_channel_in : int
        Channels of the input image.
    filters, depth : int
        Channels of the first level, poolings; see `talanoa.models.networks.labelling_unet.LabellingUNet`.
    dropout : float
        Share of features that are dropped while it learns.
    loss : dict of str to float
        Losses by name and weight, see `talanoa.models.losses.combined`.
    train_foreground_only : float
        Share of the patches whose centre lies on an object.
    smallest : float
        Pixels of the smallest object; smaller ones are dropped.
    fill_holes : bool
        Whether holes in objects belong to them.
    pad_mode : str
        How the far sides are padded to a multiple, "reflect" (without repeating the edge) or "symmetric".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ndim: ClassVar[int] = 2
    batch_norm: ClassVar[bool] = True
    projects: ClassVar[bool] = False

    n_channel_in: int = Field(1, ge=1)
    filters: int = Field(16, ge=1)
    depth: int = Field(4, ge=1, le=9)
    dropout: float = Field(0.0, ge=0, lt=1)
    loss: Losses = Field(default_factory=lambda: {"jaccard": 1.0})
    train_foreground_only: float = Field(0.5, ge=0, le=1)
    smallest: float = Field(0.0, ge=0)
    fill_holes: bool = True
    pad_mode: Literal["symmetric", "reflect"] = "reflect"

    @property
    def grid(self) -> tuple[int, ...]:
        """Output spacing in pixels: each pixel has its own."""
        return (1, 1)

    @property
    def multiple(self) -> tuple[int, ...]:
        """Input sides must be multiples of this, (y, x)."""
        return (2**self.depth,) * 2

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a place that can influence its output, (y, x)."""
        return unet_radii(self.depth, 3, 2)


def build(config: SegmentationConfig) -> LabellingUNet:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    from talanoa.models.networks.labelling_unet import LabellingUNet

    return LabellingUNet(config.n_channel_in, 1, config.filters, config.depth, config.dropout)


def targets(labels: NDArray, config: SegmentationConfig, classes: NDArray | None = None) -> tuple[NDArray[np.float32]]:
    """Return the mask (1, y, x) that the network shall answer for a label patch (y, x)."""
    return ((labels > 0).astype(np.float32)[None],)


def loss(
    outputs: tuple[torch.Tensor, ...], answers: tuple[torch.Tensor, ...], config: SegmentationConfig
) -> dict[str, torch.Tensor]:
    """Return the weighted sum of losses as ``loss``, and each of them by its name; tensors (n, 1, y, x) from 0 to 1."""
    from talanoa.models.losses import combined

    return combined.weighted(config.loss, outputs[0], answers[0])


def default_thresholds() -> dict[str, float]:
    """Return the cut of a model whose own was not optimised."""
    return {"prob": 0.5}


def config_from(**keys: Any) -> SegmentationConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(SegmentationConfig, keys, "Segmentation")
