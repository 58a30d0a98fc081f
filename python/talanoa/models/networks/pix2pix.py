"""pix2pix: a U-Net that makes images and a discriminator of patches (Isola et al. 2017, doi:10.1109/CVPR.2017.632)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

LEAK = 0.2
_SPREAD = 0.02  # standard deviation of fresh weights


class Generator(nn.Module):
    """Encoder of strided 4 x 4 convolutions and a decoder with skips.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input and of the stains.
    filters : int
        Channels after the first convolution; they double up to eight times as many.
    depth : int
        Halvings; 8 for crops of 256 in the paper.
    dropout : float
        In the three deepest levels of the decoder; 0.5 in the paper.
    """

    def __init__(self, n_in: int = 1, n_out: int = 1, filters: int = 64, depth: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        widths = [filters * 2 ** min(level, 3) for level in range(depth)]
        self.down = nn.ModuleList(
            _down(a, b, first=k == 0, norm=0 < k < depth - 1) for k, (a, b) in enumerate(pairwise([n_in, *widths]))
        )
        above = [*reversed(widths[:-1])]
        inputs = [widths[-1], *(2 * width for width in above[:-1])]
        self.up = nn.ModuleList(
            _up(a, b, dropout if k < 3 else 0.0) for k, (a, b) in enumerate(zip(inputs, above, strict=True))
        )
        self.out = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * filters, n_out, 4, 2, 1))
        _fresh(self)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """Map (n, n_in, y, x), sides multiples of 2 ** depth, to stains (n, n_out, y, x) from 0 to 1."""
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = skips.pop()
        for block in self.up:
            x = torch.cat([block(x), skips.pop()], dim=1)
        with torch.autocast(x.device.type, enabled=False):
            return (torch.sigmoid(self.out(x.float())),)


class PatchDiscriminator(nn.Module):
    """Judges every patch of 70 x 70 pixels of an image beside the input it was made from.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input and of the stains.
    filters : int
        Channels after the first convolution.
    """

    def __init__(self, n_in: int = 1, n_out: int = 1, filters: int = 64) -> None:
        super().__init__()
        widths = [n_in + n_out, filters, 2 * filters, 4 * filters, 8 * filters]
        layers: list[nn.Module] = []
        for k, (a, b) in enumerate(pairwise(widths)):
            stride = 2 if k < 3 else 1
            layers += _layers(nn.Conv2d(a, b, 4, stride, 1, bias=k == 0), norm=k > 0)
            layers.append(nn.LeakyReLU(LEAK))
        self.judge = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        _fresh(self)

    def forward(self, given: torch.Tensor, stains: torch.Tensor) -> torch.Tensor:
        """Return a logit for each patch (n, 1, y / 8 - 2, x / 8 - 2): large where it takes it for true."""
        return self.judge(torch.cat([given, stains], dim=1))


def _down(n_in: int, n_out: int, first: bool, norm: bool) -> nn.Sequential:
    """Return a level of the encoder; the first one gets the image itself."""
    conv = nn.Conv2d(n_in, n_out, 4, 2, 1, bias=not norm)
    return nn.Sequential(*([] if first else [nn.LeakyReLU(LEAK)]), *_layers(conv, norm))


def _up(n_in: int, n_out: int, dropout: float) -> nn.Sequential:
    """Return a level of the decoder."""
    conv = nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)
    drop: Sequence[nn.Module] = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.ReLU(), *_layers(conv, norm=True), *drop)


def _layers(conv: nn.Conv2d | nn.ConvTranspose2d, norm: bool) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels)] if norm else [conv]


def _fresh(net: nn.Module) -> None:
    """Draw weights as the paper does: normal, standard deviation 0.02; those of a normalisation around 1."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, _SPREAD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, _SPREAD)
            nn.init.zeros_(layer.bias)
