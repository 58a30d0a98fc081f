"""Squared errors that count too much light and too little differently."""

from __future__ import annotations

import torch


def asymmetric1(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return a squared error in which missing light counts twice.

    Parameters
    ----------
    predicted, target : Tensor, (n, c, y, x)

    Notes
    -----
    With r = p - t: the mean of r² where r > 0, else 2 r² (Pankova 2022). Structures that are doubtful come out brighter
    than with the squared error.
    """
    error = predicted - target
    return torch.where(error > 0, error.square(), 2 * error.square()).mean()


def asymmetric2(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return a squared error in which light that should not be counts twice.

    Notes
    -----
    With r = p - t: the mean of r² where r < 0, else 2 r² (Pankova 2022). What is doubtful comes out darker.
    """
    error = predicted - target
    return torch.where(error < 0, error.square(), 2 * error.square()).mean()


def asymmetric3(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return an error in which missing light counts much more than light that should not be.

    Notes
    -----
    With r = p - t: the mean of r³ where r > 0, else 20 r² (Pankova 2022). Values from 0 to 1 are too bright with it:
    a little too much light costs next to nothing, so that the background turns grey.
    """
    error = predicted - target
    return torch.where(error > 0, error.clamp(min=0) ** 3, 20 * error.square()).mean()
