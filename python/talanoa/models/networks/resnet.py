"""The residual network of StarDist 3D (Weigert et al. 2020, doi:10.1109/WACV45572.2020.9093435).

Strided convolutions are padded as in the original (for even sizes nothing before, one voxel after), so that its weights
fit: torch's own padding would shift every map by half a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from talanoa.models.networks.receptive_field import STEM, block_strides
from talanoa.models.networks.unet import _CONV, _NORM


def init_he(conv: nn.Module) -> None:
    """Initialise a convolution by He's truncated normal distribution, bias zero."""
    deviation = (2 / conv.weight[0].numel()) ** 0.5 / 0.87962566103423978  # type: ignore[index]
    nn.init.trunc_normal_(conv.weight, std=deviation, a=-2 * deviation, b=2 * deviation)  # type: ignore[arg-type]
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


class SameConv(nn.Module):
    """Convolution whose output is the input's size divided by the stride (sizes that are multiples of it)."""

    def __init__(self, n_in: int, n_out: int, kernel: Sequence[int], stride: Sequence[int], bias: bool = True) -> None:
        super().__init__()
        self.conv = _CONV[len(kernel)](n_in, n_out, tuple(kernel), tuple(stride), bias=bias)
        init_he(self.conv)
        total = [max(side - step, 0) for side, step in zip(kernel, stride, strict=True)]
        self.padding = [width for all_of in reversed(total) for width in (all_of // 2, all_of - all_of // 2)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in, ...) to (n, n_out, ... / stride)."""
        out: torch.Tensor = self.conv(F.pad(x, self.padding) if any(self.padding) else x)
        return out


class ResidualBlock(nn.Module):
    """Convolutions with a shortcut; the first one may have a stride, the last one is activated after the sum.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel, stride : sequence of int
        For each spatial axis.
    n_conv : int
        Convolutions, at least 2.
    batch_norm : bool
        Batch normalisation after each convolution (not in the shortcut).
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: Sequence[int],
        stride: Sequence[int],
        n_conv: int = 3,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        ndim, plain = len(kernel), (1,) * len(kernel)
        widths = [n_in, *[n_out] * n_conv]
        strides = [tuple(stride), *[plain] * (n_conv - 1)]
        layers: list[nn.Module] = []
        for (before, after), step in zip(pairwise(widths), strides, strict=True):
            layers.append(SameConv(before, after, kernel, step))
            if batch_norm:
                layers.append(_NORM[ndim](after, eps=1e-3, momentum=0.01))
            layers.append(nn.ReLU(inplace=True))
        self.convs = nn.Sequential(*layers[:-1])
        changed = tuple(stride) != plain or n_in != n_out
        self.shortcut = SameConv(n_in, n_out, plain, stride) if changed else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in, ...) to (n, n_out, ... / stride)."""
        return F.relu(self.convs(x) + self.shortcut(x))


class ResNet(nn.Sequential):
    """Two plain convolutions and residual blocks; a block that steps towards the grid doubles the channels.

    Parameters
    ----------
    n_in, filters : int
        Input channels; channels of the first convolutions.
    grid : sequence of int
        Output spacing for each axis, powers of two; the first blocks step towards it.
    blocks, n_conv : int
        Number of blocks, and of convolutions in each.
    kernel : sequence of int
        Sides of the blocks' convolutions.
    batch_norm : bool
        In the blocks.
    """

    def __init__(
        self,
        n_in: int,
        filters: int,
        grid: Sequence[int],
        blocks: int = 4,
        n_conv: int = 3,
        kernel: Sequence[int] = (3, 3, 3),
        batch_norm: bool = False,
    ) -> None:
        ndim = len(grid)
        width = filters
        layers: list[nn.Module] = [
            SameConv(before, filters, (side,) * ndim, (1,) * ndim)
            for before, side in zip((n_in, filters), STEM, strict=True)
        ]
        for stride in block_strides(grid, blocks):
            wider = width * 2 if max(stride) > 1 else width
            layers.append(ResidualBlock(width, wider, kernel, stride, n_conv, batch_norm))
            width = wider
        super().__init__(*layers)
        self.width = width
