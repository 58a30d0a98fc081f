"""A plane from a stack: learned weights along z, and a network for planes behind them (`methods.care_projection`)."""

from __future__ import annotations

import torch
from torch import nn

from talanoa.models.networks.care_unet import CareNet
from talanoa.models.networks.unet import conv_stack, init_glorot

_POOL = (1, 2, 2)  # no pooling along z: stacks are thin, and of any number of slices


class Surface(nn.Module):
    """The mean of the slices of a stack, weighted voxel by voxel.

    Down and up again without skip connections, as in the original: a surface is smooth, noise is not.

    Parameters
    ----------
    n_in : int
        Channels, each of all slices.
    filters, depth, kernel, n_conv : int
        Channels of all levels, poolings, side of the convolutions, convolutions of each level.
    """

    def __init__(self, n_in: int = 1, filters: int = 8, depth: int = 4, kernel: int = 3, n_conv: int = 1) -> None:
        super().__init__()
        self.n_in = n_in
        rest = (filters,) * n_conv
        self.down = nn.ModuleList(conv_stack((filters if i else n_in, *rest), kernel, 3) for i in range(depth))
        self.bottom = conv_stack((filters, *rest), kernel, 3)
        self.up = nn.ModuleList(conv_stack((filters, *rest), kernel, 3) for _ in range(depth))
        self.pool = nn.MaxPool3d(_POOL)
        self.upsample = nn.Upsample(scale_factor=tuple(map(float, _POOL)), mode="nearest")
        self.score = nn.Conv3d(filters, 1, kernel, padding=kernel // 2)
        init_glorot(self.score)

    def weights(self, stack: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in, z, y, x) to (n, 1, z, y, x), whose sum along z is 1; in single precision."""
        x = stack
        for block in self.down:
            x = self.pool(block(x))
        x = self.bottom(x)
        for block in self.up:
            x = block(self.upsample(x))
        return torch.softmax(self.score(x).float(), dim=2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """Map (n, n_in slices, y, x) to the weighted mean (n, n_in, y, x)."""
        stack = x.reshape(x.shape[0], self.n_in, -1, x.shape[2], x.shape[3])
        return ((stack * self.weights(stack)).sum(dim=2),)


class ProjectionNet(nn.Module):
    """`Surface`, and the network that restores what it gives.

    Parameters
    ----------
    surface : Surface
    care : CareNet
        For planes.
    """

    def __init__(self, surface: Surface, care: CareNet) -> None:
        super().__init__()
        self.surface, self.care = surface, care

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (n, n_in slices, y, x) to what `CareNet` gives, (n, n_out, y, x)."""
        return self.care(*self.surface(x))
