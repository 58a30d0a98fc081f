"""The StarDist network (Schmidt et al. 2018, doi:10.1007/978-3-030-00934-2_30): two heads on a U-Net or ResNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import torch
from torch import nn

from talanoa.models.networks.receptive_field import Sides, grid_steps, sides
from talanoa.models.networks.resnet import ResNet
from talanoa.models.networks.unet import _CONV, _POOL, UNet, conv_block, conv_stack, init_glorot, pointwise


class UNetOptions(TypedDict, total=False):
    """More of `UNet`."""

    batch_norm: bool
    pool: Sides
    n_conv: int


class ResNetOptions(TypedDict, total=False):
    """More of `ResNet`."""

    blocks: int
    n_conv: int
    batch_norm: bool


class StarDistNet(nn.Module):
    """Object probability (as a logit) and distances along `n_rays` rays on a grid of the input pixels, from a U-Net.

    Parameters
    ----------
    n_channel_in, n_rays : int
        Input channels; rays of each star-convex object.
    grid : sequence of int
        Output pixel spacing for each spatial axis, powers of two.
    filters, depth, kernel, batch_norm, pool, n_conv
        See `UNet`.
    head : int
        Channels of the convolution between U-Net and heads; 0 leaves it out.
    n_classes : int
        Classes of objects besides the background; 0: no class is predicted.
    """

    def __init__(
        self,
        n_channel_in: int = 1,
        n_rays: int = 32,
        grid: Sequence[int] = (1, 1),
        filters: int = 32,
        depth: int = 3,
        kernel: Sides = 3,
        head: int = 128,
        n_classes: int = 0,
        **more: Unpack[UNetOptions],
    ) -> None:
        super().__init__()
        ndim = len(grid)
        stem: list[nn.Module] = []
        width = n_channel_in
        for step in grid_steps(grid):
            stem += [conv_stack((width, *[filters] * more.get("n_conv", 2)), kernel, ndim), _POOL[ndim](step)]
            width = filters
        self.stem = nn.Sequential(*stem)
        self.unet = UNet(width, filters, depth, kernel, ndim, **more)
        add_heads(self, filters, head, n_rays, sides(kernel, ndim), n_classes)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (n, channels, y, x) to logits (n, 1, y/grid, x/grid) and distances (n, rays, y/grid, x/grid) in px.

        Volumes have z before y. With classes, their logits (n, 1 + classes, …), background first, come third.
        """
        return answer(self, self.unet(self.stem(x)))


class StarDistResNet(nn.Module):
    """The same answers as `StarDistNet`, from a residual network.

    Parameters
    ----------
    n_channel_in, n_rays, grid, head, n_classes
        See `StarDistNet`.
    filters, blocks, n_conv, kernel, batch_norm
        See `ResNet`.
    """

    def __init__(
        self,
        n_channel_in: int = 1,
        n_rays: int = 96,
        grid: Sequence[int] = (1, 1, 1),
        filters: int = 32,
        kernel: Sequence[int] = (3, 3, 3),
        head: int = 128,
        n_classes: int = 0,
        **more: Unpack[ResNetOptions],
    ) -> None:
        super().__init__()
        self.resnet = ResNet(n_channel_in, filters, grid, kernel=kernel, **more)
        add_heads(self, self.resnet.width, head, n_rays, kernel, n_classes)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (n, channels, z, y, x) to logits, distances and, with classes, their logits; see `StarDistNet`."""
        return answer(self, self.resnet(x))


def add_heads(net: nn.Module, width: int, head: int, n_rays: int, kernel: Sequence[int], n_classes: int) -> None:
    """Give a network its outputs: ``head``, ``prob``, ``dist``, and for classes ``head_class`` and ``prob_class``."""
    ndim = len(kernel)

    def between() -> nn.Module:
        return conv_block(width, head, kernel, ndim) if head else nn.Identity()

    def output(n_out: int) -> nn.Module:
        conv = _CONV[ndim](head or width, n_out, 1)
        init_glorot(conv)
        return conv

    net.head, net.prob, net.dist = between(), output(1), output(n_rays)
    if n_classes:
        net.head_class, net.prob_class = between(), output(n_classes + 1)


def answer(net: nn.Module, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the outputs of a network that `add_heads` has completed, always in single precision.

    A bfloat16 has eight digits: a distance of 40 px would be rounded to a quarter of a pixel.
    """
    shared = net.head(features)  # type: ignore[operator]
    of_classes = net.head_class(features) if hasattr(net, "prob_class") else None  # type: ignore[operator]
    with torch.autocast(features.device.type, enabled=False):
        shared = shared.float()
        found = (pointwise(net.prob, shared), pointwise(net.dist, shared))  # type: ignore[arg-type]
        if of_classes is None:
            return found
        return (*found, pointwise(net.prob_class, of_classes.float()))  # type: ignore[arg-type]
