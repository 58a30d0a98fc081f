"""StarDist on the U-Net of in silico labelling, so that it can start from a labelling network."""

from __future__ import annotations

import torch

from talanoa.models.networks.labelling_unet import LabellingUNet
from talanoa.models.networks.stardist import add_heads, answer


class LabellingTrunk(LabellingUNet):
    """`LabellingUNet` without its output, up to a level of the decoder.

    Parameters
    ----------
    n_in, filters, depth
        See `LabellingUNet`.
    left : int
        Levels of the decoder that are left out: 0 ends at full resolution, 1 at half of it.
    """

    def __init__(self, n_in: int, filters: int, depth: int, left: int) -> None:
        super().__init__(n_in, 1, filters, depth)
        self.grow, self.up = self.grow[: depth - left], self.up[: depth - left]
        self.width = filters * 2**left
        del self.out

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Map (n, n_in, y, x) to features (n, width, y / 2 ** left, x / 2 ** left)."""
        x, skips = self._descend(x)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = block(torch.cat([grow(x), skips.pop()], dim=1))
        return x


class StarDistLabellingNet(torch.nn.Module):
    """The same answers as `talanoa.models.networks.stardist.StarDistNet`, from the trunk of a labelling network.

    Parameters
    ----------
    n_channel_in, n_rays, head, n_classes
        See `talanoa.models.networks.stardist.StarDistNet`.
    grid : int
        Output pixel spacing along both axes, 1 or 2 (or another power of 2 up to that of the poolings).
    filters, depth
        See `LabellingTrunk`.
    """

    def __init__(
        self,
        n_channel_in: int = 1,
        n_rays: int = 32,
        grid: int = 1,
        filters: int = 16,
        depth: int = 4,
        head: int = 128,
        n_classes: int = 0,
    ) -> None:
        super().__init__()
        self.trunk = LabellingTrunk(n_channel_in, filters, depth, grid.bit_length() - 1)
        add_heads(self, self.trunk.width, head, n_rays, (3, 3), n_classes)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (n, channels, y, x) to logits, distances and, with classes, their logits; see `StarDistNet`."""
        return answer(self, self.trunk(x))
