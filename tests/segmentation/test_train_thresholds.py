"""The search for thresholds: what it finds, and that it can be stopped while it draws."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import tiny
from talanoa.core.errors import Cancelled
from talanoa.core.host import QuietHost
from talanoa.models import methods
from talanoa.models.methods import star_convex
from talanoa.segmentation.train import thresholds
from talanoa.segmentation.train.annotated import Annotated

CONFIG = methods.get("stardist").config(n_rays=16, grid=(2, 2))


class Counting(QuietHost):
    """Cancels when it is asked for the n-th time."""

    def __init__(self, patience: int) -> None:
        self.asked, self.patience = 0, patience

    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self.patience


def perfect(count: int) -> list[tuple[Annotated, star_convex.Candidates]]:
    """Return images with the candidates of a network that answers as the annotation does."""
    found = []
    for seed in range(count):
        image, labels = tiny.discs(seed)
        item = Annotated(f"discs{seed}", image[None].astype(np.float32), labels.astype(np.int32))
        prob, dist = methods.get("stardist").targets(item.labels, CONFIG, None)
        found.append((item, star_convex.candidates(prob[0], dist, thresholds.LOWEST, CONFIG)))
    return found


def test_a_perfect_answer_gives_thresholds_that_find_everything() -> None:
    found = perfect(2)
    chosen = thresholds.optimize(found, QuietHost())
    assert thresholds.score(found, chosen["prob"], chosen["nms"]) == 1


def test_the_search_is_stopped_between_two_images() -> None:
    found, host = perfect(3), Counting(4)
    with pytest.raises(Cancelled):
        thresholds.score(found * 10, 0.3, 0.4, host)
    assert host.asked == 5  # not after all of the thirty images
