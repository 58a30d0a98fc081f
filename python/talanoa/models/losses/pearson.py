"""Pearson correlation as a loss."""

from __future__ import annotations

import torch

_EPS = 1e-8


def pcc(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return half of one minus the Pearson correlation, the mean over images and channels.

    Parameters
    ----------
    predicted, target : Tensor, (n, c, y, x)
        A channel that is constant in either has no correlation and counts as 1/2.

    Notes
    -----
    ``(1 - PCC) / 2`` (LaChance & Cohen 2020, doi:10.1371/journal.pcbi.1008443; Pankova 2022). It does not see gain and
    offset: brightness is anything until it is calibrated.
    """
    p = predicted.flatten(2)
    t = target.flatten(2)
    p = p - p.mean(dim=2, keepdim=True)
    t = t - t.mean(dim=2, keepdim=True)
    norm = (p.square().sum(dim=2) * t.square().sum(dim=2) + _EPS**2).sqrt()
    return (0.5 - 0.5 * (p * t).sum(dim=2) / norm).mean()
