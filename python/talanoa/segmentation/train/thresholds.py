"""Choose the decision thresholds of a StarDist model on its validation images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.measure.metrics.matching import match_images
from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference
from talanoa.models.runtime.types import Maps, Runner
from talanoa.segmentation.train.annotated import Annotated

IOU = (0.3, 0.5, 0.7)
LOWEST = 0.05  # no probability threshold below this is tried
Found = Sequence[tuple[Annotated, star_convex.Candidates]]


def candidates_of(
    net: Runner[Maps], items: Sequence[Annotated], config: Any, host: Host
) -> list[tuple[Annotated, star_convex.Candidates]]:
    """Run the network once over each image and keep everything above the lowest threshold that will be tried."""
    found = []
    for item in items:
        stop_if_cancelled(host)
        parts = inference.planned_parts(item.labels.shape, config)
        found.append((item, inference.find_candidates(net, item.image, config, LOWEST, parts)))
    return found


def labels_at(
    found: star_convex.Candidates, shape: tuple[int, ...], prob: float, nms: float, host: Host | None = None
) -> np.ndarray:
    """Return the label image at given thresholds; `host` may cancel, also while overlaps are suppressed."""
    host = host or QuietHost()
    stop_if_cancelled(host)
    kept = found.take(np.flatnonzero(found.probabilities > prob))
    return star_convex.render(star_convex.decode(kept, nms, lambda _done, _all: stop_if_cancelled(host)), shape)[0]


def score(found: Found, prob: float, nms: float, host: Host | None = None) -> float:
    """Return the accuracy TP / (TP + FP + FN), averaged over IoU 0.3, 0.5 and 0.7; `host` may cancel between images."""
    pairs = ((item.labels, labels_at(each, item.labels.shape, prob, nms, host)) for item, each in found)
    return float(np.mean([counts.accuracy for counts in match_images(pairs, IOU).values()]))


def optimize(found: Found, host: Host, nms_choices: Sequence[float] = star_convex.NMS_CHOICES) -> dict[str, float]:
    """Return the thresholds ``prob`` and ``nms`` with the best `score`.

    For each overlap threshold a golden-section search looks for the best probability between half the highest
    one seen and that one, as the original package does.
    """
    from scipy.optimize import minimize_scalar

    highest = max((float(each.probabilities.max()) for _, each in found if len(each)), default=0.0)
    if highest <= LOWEST:
        return star_convex.default_thresholds()
    results: list[tuple[float, float, float]] = []
    for number, nms in enumerate(nms_choices):
        seen: dict[float, float] = {}

        def loss(prob: float, nms: float = nms, seen: dict[float, float] = seen) -> float:
            """Return the negative score at a probability threshold, each asked for once."""
            stop_if_cancelled(host)
            prob = float(np.clip(prob, max(LOWEST, highest / 2), highest))
            if prob not in seen:
                seen[prob] = score(found, prob, nms, host)
            return -seen[prob]

        minimize_scalar(loss, bracket=(highest / 2, highest), method="golden", tol=1e-2, options={"maxiter": 20})
        best = max(seen, key=lambda prob: seen[prob])
        results.append((seen[best], best, nms))
        host.progress(number + 1, len(nms_choices), "Choosing thresholds")
    _, prob, nms = max(results)
    return {"prob": round(prob, 6), "nms": nms}
