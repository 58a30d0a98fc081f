"""The names of the losses, known without loading torch."""

from __future__ import annotations

from collections.abc import Mapping

from talanoa.errors import BadInput

NAMES = (
    "mse",
    "mae",
    "bce",
    "pcc",
    "jaccard",
    "focal",
    "sobel",
    "total_variation",
    "asymmetric1",
    "asymmetric2",
    "asymmetric3",
    "mse_less_light",
    "mse_more_light",
    "mse_by_truth",
    "mse_by_prediction",
    "mse_by_background",
    "mse_by_truth_more_light",
)


def check(weights: Mapping[str, float]) -> None:
    """Raise `BadInput` where weights name losses that there are not, or none that counts."""
    unknown = [name for name in weights if name not in NAMES]
    if unknown:
        raise BadInput(f"Unknown loss {', '.join(unknown)}; known losses: {', '.join(NAMES)}.")
    if not any(weight > 0 for weight in weights.values()) or min(weights.values()) < 0:
        raise BadInput(f"Losses have the weights {dict(weights)}; expected some above 0 and none below.")
