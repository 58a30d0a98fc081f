"""Networks that answer an image with an image.

CARE: Weigert et al. 2018, doi:10.1038/s41592-018-0216-7. Noise2Void: Krull et al. 2019, doi:10.1109/CVPR.2019.00223.
N2V2: Höck et al. 2022, doi:10.48550/arXiv.2211.08512.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

import torch
from torch import nn
from torch.nn import functional

from talanoa.models.networks.coarse_up import added_up
from talanoa.models.networks.receptive_field import Sides
from talanoa.models.networks.unet import _CONV, UNet, conv_stack, init_glorot, pointwise

WORTHWHILE = 5  # side of a kernel from which `conv_of_both` is faster
SMALLEST_SCALE = 1e-3  # added to the scale, as the original does
_MAX_POOL = {2: functional.max_pool2d, 3: functional.max_pool3d}
_MEAN_POOL = {2: functional.avg_pool2d, 3: functional.avg_pool3d}


class Options(TypedDict, total=False):
    """More of `CareUNet`."""

    batch_norm: bool
    blur_pool: bool
    no_first_skip: bool
    narrow_decoder: bool


class MaxBlurPool(nn.Module):
    """Maximum of 2 x 2 pixels at every pixel, blurred by (1, 2, 1) / 4, of which every second one is taken.

    Without it what the network draws at full resolution shows the checkerboard of the poolings (Zhang 2019,
    arXiv:1904.11486). Both windows begin at a cell's first pixel, as in the `n2v` package; beyond the far border the
    maximum takes what is there, the blur zeros. The same for volumes.
    """

    def __init__(self, ndim: int = 2) -> None:
        super().__init__()
        self.highest, self.mean = _MAX_POOL[ndim], _MEAN_POOL[ndim]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, c, space…) to half the sides."""
        far = (0, 1) * (x.dim() - 2)
        highest = self.highest(functional.pad(x, far, mode="replicate"), 2, stride=1)
        once = self.mean(functional.pad(highest, far), 2, stride=1)
        return self.mean(once, 2)  # a mean of neighbours' means is (1, 2, 1) / 4


class CareUNet(UNet):
    """`UNet` at full resolution, as N2V2 changes it where that is asked for.

    Parameters
    ----------
    n_in, filters, depth, kernel, ndim
        See `UNet`.
    batch_norm : bool
        Batch normalisation after each convolution.
    blur_pool : bool
        `MaxBlurPool` instead of the maximum.
    no_first_skip : bool
        The last level gets nothing of the first: no way for single noisy pixels around the poolings.
    narrow_decoder : bool
        The first convolution of each decoder level has as few channels as the first level, as in `n2v` 0.3.
    """

    def __init__(
        self, n_in: int, filters: int = 32, depth: int = 2, kernel: Sides = 3, ndim: int = 2, **more: Unpack[Options]
    ) -> None:
        batch_norm = more.get("batch_norm", False)
        super().__init__(n_in, filters, depth, kernel, ndim, batch_norm)
        if more.get("narrow_decoder", False):
            widths = [(2 * filters * 2**i, filters, filters * 2 ** max(0, i - 1)) for i in reversed(range(depth))]
            self.up = nn.ModuleList(conv_stack(each, kernel, ndim, batch_norm) for each in widths)
        self.no_first_skip = more.get("no_first_skip", False)
        if self.no_first_skip:
            self.up[-1] = conv_stack((filters, filters, filters), kernel, ndim, batch_norm)
        if more.get("blur_pool", False):
            self.pool = MaxBlurPool(ndim)

    def climb(self, block: nn.Module, below: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Return the output of a decoder level; the last one may get nothing of the encoder."""
        if self.no_first_skip and block is self.up[-1]:
            return block(self.upsample(below))
        if not self.training:  # for predictions a level may have been rebuilt (`coarse_up`)
            return super().climb(block, below, skip)
        first, *rest = block.children()
        conv, *after = first.children()
        assert isinstance(conv, nn.Conv2d | nn.Conv3d)
        if isinstance(conv, nn.Conv3d) or min(conv.kernel_size) < WORTHWHILE:
            return super().climb(block, below, skip)
        x = conv_of_both(conv, below, skip)
        for layer in (*after, *rest):
            x = layer(x)
        return x


def conv_of_both(conv: nn.Conv2d, below: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
    """Return ``conv(cat(below, repeated twice along y and x; skip))`` with fewer multiplications.

    Of a square kernel on repeated pixels several columns and rows meet the same pixel, so that their weights can be
    added beforehand. Where an even or odd pixel lies decides which: four kernels of 3 x 3 stand for one of 5 x 5.
    """
    channels = below.shape[1]
    four = added_up(conv.weight[:, :channels]).movedim(0, 2).flatten(0, 2)  # channels of a pixel lie side by side
    parts = functional.conv2d(below, four, padding=four.shape[-1] // 2)  # (n, 4 out, y, x)
    n, _, rows, columns = parts.shape
    apart = parts.permute(0, 2, 3, 1).reshape(n, rows, columns, 2, 2, -1)  # (n, y, x, odd y, odd x, out)
    whole = apart.transpose(2, 3).reshape(n, 2 * rows, 2 * columns, -1).permute(0, 3, 1, 2)
    return functional.conv2d(skip, conv.weight[:, channels:], conv.bias, padding=conv.padding) + whole


class CareNet(nn.Module):
    """An image of the input's size, channels (n_out,), and with `probabilistic` the scale of a Laplace distribution.

    Parameters
    ----------
    n_in, n_out : int
        Input and output channels.
    filters, depth, kernel, ndim
        See `UNet`.
    residual : bool
        The network answers with what is to be added to its input; as many channels in as out.
    probabilistic : bool
        A second output: the scale (positive, the mean absolute deviation) around the first one, the mean.
    batch_norm, blur_pool, no_first_skip, narrow_decoder
        See `CareUNet`.
    """

    def __init__(
        self,
        n_in: int = 1,
        n_out: int = 1,
        filters: int = 32,
        depth: int = 2,
        kernel: Sides = 5,
        ndim: int = 2,
        residual: bool = True,
        probabilistic: bool = False,
        **more: Unpack[Options],
    ) -> None:
        super().__init__()
        self.residual = residual
        self.unet = CareUNet(n_in, filters, depth, kernel, ndim, **more)
        self.mean = _CONV[ndim](filters, n_out, 1)
        self.scale = _CONV[ndim](filters, n_out, 1) if probabilistic else None
        for output in (self.mean, self.scale):
            if output is not None:
                init_glorot(output)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (n, n_in, space…) to the mean (n, n_out, space…) and, if probabilistic, the scale; single precision."""
        features = self.unet(x)
        with torch.autocast(x.device.type, enabled=False):
            features = features.to(torch.promote_types(features.dtype, torch.float32))
            mean = pointwise(self.mean, features)
            mean = mean + x if self.residual else mean
            if self.scale is None:
                return (mean,)
            return mean, functional.softplus(pointwise(self.scale, features)) + SMALLEST_SCALE


class SeparateNets(nn.Module):
    """A network for each channel, none of which sees the others: noise that channels share stays out of the answer.

    Parameters
    ----------
    nets : sequence of Module
        One for each channel.
    """

    def __init__(self, *nets: nn.Module) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (n, c, space…) to the outputs of the networks, side by side."""
        found = [net(channel) for net, channel in zip(self.nets, torch.split(x, 1, dim=1), strict=True)]
        return tuple(torch.cat(each, dim=1) for each in zip(*found, strict=True))
