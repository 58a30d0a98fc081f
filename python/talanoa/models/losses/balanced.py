"""Squared errors with a term for the light in the whole image, or weighted by brightness."""

from __future__ import annotations

import torch

_EPS = 1e-6


def _ratio(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the light of one batch over that of another."""
    return one.sum() / (other.sum() + _EPS)


def mse_less_light(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the squared error plus the predicted light over the true light.

    Parameters
    ----------
    predicted, target : Tensor, (n, c, y, x)
        Not negative.

    Notes
    -----
    ``MSE + sum(p) / sum(t)`` (Pankova 2022). Less light is always better: without a strong squared error it ends in
    black images.
    """
    return (predicted - target).square().mean() + _ratio(predicted, target)


def mse_more_light(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the squared error plus the true light over the predicted light.

    Notes
    -----
    ``MSE + sum(t) / sum(p)`` (Pankova 2022). More light is always better: it tends to white images.
    """
    return (predicted - target).square().mean() + _ratio(target, predicted)


def mse_by_truth(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean of the squared errors times the truth.

    Notes
    -----
    ``mean((p - t)² t)`` (Pankova 2022). Where the truth is black anything goes: false light costs nothing there, up to
    white images.
    """
    return ((predicted - target).square() * target).mean()


def mse_by_prediction(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean of the squared errors times the prediction.

    Notes
    -----
    ``mean((p - t)² p)`` (Pankova 2022). Black everywhere costs nothing: it ends in black images.
    """
    return ((predicted - target).square() * predicted).mean()


def mse_by_background(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean of the squared errors times one minus the truth.

    Notes
    -----
    ``mean((p - t)² (1 - t))`` (Pankova 2022). The brightest structures count least and come out grey.
    """
    return ((predicted - target).square() * (1 - target)).mean()


def mse_by_truth_more_light(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean of the squared errors times the truth, plus the true light over the predicted light.

    Notes
    -----
    ``mean((p - t)² t) + sum(t) / sum(p)`` (Pankova 2022). Nothing holds back light where the truth is black: white
    images.
    """
    return mse_by_truth(predicted, target) + _ratio(target, predicted)
