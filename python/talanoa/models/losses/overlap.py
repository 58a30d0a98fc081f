"""Overlap of masks as a loss."""

from __future__ import annotations

import torch


def jaccard(predicted: torch.Tensor, target: torch.Tensor, smooth: float = 1.0) -> torch.Tensor:
    """Return one minus the Jaccard index of soft masks, of all images of the batch together, the mean over channels.

    Parameters
    ----------
    predicted, target : Tensor, (n, c, y, x)
        From 0 to 1.
    smooth : float
        Pixels added to intersection and union: two empty masks have the loss 0.

    Notes
    -----
    ``1 - (sum(p t) + s) / (sum(p) + sum(t) - sum(p t) + s)`` (Philbert 2020; Jaccard 1912). The sums go over the whole
    batch: of an empty crop by itself a few faint pixels would be a loss of almost 1, as much as missing every object.
    """
    axes = (0, *range(2, predicted.dim()))
    shared = (predicted * target).sum(dim=axes)
    union = predicted.sum(dim=axes) + target.sum(dim=axes) - shared
    return (1 - (shared + smooth) / (union + smooth)).mean()
