"""The first convolution of a decoder level, done on the grid of the level below: the same with fewer operations.

Repeating each pixel twice and convolving with a kernel of 5 x 5 sees only 3 x 3 different pixels, with weights that
depend on whether row and column are even or odd. So the channels that come from below are convolved before they are
enlarged, with four kernels at once, and their answers are put in place (pixel shuffle); only the channels that the
encoder hands over are convolved at full resolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    pass

LEAST_KERNEL = 5  # with 3 x 3 the four kernels have 2 x 2 weights in 3 x 3 places: nothing is gained


class CoarseUp(nn.Module):
    """A decoder level that takes what comes from below before it is enlarged.

    Parameters
    ----------
    block : Sequential
        The level: blocks of convolution, perhaps normalisation, activation; the first one takes the enlarged channels
        and those of the encoder, in this order.
    below : int
        How many of its channels come from below.
    """

    def __init__(self, block: nn.Sequential, below: int) -> None:
        super().__init__()
        first: nn.Sequential = block[0]  # type: ignore[assignment]
        conv: nn.Conv2d = first[0]  # type: ignore[assignment]
        weight = conv.weight.detach()
        kernels = four_kernels(weight[:, :below])
        side = kernels.shape[-1]
        self.below = nn.Conv2d(below, len(kernels), side, padding=side // 2, bias=False)
        self.below.weight = nn.Parameter(kernels)
        size = weight.shape[-1]
        self.skip = nn.Conv2d(weight.shape[1] - below, len(weight), size, padding=size // 2)
        self.skip.weight = nn.Parameter(weight[:, below:].clone())
        self.skip.bias = conv.bias
        self.rest = nn.Sequential(*first[1:], *block[1:])
        self.requires_grad_(False)

    def forward(self, below: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Map (n, c, y, x) of the level below and (n, c, 2 y, 2 x) of the encoder to (n, c, 2 y, 2 x)."""
        return self.rest(functional.pixel_shuffle(self.below(below), 2) + self.skip(skip))


def four_kernels(weight: torch.Tensor) -> torch.Tensor:
    """Return the kernels (4 n, c, s, s) that see before the enlargement what (n, c, k, k) sees after it.

    Those of an output channel follow each other: row and column even, column odd, row odd, both odd.
    """
    return added_up(weight.double()).flatten(0, 2).to(weight.dtype)


def added_up(weight: torch.Tensor) -> torch.Tensor:
    """Return the weights (n, 2, 2, c, s, s) before the enlargement of a kernel (n, c, k, k) after it.

    Axes 1 and 2: an even or odd row, an even or odd column. Weights that meet the same pixel are added; gradients flow
    back to the kernel.
    """
    side = weight.shape[-1]
    sums = weight.new_zeros(2, side, 2 * ((side + 2) // 4) + 1)  # even or odd, weight, pixel before the enlargement
    for odd in range(2):
        for tap in range(side):
            sums[odd, tap, (odd + tap - side // 2) // 2 + sums.shape[2] // 2] = 1
    return torch.einsum("oiyx,pya,qxb->opqiab", weight, sums, sums)
