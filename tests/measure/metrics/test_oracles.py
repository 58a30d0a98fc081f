"""The metrics beside other packages: StarDist and scikit-learn (stored), scikit-image and scipy."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from skimage.metrics import contingency_table

from talanoa.measure.metrics.bland_altman import bland_altman
from talanoa.measure.metrics.correlation import pearson, spearman
from talanoa.measure.metrics.matching import Counts, match_images, match_objects
from talanoa.measure.metrics.overlap import overlaps
from talanoa.measure.metrics.paired import compare
from talanoa.measure.metrics.pixel import count_pixels

DATA = Path(__file__).resolve().parent.parent.parent / "data" / "metrics"
NAMES = ("plane", "small", "volume", "stripes")
SAME = {
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "f1": "f1",
    "mean_true_score": "mean_true_score",
    "segmentation_quality": "mean_matched_score",
    "panoptic_quality": "panoptic_quality",
}


@cache
def oracles() -> dict[str, Any]:
    return json.loads((DATA / "oracles.json").read_text(encoding="utf-8"))


@cache
def case(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(DATA / "cases.npz") as cases:
        return cases[f"{name}_true"], cases[f"{name}_predicted"]


def agree(ours: Counts, theirs: dict[str, float]) -> None:
    assert (ours.true_positives, ours.false_positives, ours.false_negatives) == tuple(
        theirs[key] for key in ("tp", "fp", "fn")
    )
    for mine, its in SAME.items():
        assert getattr(ours, mine) == pytest.approx(theirs[its], rel=1e-6), mine  # its IoU is float32


@pytest.mark.parametrize("name", NAMES)
def test_objects_agree_with_stardist(name: str) -> None:
    found = overlaps(*case(name))
    for iou, theirs in oracles()["objects"][name].items():
        agree(match_objects(found, float(iou)).counts, theirs)


def test_pooled_objects_agree_with_stardist() -> None:
    stored = oracles()["objects"]["pooled plane and small"]
    ours = match_images([case("plane"), case("small")], [float(iou) for iou in stored])
    for iou, theirs in stored.items():
        agree(ours[float(iou)], theirs)


def test_means_over_images_agree_with_stardist() -> None:
    for iou, theirs in oracles()["objects"]["mean of plane and small"].items():
        counts = [match_objects(overlaps(*case(name)), float(iou)).counts for name in ("plane", "small")]
        for mine, its in SAME.items():
            assert np.mean([getattr(each, mine) for each in counts]) == pytest.approx(theirs[its], rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_pixels_agree_with_scikit_learn(name: str) -> None:
    ours = count_pixels(*case(name))
    for key, theirs in oracles()["pixels"][name].items():
        assert getattr(ours, key) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_overlaps_agree_with_scikit_image(name: str) -> None:
    true, predicted = case(name)
    found = overlaps(true, predicted)
    table = contingency_table(true, predicted).toarray()
    shared = np.zeros(found.shape, int)
    shared[found.rows, found.columns] = found.shared
    np.testing.assert_array_equal(table[np.ix_(found.true_ids, found.predicted_ids)], shared)
    np.testing.assert_array_equal(table[found.true_ids].sum(axis=1), found.true_sizes)


def test_statistics_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(50, 10, 30)
    other = true + rng.normal(1, 4, 30)
    assert pearson(true, other) == pytest.approx(stats.linregress(true, other).rvalue)
    ranks = [stats.rankdata(side) for side in (true, other)]
    assert spearman(true, other) == pytest.approx(np.corrcoef(*ranks)[0, 1])
    found = compare(true, other)
    assert found.p == stats.wilcoxon(other, true).pvalue
    assert found.difference == pytest.approx(bland_altman(true, other).bias)
    assert found.interval.low < found.difference < found.interval.high
