"""U-Net that turns transmitted light into fluorescence (LaChance & Cohen 2020, doi:10.1371/journal.pcbi.1008443)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

_TRUNCATED = 0.87962566103423978  # standard deviation of a normal distribution that is cut at two of its own


def he_normal(layer: nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d) -> None:
    """Draw weights from a normal distribution cut at two standard deviations, variance 2 / fan-in; biases are 0.

    He et al. 2015, doi:10.1109/ICCV.2015.123. (`torch.nn.init.kaiming_normal_` is not cut.) As in Keras the fan-in of
    a transposed convolution counts its output channels.
    """
    fan_in = layer.weight.shape[1] * math.prod(layer.weight.shape[2:])
    deviation = math.sqrt(2 / fan_in) / _TRUNCATED
    nn.init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class Level(nn.Sequential):
    """Convolution, batch normalisation, ELU, dropout, convolution, ELU: a level of the U-Net, of planes or volumes."""

    def __init__(self, n_in: int, n_out: int, dropout: float = 0.0, ndim: int = 2) -> None:
        conv, batch_norm = (nn.Conv2d, nn.BatchNorm2d) if ndim == 2 else (nn.Conv3d, nn.BatchNorm3d)
        first, second = conv(n_in, n_out, 3, padding=1), conv(n_out, n_out, 3, padding=1)
        he_normal(first)
        he_normal(second)
        norm = batch_norm(n_out, eps=1e-3, momentum=0.01)  # as in Keras
        drop: list[nn.Module] = [nn.Dropout(dropout)] if dropout else []
        super().__init__(first, norm, nn.ELU(), *drop, second, nn.ELU())


class Decoder(nn.Module):
    """The way up of a U-Net: stains from the features of each level.

    Parameters
    ----------
    widths : sequence of int
        Channels of the levels, the bottleneck's last.
    n_out : int
        Stains.
    dropout : float
        Share of features that a level drops while it learns.
    """

    def __init__(self, widths: Sequence[int], n_out: int, dropout: float) -> None:
        super().__init__()
        self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.up = nn.ModuleList(Level(2 * w, w, dropout) for w in reversed(widths[:-1]))
        self.out = nn.Conv2d(widths[0], n_out, 1)
        for layer in (*self.grow, self.out):
            he_normal(layer)

    def stains(self, x: torch.Tensor, skips: list[torch.Tensor]) -> tuple[torch.Tensor]:
        """Return the stains, from 0 to 1, for a bottleneck and the features of the levels above it."""
        for grow, block, skip in zip(self.grow, self.up, reversed(skips), strict=True):
            x = block(torch.cat([grow(x), skip], dim=1))
        with torch.autocast(x.device.type, enabled=False):
            return (torch.sigmoid(self.out(x.float())),)


class LabellingUNet(Decoder):
    """Stains from transmitted light.

    Parameters
    ----------
    n_in, n_out : int
        Input channels (focal planes count as such), stains.
    filters : int
        Channels of the first level, doubled at each deeper one: 16, or 64 of the wide variant.
    depth : int
        Poolings.
    dropout : float
        Share of features that a level drops while it learns.
    """

    def __init__(self, n_in: int = 1, n_out: int = 1, filters: int = 16, depth: int = 4, dropout: float = 0.0) -> None:
        widths = [filters * 2**level for level in range(depth + 1)]
        super().__init__(widths, n_out, dropout)
        self.down = nn.ModuleList(Level(a, b, dropout) for a, b in zip([n_in, *widths[:-2]], widths[:-1], strict=True))
        self.bottom = Level(widths[-2], widths[-1], dropout)
        self.pool = nn.MaxPool2d(2)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the bottleneck (n, filters * 2 ** depth, y / 2 ** depth, x / 2 ** depth)."""
        return self._descend(x)[0]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """Map (n, n_in, y, x) to stains (n, n_out, y, x) from 0 to 1."""
        return self.stains(*self._descend(x))

    def _descend(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        return self.bottom(x), skips
