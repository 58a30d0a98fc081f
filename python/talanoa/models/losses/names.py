"""The names of the losses, known without loading torch."""

from __future__ import annotations

import re
from collections.abc import Mapping

from talanoa.core.errors import BadInput

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
STATEFUL = ("perceptual",)  # they look through a network
ALIASES = {"l1": "mae"}
KNOWN = ", ".join((*NAMES, *STATEFUL))


def parse(text: str) -> dict[str, float]:
    """Return the weights that a text names: ``"mse=1 sobel=0.1"``, or one name alone.

    Raises
    ------
    BadInput
        The text is no such list, a name is unknown, a weight is below 0.

    >>> parse("l1=1, sobel=0.1")
    {'mae': 1.0, 'sobel': 0.1}
    >>> parse("pcc")
    {'pcc': 1.0}
    """
    weights: dict[str, float] = {}
    for part in re.sub(r"\s*[=:]\s*", "=", text).replace(",", " ").split():
        name, _, weight = part.partition("=")
        try:
            weights[name] = float(weight) if "=" in part else 1.0
        except ValueError:
            raise BadInput(
                f"loss={text!r}: {weight!r} is no number. Write names with their weights, such as mse=1 sobel=0.1."
            ) from None
    return checked(weights)


def checked(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights under the names of `NAMES` and `STATEFUL`.

    Raises
    ------
    BadInput
        They name losses that there are not, or none that counts.
    """
    found = {ALIASES.get(name.lower(), name.lower()): weight for name, weight in weights.items()}
    unknown = [name for name in found if name not in (*NAMES, *STATEFUL)]
    if unknown:
        raise BadInput(f"Unknown loss {', '.join(unknown)}; known losses: {KNOWN}.")
    if not all(0 <= weight < float("inf") for weight in found.values()) or not any(found.values()):
        raise BadInput(f"Losses have the weights {dict(weights)}; expected some above 0 and none below.")
    return found
