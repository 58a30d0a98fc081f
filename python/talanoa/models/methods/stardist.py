"""StarDist (Schmidt et al. 2018, doi:10.1007/978-3-030-00934-2_30): star-convex polygons from a U-Net."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from talanoa.models import geometry
from talanoa.models.methods.config import validated
from talanoa.models.methods.star_convex import checked_grid, class_targets, default_thresholds
from talanoa.models.networks.receptive_field import receptive_radius, unet_radii

if TYPE_CHECKING:
    import torch

__all__ = ["StarDistConfig", "build", "config_from", "default_thresholds", "targets"]


class StarDistConfig(BaseModel):
    """Everything that defines the network and its training targets; defaults are those of the original.

    Parameters
    ----------
    backbone : "unet" or "labelling"
        Which network: the original's, or that of in silico labelling, which can start from a labelling model. Its
        poolings and filters are ``unet_n_depth`` and ``unet_n_filter_base``, its other properties are fixed.
    n_rays : int
        Rays of each polygon.
    grid : (int, int)
        Output spacing in pixels, 1, 2 or 4 along y and x.
    n_channel_in : int
        Channels of the input image.
    n_classes : int or None
        Classes of objects besides the background; None: no class is predicted.
    unet_n_depth, unet_n_filter_base, unet_kernel_size : int
        Poolings, channels of the first level, side of the convolutions.
    unet_batch_norm : bool
        Batch normalisation after each convolution.
    net_conv_after_unet : int
        Channels of the convolution between U-Net and output; 0 for none.
    train_background_reg : float
        Keeps distances predicted in the background short.
    train_loss_weights : (float, float) or (float, float, float)
        Weights of the losses of probability, distance and, with classes, class.
    train_foreground_only : float
        Share of the patches whose centre lies on an object.
    nms_border : int
        Places so near the border of the padded output are no candidates (the original: 2; ours find objects there).
    pad_mode : str
        How the far sides are padded to a multiple, "symmetric" or "reflect" (without repeating the edge).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Literal["unet", "labelling"] = "unet"
    n_rays: int = Field(32, ge=3)
    grid: tuple[int, int] = (1, 1)
    n_channel_in: int = Field(1, ge=1)
    n_classes: int | None = Field(None, ge=1)
    unet_n_depth: int = Field(3, ge=1, le=6)
    unet_n_filter_base: int = Field(32, ge=1)
    unet_kernel_size: int = Field(3, ge=1)
    unet_batch_norm: bool = False
    net_conv_after_unet: int = Field(128, ge=0)
    train_background_reg: float = Field(1e-4, ge=0)
    train_loss_weights: tuple[float, ...] = (1.0, 0.2)
    train_foreground_only: float = Field(0.9, ge=0, le=1)
    nms_border: int = Field(0, ge=0)
    pad_mode: Literal["symmetric", "reflect"] = "symmetric"

    @field_validator("grid")
    @classmethod
    def _grid_is_a_power_of_two(cls, grid: tuple[int, int]) -> tuple[int, int]:
        checked_grid(grid)
        return grid

    @model_validator(mode="after")
    def _backbone_reaches_the_grid(self) -> Self:
        if self.backbone == "labelling" and (self.grid[0] != self.grid[1] or self.grid[0] > 2**self.unet_n_depth):
            raise ValueError(f"grid is {self.grid}; backbone=labelling needs the same along both axes, 1 or 2")
        return self

    @property
    def batch_norm(self) -> bool:
        """Whether the network normalises over the batch."""
        return self.unet_batch_norm or self.backbone == "labelling"

    @property
    def multiple(self) -> tuple[int, int]:
        """Input sides must be multiples of this, (y, x)."""
        if self.backbone == "labelling":
            return (2**self.unet_n_depth,) * 2
        return (self.grid[0] * 2**self.unet_n_depth, self.grid[1] * 2**self.unet_n_depth)

    @property
    def halo(self) -> int:
        """Pixels around a place that can influence its output."""
        if self.backbone == "labelling":
            return max(unet_radii(self.unet_n_depth, 3, 2)) + self.grid[0]  # and the convolution before the outputs
        return receptive_radius(self.grid, self.unet_n_depth, self.unet_kernel_size)

    @property
    def rays(self) -> None:
        """Rays of polygons follow from their number."""


def build(config: StarDistConfig) -> torch.nn.Module:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    if config.backbone == "labelling":
        from talanoa.models.networks.stardist_labelling import StarDistLabellingNet

        return StarDistLabellingNet(
            config.n_channel_in,
            config.n_rays,
            config.grid[0],
            config.unet_n_filter_base,
            config.unet_n_depth,
            config.net_conv_after_unet,
            config.n_classes or 0,
        )
    from talanoa.models.networks.stardist import StarDistNet

    return StarDistNet(
        config.n_channel_in,
        config.n_rays,
        config.grid,
        config.unet_n_filter_base,
        config.unet_n_depth,
        config.unet_kernel_size,
        config.net_conv_after_unet,
        config.n_classes or 0,
        batch_norm=config.unet_batch_norm,
    )


def targets(labels: NDArray, config: StarDistConfig, classes: NDArray | None = None) -> tuple[NDArray, ...]:
    """Return what the network shall answer for a label patch.

    Parameters
    ----------
    labels : ndarray of int, (y, x)
        Label patch, sides multiples of the grid.
    config : StarDistConfig
        Rays and grid.
    classes : ndarray of int, (largest label + 1,), optional
        Class of each label, 0 where it is unknown.

    Returns
    -------
    prob : ndarray of float32, (1, y / grid, x / grid)
    dist : ndarray of float32, (rays, y / grid, x / grid)
    kind : ndarray of int64, (y / grid, x / grid)
        With classes: see `star_convex.class_targets`.
    """
    step_y, step_x = config.grid
    prob = geometry.edge_probability(labels)[::step_y, ::step_x]
    dist = geometry.star_distances(labels, config.n_rays, config.grid)
    answers = (prob[None].copy(), np.ascontiguousarray(dist.transpose(2, 0, 1)))
    return (*answers, class_targets(labels[::step_y, ::step_x], classes)) if config.n_classes else answers


def config_from(**keys: Any) -> StarDistConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(StarDistConfig, keys, "StarDist")
