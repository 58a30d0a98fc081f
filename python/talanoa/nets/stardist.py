"""The StarDist network (Schmidt et al. 2018, doi:10.1007/978-3-030-00934-2_30): U-Net with two heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from talanoa.nets.unet import _CONV, _POOL, UNet, conv_block, conv_stack, init_glorot


def grid_steps(grid: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the pooling of each step that leads from full resolution to the output grid.

    >>> grid_steps((4, 2))
    [(2, 2), (2, 1)]
    """
    steps: list[tuple[int, ...]] = []
    reached = [1] * len(grid)
    while tuple(reached) != tuple(grid):
        step = tuple(2 if goal > now else 1 for goal, now in zip(grid, reached, strict=True))
        reached = [now * factor for now, factor in zip(reached, step, strict=True)]
        steps.append(step)
    return steps


class StarDistNet(nn.Module):
    """Object probability (as a logit) and distances along `n_rays` rays on a grid of the input pixels.

    Parameters
    ----------
    n_channel_in, n_rays : int
        Input channels; rays of each star-convex polygon.
    grid : sequence of int
        Output pixel spacing for each spatial axis, powers of two.
    filters, depth, kernel, batch_norm
        See `UNet`.
    head : int
        Channels of the convolution between U-Net and heads; 0 leaves it out.
    """

    def __init__(
        self,
        n_channel_in: int = 1,
        n_rays: int = 32,
        grid: Sequence[int] = (1, 1),
        filters: int = 32,
        depth: int = 3,
        kernel: int = 3,
        head: int = 128,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        ndim = len(grid)
        stem: list[nn.Module] = []
        width = n_channel_in
        for step in grid_steps(grid):
            stem += [conv_stack((width, filters, filters), kernel, ndim, batch_norm), _POOL[ndim](step)]
            width = filters
        self.stem = nn.Sequential(*stem)
        self.unet = UNet(width, filters, depth, kernel, ndim, batch_norm)
        self.head = conv_block(filters, head, kernel, ndim, batch_norm) if head else nn.Identity()
        self.prob = _CONV[ndim](head or filters, 1, 1)
        self.dist = _CONV[ndim](head or filters, n_rays, 1)
        init_glorot(self.prob)
        init_glorot(self.dist)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, channels, y, x) to logits (n, 1, y/grid, x/grid) and distances (n, rays, y/grid, x/grid) in px."""
        features = self.head(self.unet(self.stem(x)))
        return self.prob(features), self.dist(features)


def receptive_radius(grid: Sequence[int], depth: int, kernel: int = 3) -> int:
    """Return how many input pixels away from its own place an output value can depend on, largest axis.

    Each convolution reaches ``kernel // 2`` pixels of its own resolution. Pooling and repeating pixels tie a
    value to the whole cell of the coarsest level, which adds one cell less a pixel.
    """
    half = kernel // 2
    steps = max(len(grid_steps(grid)), 0)
    reach = sum(2 * half * 2**level for level in range(steps))  # stem
    strides = [2 ** (steps + level) for level in range(depth + 1)]
    reach += 2 * half * (2 * sum(strides[:-1]) + strides[-1])  # down, bottleneck, up
    return reach + half * strides[0] + strides[-1] - 1  # head convolution, cell of the coarsest level
