"""Losses of the methods."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

_EPS = 1e-7


def masked_mae(
    predicted: torch.Tensor, target: torch.Tensor, mask: torch.Tensor, background_reg: float = 1e-4
) -> torch.Tensor:
    """Mean absolute error of ray distances, weighted by the object probability.

    Parameters
    ----------
    predicted, target : Tensor, (n, rays, y, x)
        Distances in pixels.
    mask : Tensor, (n, 1, y, x)
        Weight of each place, the object probability: rays of central pixels matter most.
    background_reg : float
        Weight of the mean distance predicted outside, which keeps background rays short.

    Notes
    -----
    ``mean(mask * |p - t|) / mean(mask) + background_reg * mean((1 - mask) * |p|)``, the distance loss of StarDist
    (Schmidt et al. 2018, doi:10.1007/978-3-030-00934-2_30).
    """
    error = (mask * (predicted - target).abs()).mean()
    outside = ((1 - mask) * predicted.abs()).mean()
    return error / (mask.mean() + _EPS) + background_reg * outside


def soft_bce(logit: torch.Tensor, target: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """Binary cross-entropy of logits against probabilities in [0, 1]; places where `valid` is 0 do not count."""
    loss = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    if valid is None:
        return loss.mean()
    return (loss * valid).sum() / (valid.sum() + _EPS)


def mae(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Mean absolute error of images; with `weight` (same shape) the weighted mean, so that 0 leaves a pixel out."""
    return _mean((predicted - target).abs(), weight)


def mse(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Mean squared error of images; with `weight` (same shape) the weighted mean, so that 0 leaves a pixel out."""
    return _mean((predicted - target).square(), weight)


def laplace(mean: torch.Tensor, scale: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of images under a Laplace distribution for each pixel.

    Parameters
    ----------
    mean, scale, target : Tensor, (n, c, space…)
        Centre and mean absolute deviation (positive) of the distribution, and what was seen.

    Notes
    -----
    ``mean(|target - mean| / scale + log(2 scale))``, the loss of the probabilistic networks of CARE (Weigert et al.
    2018, doi:10.1038/s41592-018-0216-7, supplementary notes).
    """
    return ((target - mean).abs() / scale + scale.log()).mean() + math.log(2)


def _mean(error: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    if weight is None:
        return error.mean()
    return (error * weight).sum() / (weight.sum() + _EPS)


IMAGE = {"mae": mae, "mse": mse}
