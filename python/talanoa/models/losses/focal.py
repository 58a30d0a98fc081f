"""Binary cross-entropy that dwells on what is still wrong, as a loss of masks."""

from __future__ import annotations

import torch

GAMMA, ALPHA = 2.0, 0.5
_EPS = 1e-7


def focal(predicted: torch.Tensor, target: torch.Tensor, gamma: float = GAMMA, alpha: float = ALPHA) -> torch.Tensor:
    """Return the mean focal loss of probabilities against masks.

    Parameters
    ----------
    predicted, target : Tensor, (n, c, y, x)
        From 0 to 1.
    gamma : float
        How much less pixels count that are nearly right; 0: cross-entropy.
    alpha : float
        Weight of the foreground, that of the background is ``1 - alpha``.

    Notes
    -----
    ``-mean(a t (1 - p)^g log p + (1 - a) (1 - t) p^g log(1 - p))`` (Lin et al. 2017, doi:10.1109/ICCV.2017.324).
    """
    p = predicted.clamp(_EPS, 1 - _EPS)
    foreground = alpha * target * (1 - p) ** gamma * torch.log(p)
    background = (1 - alpha) * (1 - target) * p**gamma * torch.log(1 - p)
    return -(foreground + background).mean()
