"""Which fields count as empty when predicted stains are scored."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.labelling.data import empty
from talanoa.labelling.record import Stain
from talanoa.labelling.train import scores as label_scores
from talanoa.labelling.train.scores import Predicted


def field(spot: bool, noise: float = 0.04) -> np.ndarray:
    """Return a stain (1, y, x) at 0.05 with noise, with a disc of 300 pixels or without."""
    y, x = np.mgrid[:128, :128]
    clean = np.where(spot & (np.hypot(y - 64, x - 64) < 9.8), 0.8, 0.05)
    return (clean + np.random.default_rng(5).normal(0, noise, clean.shape)).astype(np.float32)[None]


def test_empty_fields_are_in_no_mean() -> None:
    found = [Predicted(f"{spot}", field(spot), field(spot, 0)) for spot in (True, False, False)]
    usual = [empty.usual([empty.contrast(field(True)[0])])]
    scores = label_scores.scores_of(found, [Stain(name="nucleus", low=0, high=1)], usual)["nucleus"]
    assert (scores["images"], scores["empty"]) == (1, 2)
    truth, predicted = found[0].truth.ravel(), found[0].predicted.ravel()
    assert scores["pcc"] == pytest.approx(np.corrcoef(truth, predicted)[0, 1], abs=1e-4)
    assert scores["empty_stained"] == 0
