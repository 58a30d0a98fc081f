"""StarDist 3D (Weigert et al. 2020, doi:10.1109/WACV45572.2020.9093435): polyhedra from a U-Net or a ResNet."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from talanoa.models.geometry.edt3d import edge_probability3d
from talanoa.models.geometry.rays3d import Rays3D, golden_spiral
from talanoa.models.geometry.star3d import star_distances3d
from talanoa.models.methods.config import validated
from talanoa.models.methods.star_convex import checked_grid, class_targets
from talanoa.models.networks.receptive_field import receptive_radii, resnet_radii

if TYPE_CHECKING:
    from talanoa.models.networks.stardist import StarDistNet, StarDistResNet

Three = tuple[int, int, int]
ANISOTROPIC = 1.5  # slices this much further apart than pixels are not thinned out by the grid


class StarDist3DConfig(BaseModel):
    """Everything that defines the network and its training targets; axes are z, y, x, defaults those of the original.

    Parameters
    ----------
    n_rays : int
        Rays of each polyhedron, evenly spread along a spiral.
    grid : (int, int, int)
        Output spacing in voxels, 1, 2 or 4 along each axis.
    anisotropy : (float, float, float)
        Size of a voxel along each axis as the objects show it: (2, 1, 1) where they extend over half as many slices as
        pixels.
    backbone : "unet" or "resnet"
        Which network; only the keys of its name count.
    n_channel_in : int
        Channels of the input image.
    n_classes : int or None
        Classes of objects besides the background; None: no class is predicted.
    unet_n_depth, unet_n_filter_base, unet_n_conv_per_depth : int
        Poolings, channels of the first level, convolutions of a level.
    unet_kernel_size, unet_pool : (int, int, int)
        Sides of the convolutions, factors of a pooling.
    unet_batch_norm, resnet_batch_norm : bool
        Batch normalisation in the U-Net or in the blocks.
    resnet_n_blocks, resnet_n_filter_base, resnet_n_conv_per_block : int
        Blocks, channels of the first convolutions (doubled at each step of the grid), convolutions of a block.
    resnet_kernel_size : (int, int, int)
        Sides of the blocks' convolutions.
    net_conv_after_unet, net_conv_after_resnet : int
        Channels of the convolution before the outputs; 0 for none.
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

    n_rays: int = Field(96, ge=4)
    grid: Three = (1, 1, 1)
    anisotropy: tuple[float, float, float] = (1.0, 1.0, 1.0)
    backbone: Literal["unet", "resnet"] = "unet"
    n_channel_in: int = Field(1, ge=1)
    n_classes: int | None = Field(None, ge=1)
    unet_n_depth: int = Field(2, ge=1, le=6)
    unet_kernel_size: Three = (3, 3, 3)
    unet_pool: Three = (2, 2, 2)
    unet_n_filter_base: int = Field(32, ge=1)
    unet_n_conv_per_depth: int = Field(2, ge=1)
    unet_batch_norm: bool = False
    net_conv_after_unet: int = Field(128, ge=0)
    resnet_n_blocks: int = Field(4, ge=1)
    resnet_kernel_size: Three = (3, 3, 3)
    resnet_n_filter_base: int = Field(32, ge=1)
    resnet_n_conv_per_block: int = Field(3, ge=2)
    resnet_batch_norm: bool = False
    net_conv_after_resnet: int = Field(128, ge=0)
    train_background_reg: float = Field(1e-4, ge=0)
    train_loss_weights: tuple[float, ...] = (1.0, 0.2)
    train_foreground_only: float = Field(0.9, ge=0, le=1)
    nms_border: int = Field(0, ge=0)
    pad_mode: Literal["symmetric", "reflect"] = "symmetric"

    @field_validator("grid")
    @classmethod
    def _grid_is_a_power_of_two(cls, grid: Three) -> Three:
        checked_grid(grid)
        return grid

    @field_validator("anisotropy")
    @classmethod
    def _sizes_are_positive(cls, sizes: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(0 < size < 1000 for size in sizes):
            raise ValueError(f"anisotropy must be positive along each axis, not {sizes}")
        return sizes

    @property
    def multiple(self) -> Three:
        """Input sides must be multiples of this, (z, y, x)."""
        if self.backbone == "resnet":
            return self.grid
        z, y, x = (step * pool**self.unet_n_depth for step, pool in zip(self.grid, self.unet_pool, strict=True))
        return z, y, x

    @property
    def halo(self) -> tuple[int, ...]:
        """Voxels around a place that can influence its output, (z, y, x)."""
        if self.backbone == "resnet":
            blocks = (self.resnet_n_blocks, self.resnet_n_conv_per_block, self.resnet_kernel_size)
            return resnet_radii(self.grid, *blocks, head=bool(self.net_conv_after_resnet))
        levels = (self.unet_n_depth, self.unet_kernel_size, self.unet_pool, self.unet_n_conv_per_depth)
        return receptive_radii(self.grid, *levels, head=bool(self.net_conv_after_unet))

    @cached_property
    def rays(self) -> Rays3D:
        """Directions and faces of the polyhedra."""
        return golden_spiral(self.n_rays, self.anisotropy)


def build(config: StarDist3DConfig) -> StarDistNet | StarDistResNet:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    from talanoa.models.networks.stardist import StarDistNet, StarDistResNet

    if config.backbone == "resnet":
        return StarDistResNet(
            config.n_channel_in,
            config.n_rays,
            config.grid,
            config.resnet_n_filter_base,
            config.resnet_kernel_size,
            config.net_conv_after_resnet,
            config.n_classes or 0,
            blocks=config.resnet_n_blocks,
            n_conv=config.resnet_n_conv_per_block,
            batch_norm=config.resnet_batch_norm,
        )
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
        pool=config.unet_pool,
        n_conv=config.unet_n_conv_per_depth,
    )


def targets(labels: NDArray, config: StarDist3DConfig, classes: NDArray | None = None) -> tuple[NDArray, ...]:
    """Return what the network shall answer for a label patch.

    Parameters
    ----------
    labels : ndarray of int, (z, y, x)
        Label patch, sides multiples of the grid.
    config : StarDist3DConfig
        Rays, grid and anisotropy.
    classes : ndarray of int, (largest label + 1,), optional
        Class of each label, 0 where it is unknown.

    Returns
    -------
    prob : ndarray of float32, (1, z / grid, y / grid, x / grid)
    dist : ndarray of float32, (rays, z / grid, y / grid, x / grid)
    kind : ndarray of int64, (z / grid, y / grid, x / grid)
        With classes: see `star_convex.class_targets`.
    """
    step_z, step_y, step_x = config.grid
    prob = edge_probability3d(labels, config.anisotropy)[::step_z, ::step_y, ::step_x]
    dist = star_distances3d(labels, config.rays, config.grid)
    answers = (prob[None].copy(), np.ascontiguousarray(np.moveaxis(dist, -1, 0)))
    thinned = labels[::step_z, ::step_y, ::step_x]
    return (*answers, class_targets(thinned, classes)) if config.n_classes else answers


def config_from(**keys: Any) -> StarDist3DConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    return validated(StarDist3DConfig, keys, "StarDist")


def extents(labels: NDArray) -> NDArray[np.float64]:
    """Return the median size of the objects' bounding boxes in voxels (z, y, x); zeros where there is none."""
    from scipy.ndimage import find_objects

    boxes = [box for box in find_objects(labels) if box is not None]
    if not boxes:
        return np.zeros(labels.ndim)
    return np.median([[side.stop - side.start for side in box] for box in boxes], axis=0)


def anisotropy_of(extent: NDArray) -> tuple[float, float, float]:
    """Return the anisotropy (z, 1, 1) of objects that extend over so many voxels (z, y, x); y and x count alike."""
    return (round(float((extent[1] + extent[2]) / 2 / extent[0]), 3), 1.0, 1.0)


def grid_for(step: int, anisotropy: tuple[float, float, float]) -> Three:
    """Return the grid with this step in the plane; slices that lie far apart keep all of theirs, as usual."""
    return (1 if anisotropy[0] > ANISOTROPIC else step, step, step)
