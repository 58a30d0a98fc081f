"""The losses of images by name, combined by weights: one line each in `LOSSES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from talanoa.core.errors import BadInput
from talanoa.models.losses import asymmetric, balanced, basic, gradients, names
from talanoa.models.losses.cross_entropy import bce
from talanoa.models.losses.focal import focal
from talanoa.models.losses.overlap import jaccard
from talanoa.models.losses.pearson import pcc

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: dict[str, Loss] = {
    "mse": basic.mse,
    "mae": basic.mae,
    "bce": bce,
    "pcc": pcc,
    "jaccard": jaccard,
    "focal": focal,
    "sobel": gradients.sobel,
    "total_variation": gradients.total_variation,
    "asymmetric1": asymmetric.asymmetric1,
    "asymmetric2": asymmetric.asymmetric2,
    "asymmetric3": asymmetric.asymmetric3,
    "mse_less_light": balanced.mse_less_light,
    "mse_more_light": balanced.mse_more_light,
    "mse_by_truth": balanced.mse_by_truth,
    "mse_by_prediction": balanced.mse_by_prediction,
    "mse_by_background": balanced.mse_by_background,
    "mse_by_truth_more_light": balanced.mse_by_truth_more_light,
}


def weighted(
    weights: Mapping[str, float],
    predicted: torch.Tensor,
    target: torch.Tensor,
    more: Mapping[str, Loss] | None = None,
) -> dict[str, torch.Tensor]:
    """Return the sum of weighted losses as ``loss``, and each of them by its name.

    Parameters
    ----------
    weights : mapping of str to float
        Such as ``{"mse": 1, "sobel": 0.1}``; see `LOSSES`.
    predicted, target : Tensor, (n, c, y, x)
    more : mapping of str to function, optional
        Losses that look through a network, such as `talanoa.models.losses.perceptual.through`.

    Raises
    ------
    BadInput
        An unknown name, no loss at all, or one that looks through a network without it.
    """
    weights = names.checked(weights)
    known = {**LOSSES, **(more or {})}
    blind = [name for name in weights if name not in known]
    if blind:
        raise BadInput(f"The loss {blind[0]} needs a network to look through; found none. Leave it out here.")
    parts = {name: known[name](predicted, target) for name in weights}
    whole = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
    return {"loss": whole, **parts}
