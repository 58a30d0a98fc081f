"""Binary cross-entropy of images with values from 0 to 1."""

from __future__ import annotations

import torch

_EPS = 1e-7


def bce(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean binary cross-entropy.

    Parameters
    ----------
    predicted, target : Tensor, (n, c, y, x)
        Values from 0 to 1; the target need not be 0 or 1.

    Notes
    -----
    ``-mean(t log p + (1 - t) log(1 - p))``. For stains that were made binary (Pankova 2022); of grey ones it is not 0
    where the prediction is right.
    """
    inside = predicted.clamp(_EPS, 1 - _EPS)
    return -(target * inside.log() + (1 - target) * (1 - inside).log()).mean()
