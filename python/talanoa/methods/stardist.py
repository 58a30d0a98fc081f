"""StarDist (Schmidt et al. 2018, doi:10.1007/978-3-030-00934-2_30): star-convex polygons from a U-Net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from talanoa import geometry
from talanoa.losses import masked_mae, soft_bce
from talanoa.nets.stardist import StarDistNet, receptive_radius

NMS_CHOICES = (0.3, 0.4, 0.5)


class StarDistConfig(BaseModel):
    """Everything that defines the network and its training targets; defaults are those of the original.

    Parameters
    ----------
    n_rays : int
        Rays of each polygon.
    grid : (int, int)
        Output spacing in pixels, 1, 2 or 4 along y and x.
    n_channel_in : int
        Channels of the input image.
    unet_n_depth, unet_n_filter_base, unet_kernel_size : int
        Poolings, channels of the first level, side of the convolutions.
    unet_batch_norm : bool
        Batch normalisation after each convolution.
    net_conv_after_unet : int
        Channels of the convolution between U-Net and output; 0 for none.
    train_background_reg : float
        Keeps distances predicted in the background short.
    train_loss_weights : (float, float)
        Weights of the probability loss and the distance loss.
    train_foreground_only : float
        Share of the patches whose centre lies on an object.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_rays: int = Field(32, ge=3)
    grid: tuple[int, int] = (1, 1)
    n_channel_in: int = Field(1, ge=1)
    unet_n_depth: int = Field(3, ge=1, le=6)
    unet_n_filter_base: int = Field(32, ge=1)
    unet_kernel_size: int = 3
    unet_batch_norm: bool = False
    net_conv_after_unet: int = Field(128, ge=0)
    train_background_reg: float = Field(1e-4, ge=0)
    train_loss_weights: tuple[float, float] = (1.0, 0.2)
    train_foreground_only: float = Field(0.9, ge=0, le=1)

    @field_validator("grid")
    @classmethod
    def _grid_is_a_power_of_two(cls, grid: tuple[int, int]) -> tuple[int, int]:
        if any(step not in (1, 2, 4) for step in grid):
            raise ValueError(f"grid must be 1, 2 or 4 along each axis, not {grid}")
        return grid

    @property
    def multiple(self) -> tuple[int, int]:
        """Input sides must be multiples of this, (y, x)."""
        return (self.grid[0] * 2**self.unet_n_depth, self.grid[1] * 2**self.unet_n_depth)

    @property
    def halo(self) -> int:
        """Pixels around a place that can influence its output."""
        return receptive_radius(self.grid, self.unet_n_depth, self.unet_kernel_size)


@dataclass(frozen=True)
class Candidates:
    """Places whose probability exceeds a threshold: one polygon each, coordinates in image pixels."""

    points: NDArray[np.float32]  # (n, 2) y, x
    probabilities: NDArray[np.float32]  # (n,)
    distances: NDArray[np.float32]  # (n, rays)

    def __len__(self) -> int:
        return len(self.probabilities)

    def take(self, index: NDArray) -> Candidates:
        """Return the chosen ones, in the order of `index`."""
        return Candidates(self.points[index], self.probabilities[index], self.distances[index])


def build(config: StarDistConfig) -> StarDistNet:
    """Return the network with fresh weights (drawn from torch's global generator)."""
    return StarDistNet(
        config.n_channel_in,
        config.n_rays,
        config.grid,
        config.unet_n_filter_base,
        config.unet_n_depth,
        config.unet_kernel_size,
        config.net_conv_after_unet,
        config.unet_batch_norm,
    )


def targets(labels: NDArray, config: StarDistConfig) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the network shall answer for a label patch.

    Parameters
    ----------
    labels : ndarray of int, (y, x)
        Label patch, sides multiples of the grid.
    config : StarDistConfig
        Rays and grid.

    Returns
    -------
    prob : ndarray of float32, (1, y / grid, x / grid)
    dist : ndarray of float32, (rays, y / grid, x / grid)
    """
    step_y, step_x = config.grid
    prob = geometry.edge_probability(labels)[::step_y, ::step_x]
    dist = geometry.star_distances(labels, config.n_rays, config.grid)
    return prob[None].copy(), np.ascontiguousarray(dist.transpose(2, 0, 1))


def loss(
    output: tuple[torch.Tensor, torch.Tensor], target: tuple[torch.Tensor, torch.Tensor], config: StarDistConfig
) -> dict[str, torch.Tensor]:
    """Return the losses ``prob`` (cross-entropy), ``dist`` (masked MAE) and their weighted sum ``loss``."""
    logit, dist = output
    prob_true, dist_true = target
    prob_loss = soft_bce(logit, prob_true)
    dist_loss = masked_mae(dist, dist_true, prob_true, config.train_background_reg)
    weight_prob, weight_dist = config.train_loss_weights
    return {"loss": weight_prob * prob_loss + weight_dist * dist_loss, "prob": prob_loss, "dist": dist_loss}


def candidates(
    prob: NDArray, dist: NDArray, threshold: float, grid: tuple[int, int], origin: tuple[int, int] = (0, 0)
) -> Candidates:
    """Collect the places of a network output that may be objects.

    Parameters
    ----------
    prob : ndarray of float, (y, x)
        Object probability on the grid.
    dist : ndarray of float, (rays, y, x)
        Ray distances in pixels.
    threshold : float
        Only places above it.
    grid, origin : (int, int)
        Pixel spacing of the output, and the pixel of its first place.
    """
    rows, columns = np.nonzero(prob > threshold)
    points = np.stack([rows * grid[0] + origin[0], columns * grid[1] + origin[1]], axis=1)
    rays = np.maximum(dist[:, rows, columns].T, 1e-3)
    return Candidates(points.astype(np.float32), prob[rows, columns].astype(np.float32), rays.astype(np.float32))


def join(parts: list[Candidates], n_rays: int) -> Candidates:
    """Return the candidates of several tiles as one set."""
    if not parts:
        return Candidates(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros((0, n_rays), np.float32))
    return Candidates(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.distances for part in parts]),
    )


def decode(found: Candidates, nms_threshold: float) -> Candidates:
    """Return the winners of non-maximum suppression, most probable first."""
    return found.take(geometry.suppress_overlaps(found.distances, found.probabilities, found.points, nms_threshold))


def render(objects: Candidates, shape: tuple[int, ...]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the label image (object k is label k + 1) and the polygon corners (n, rays, 2) as y, x."""
    corners = geometry.polygon_corners(objects.distances, objects.points)
    return geometry.render_polygons(corners, objects.probabilities, shape), corners


def default_thresholds() -> dict[str, float]:
    """Return the thresholds of a model whose own were not optimised."""
    return {"prob": 0.5, "nms": 0.4}


def config_from(**keys: Any) -> StarDistConfig:
    """Return a validated configuration; an unknown key is a `BadInput` that lists the valid ones."""
    from pydantic import ValidationError

    from talanoa.errors import BadInput

    try:
        return StarDistConfig(**keys)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        valid = ", ".join(StarDistConfig.model_fields)
        raise BadInput(f"StarDist configuration: {key}: {first['msg']}. Valid keys: {valid}.") from error
