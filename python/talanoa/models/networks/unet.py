"""U-Net of the CARE / StarDist family (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28), in 2D and 3D.

Two details differ from most U-Nets and are kept so that weights of the original networks fit: the last
convolution of the bottleneck and of each decoder level already has the channel count of the level above,
and upsampling repeats pixels instead of learning a transposed convolution.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from talanoa.models.networks.coarse_up import LEAST_KERNEL, CoarseUp
from talanoa.models.networks.receptive_field import Sides, sides

_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def conv_block(n_in: int, n_out: int, kernel: Sides = 3, ndim: int = 2, batch_norm: bool = False) -> nn.Sequential:
    """Return convolution (same size), optional batch norm, ReLU; weights Glorot uniform, bias zero."""
    size = sides(kernel, ndim)
    conv = _CONV[ndim](n_in, n_out, size, padding=tuple(side // 2 for side in size))
    init_glorot(conv)
    layers: list[nn.Module] = [conv]
    if batch_norm:
        layers.append(_NORM[ndim](n_out, eps=1e-3, momentum=0.01))  # as in Keras
    layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def init_glorot(conv: nn.Module) -> None:
    """Initialise a convolution as Keras does by default, which the published learning rates assume."""
    nn.init.xavier_uniform_(conv.weight)  # type: ignore[arg-type]
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


def start_as_torch(net: nn.Module) -> None:
    """Draw fresh weights of all convolutions as torch does, and let batch normalisation count and follow as it does.

    Before batch normalisation the scale of weights changes nothing but how far a step of Adam turns them: torch's, the
    square root of 3 smaller than Glorot's, turn faster, and so do their biases away from zero. What they give varies so
    little that an epsilon of 0.001, as in Keras, would be part of the result, and statistics that begin with a variance
    of 1 have to follow within tens of steps. What it does to Noise2Void: `bench_restoration_quality.py` in benchmarks.
    """
    for each in net.modules():
        if isinstance(each, nn.Conv2d | nn.Conv3d):
            each.reset_parameters()
        elif isinstance(each, nn.BatchNorm2d | nn.BatchNorm3d):
            each.momentum, each.eps = 0.1, 1e-5


def pointwise(conv: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Return a 1 x 1 convolution; in training as a matrix product, which is twice as fast on the CPU."""
    if not conv.training:
        return conv(features)
    weights, bias = conv.parameters()
    return nn.functional.linear(features.movedim(1, -1), weights.flatten(1), bias).movedim(-1, 1)


def conv_stack(widths: Sequence[int], kernel: Sides = 3, ndim: int = 2, batch_norm: bool = False) -> nn.Sequential:
    """Return one `conv_block` for each neighbouring pair in `widths`."""
    return nn.Sequential(*(conv_block(a, b, kernel, ndim, batch_norm) for a, b in pairwise(widths)))


class UNet(nn.Module):
    """Encoder-decoder with skip connections.

    Parameters
    ----------
    n_in : int
        Input channels.
    filters : int
        Channels of the first level; doubled at each deeper one. Also the output channels.
    depth : int
        Number of poolings; input sides must be multiples of ``pool ** depth``.
    kernel, ndim, batch_norm
        Kernel side (or one for each axis), 2 or 3 spatial axes, and whether to normalise batches.
    pool : int or sequence of int
        Factor of each pooling.
    n_conv : int
        Convolutions of each level.
    """

    def __init__(
        self,
        n_in: int,
        filters: int = 32,
        depth: int = 3,
        kernel: Sides = 3,
        ndim: int = 2,
        batch_norm: bool = False,
        pool: Sides = 2,
        n_conv: int = 2,
    ) -> None:
        super().__init__()
        widths = [filters * 2**level for level in range(depth + 1)]  # channels of each level, bottleneck last
        above = [filters, *widths[:-1]]  # channels that a level hands upwards
        inputs = [n_in, *widths[:-1]]
        factor = sides(pool, ndim)

        def stack(first: int, inner: int, last: int) -> nn.Sequential:
            return conv_stack((first, *[inner] * (n_conv - 1), last), kernel, ndim, batch_norm)

        self.down = nn.ModuleList(stack(inputs[i], widths[i], widths[i]) for i in range(depth))
        self.pool: nn.Module = _POOL[ndim](factor)
        self.bottom = stack(inputs[depth], widths[depth], above[depth])
        self.upsample = nn.Upsample(scale_factor=tuple(map(float, factor)), mode="nearest")
        self.up = nn.ModuleList(stack(2 * widths[i], widths[i], above[i]) for i in reversed(range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in, ...) to (n, filters, ...), same spatial size."""
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for block in self.up:
            x = self.climb(block, x, skips.pop())
        return x

    def climb(self, block: nn.Module, below: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Return the output of a decoder level from that of the level below and what the encoder hands over."""
        if isinstance(block, CoarseUp):
            return block(below, skip)
        return block(torch.cat([self.upsample(below), skip], dim=1))


def on_the_coarse_grid(net: nn.Module) -> nn.Module:
    """Return a copy of a network for prediction, its decoders changed where that saves operations."""
    made = copy.deepcopy(net)
    for one in made.modules():
        if isinstance(one, UNet):
            one.up = nn.ModuleList(_changed(one, number) for number in range(len(one.up)))
    return made


def _changed(unet: UNet, number: int) -> nn.Module:
    """Return a decoder level, changed where it can be."""
    block: nn.Sequential = unet.up[number]  # type: ignore[assignment]
    conv = block[0][0]  # type: ignore[index]
    skipped = unet.down[len(unet.up) - 1 - number][-1][0].out_channels  # type: ignore[index]
    below = int(conv.in_channels) - int(skipped)
    twice = tuple(unet.upsample.scale_factor) == (2.0, 2.0)  # type: ignore[arg-type]
    square = isinstance(conv, nn.Conv2d) and conv.kernel_size == (conv.kernel_size[0],) * 2
    if not square or conv.kernel_size[0] < LEAST_KERNEL or not twice or below <= 0:
        return block
    return CoarseUp(block, below)
