"""U-Net that convolves focal planes as a volume and answers with one plane."""

from __future__ import annotations

import torch
from torch import nn

from talanoa.models.networks.labelling_unet import Decoder, Level, he_normal


class Projection(nn.Module):
    """Makes one plane of a volume: at each place the mean of its planes, weighted by what is seen there.

    ``sum_z softmax_z(w · f(z)) f(z)`` with learned w: attention along z (Bahdanau et al. 2015, arXiv:1409.0473), which
    can take the plane in focus, or all of them alike. It does not depend on the number of planes.

    Parameters
    ----------
    channels : int
        Of the volume and of the plane.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv3d(channels, 1, 1)
        he_normal(self.score)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, z, y, x) to (n, channels, y, x)."""
        return (torch.softmax(self.score(x), dim=2) * x).sum(dim=2)


class ProjectionUNet(Decoder):
    """Stains from focal planes.

    3D convolutions on the way down, pooled along y and x only; what a level hands to the way up, which is that of
    `LabellingUNet`, is projected along z. Networks from 3D to 2D: Li et al. 2020, doi:10.1109/TMI.2020.2992244;
    Haertter et al. 2022, doi:10.1242/dev.200621.

    Parameters
    ----------
    n_in, n_out : int
        Input channels, stains.
    planes : int
        Focal planes of each light, which follow one another in the input channels.
    filters, depth, dropout
        As of `LabellingUNet`.
    """

    def __init__(self, n_in: int, n_out: int, planes: int, filters: int, depth: int, dropout: float = 0.0) -> None:
        widths = [filters * 2**level for level in range(depth + 1)]
        super().__init__(widths, n_out, dropout)
        self.shape = n_in // planes, planes
        steps = zip([self.shape[0], *widths[:-1]], widths, strict=True)
        self.down = nn.ModuleList(Level(a, b, dropout, ndim=3) for a, b in steps)
        self.project = nn.ModuleList(Projection(width) for width in widths)
        self.pool = nn.MaxPool3d((1, 2, 2))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """Map (n, n_in, y, x) to stains (n, n_out, y, x) from 0 to 1."""
        return self.stains(*self._descend(x))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the bottleneck (n, filters * 2 ** depth, y / 2 ** depth, x / 2 ** depth)."""
        return self._descend(x)[0]

    def _descend(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        x = torch.unflatten(x, 1, self.shape)
        planes = []
        for number, (block, project) in enumerate(zip(self.down, self.project, strict=True)):
            x = block(self.pool(x) if number else x)
            planes.append(project(x))
        return planes[-1], planes[:-1]
