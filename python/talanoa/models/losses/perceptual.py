"""A loss that looks at images through a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from talanoa.models.losses import basic
from talanoa.models.losses.gradients import total_variation

CONTENT, PIXEL, VARIATION = 0.8, 0.1, 0.1  # Philbert 2020
_EPS = 1e-6


def through(backbone: Callable[[torch.Tensor], Sequence[torch.Tensor]]) -> Callable[..., torch.Tensor]:
    """Return the loss that looks through a backbone.

    Parameters
    ----------
    backbone : function (Tensor (n, 1, y, x)) -> sequence of Tensor
        Its features at several resolutions, see `talanoa.models.losses.backbones`. Each stain goes through it alone.

    Notes
    -----
    ``0.8 content + 0.1 MSE + 0.1 total variation`` (Philbert 2020; Johnson et al. 2016,
    doi:10.1007/978-3-319-46475-6_43) with ``content = mean over resolutions of mean((f(p) - f(t))²) / mean(f(t)²)``:
    the division makes backbones of different scales alike. Fine structure that is a little out of place costs less
    than with pixels alone, so that it is not blurred; brightness is less exact.
    """

    def perceptual(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        seen = content(backbone(predicted.flatten(0, 1)[:, None]), backbone(target.flatten(0, 1)[:, None]))
        return CONTENT * seen + PIXEL * basic.mse(predicted, target) + VARIATION * total_variation(predicted)

    return perceptual


def content(predicted: Sequence[torch.Tensor], target: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return how far features are from the true ones, as a share of these; the mean over resolutions."""
    pairs = zip(predicted, target, strict=True)
    return torch.stack([(p - t).square().mean() / (t.square().mean().detach() + _EPS) for p, t in pairs]).mean()
