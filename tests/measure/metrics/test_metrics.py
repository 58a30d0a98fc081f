"""Metrics on cases small enough to count by hand, and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from talanoa.measure.metrics.bland_altman import bland_altman, bland_altman_of_draws
from talanoa.measure.metrics.bootstrap import draws, interval, percentile, weighted_means
from talanoa.measure.metrics.classes import class_counts, confusion
from talanoa.measure.metrics.correlation import pearson, pearson_of_draws, spearman, spearman_of_draws
from talanoa.measure.metrics.matching import Counts, match_objects
from talanoa.measure.metrics.overlap import overlaps
from talanoa.measure.metrics.paired import compare
from talanoa.measure.metrics.pixel import PixelCounts, count_pixels
from talanoa.measure.metrics.splits import splits_and_merges
from talanoa.measure.metrics.two_groups import two_groups


def blobs(seed: int, shape: tuple[int, ...] = (40, 40), count: int = 9) -> np.ndarray:
    """Return label images of random boxes, later ones on top."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, int)
    for number in range(1, count + 1):
        low = rng.integers(0, np.array(shape) - 4)
        labels[tuple(slice(at, at + rng.integers(3, 12)) for at in low)] = number
    return labels


def test_overlaps_by_hand() -> None:
    found = overlaps(np.array([[5, 5, 0], [5, 9, 9]]), np.array([[3, 3, 3], [0, 3, 7]]))
    assert found.true_ids.tolist() == [5, 9] and found.predicted_ids.tolist() == [3, 7]
    assert found.true_sizes.tolist() == [3, 2] and found.predicted_sizes.tolist() == [4, 1]
    assert list(zip(found.rows, found.columns, found.shared, strict=True)) == [(0, 0, 2), (1, 0, 1), (1, 1, 1)]
    assert found.iou.tolist() == pytest.approx([2 / 5, 1 / 5, 1 / 2])


@pytest.mark.parametrize("shape", [(40, 40), (12, 20, 20)])
def test_numbers_order_and_axes_of_the_labels_do_not_matter(shape: tuple[int, ...]) -> None:
    true, predicted = blobs(1, shape), blobs(2, shape)
    rng = np.random.default_rng(3)
    renumber = np.concatenate([[0], rng.permutation(9) + 1]) * 1_000_003  # far beyond a table of labels
    flipped = np.flip(predicted.swapaxes(0, 1)), np.flip(renumber[true].swapaxes(0, 1))
    one, other = overlaps(true, predicted), overlaps(flipped[1], flipped[0])
    for iou in (0.05, 0.2, 0.5):
        first, second = match_objects(one, iou).counts, match_objects(other, iou).counts
        assert first.true_positives == second.true_positives
        assert first.iou_sum == pytest.approx(second.iou_sum)
    swapped = match_objects(overlaps(predicted, true), 0.2).counts
    assert swapped.precision == match_objects(one, 0.2).counts.recall


@pytest.mark.parametrize("seed", range(5))
def test_the_sparse_matching_is_the_dense_one(seed: int) -> None:
    found = overlaps(blobs(seed, count=25), blobs(seed + 50, count=25))
    iou = found.dense()
    for threshold in (0.05, 0.1, 0.3):
        good = iou >= threshold
        rows, columns = linear_sum_assignment(good + iou / (2 * min(iou.shape)), maximize=True)
        ours = match_objects(found, threshold)
        assert ours.counts.true_positives == good[rows, columns].sum()
        assert ours.counts.iou_sum == pytest.approx(iou[rows, columns][good[rows, columns]].sum())
        assert len(set(ours.true)) == len(set(ours.predicted)) == len(ours.iou)


def test_parts_of_the_panoptic_quality() -> None:
    counts = Counts(6, 2, 4, 4.5)
    assert counts.segmentation_quality == 4.5 / 6
    assert counts.recognition_quality == 6 / 9
    assert counts.panoptic_quality == pytest.approx(counts.segmentation_quality * counts.recognition_quality)
    assert counts.mean_true_score == 4.5 / 10
    nothing = Counts(0, 0, 0, 0.0)
    assert nothing.segmentation_quality == nothing.mean_true_score == nothing.panoptic_quality == 0


def test_pixels_by_hand() -> None:
    counts = count_pixels(np.array([[1, 1, 0, 0, 0]]), np.array([[0, 7, 7, 7, 0]]))
    assert counts == PixelCounts(1, 2, 1, 1)
    assert (counts.iou, counts.dice, counts.precision, counts.recall, counts.accuracy) == (
        1 / 4,
        2 / 5,
        1 / 3,
        1 / 2,
        2 / 5,
    )
    assert counts + counts == PixelCounts(2, 4, 2, 2)


def test_pixels_of_empty_masks() -> None:
    empty, full = np.zeros((2, 3)), np.ones((2, 3))
    both = count_pixels(empty, empty)
    assert both.iou == both.dice == both.precision == both.recall == both.accuracy == 1
    for one in (count_pixels(empty, full), count_pixels(full, empty)):
        assert one.iou == one.dice == one.precision == one.recall == 0
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        count_pixels(empty, np.zeros((3, 2)))


def test_splits_and_merges_by_hand() -> None:
    #  object 1 is cut in three, 2 and 3 run together, 4 is grazed by a piece that mostly lies outside
    true = np.array([[1, 1, 1, 1, 1, 1, 0, 2, 2, 3, 3, 0, 4, 4, 0, 0]])
    predicted = np.array([[1, 1, 2, 2, 3, 0, 0, 4, 4, 4, 4, 0, 0, 5, 5, 5]])
    found = splits_and_merges(overlaps(true, predicted))
    assert found.split.tolist() == [0] and found.pieces == 2
    assert found.merging.tolist() == [3] and found.merged == 1
    turned = splits_and_merges(overlaps(predicted, true))
    assert turned.pieces == 1 and turned.merged == 2  # what one calls split the other calls merged
    none = splits_and_merges(overlaps(np.zeros((2, 2), int), predicted[:, :2].repeat(2, 0)))
    assert none.pieces == none.merged == 0


def test_agreement_by_hand() -> None:
    found = bland_altman([1, 2, 3], [2, 4, 3])
    assert found.bias == 1 and found.high - found.bias == pytest.approx(1.96) and found.low == pytest.approx(1 - 1.96)
    assert math.isnan(bland_altman([], []).bias) and math.isnan(bland_altman([1], [2]).low)
    assert spearman([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(1)
    assert 0.9 < pearson([1, 2, 3, 4], [1, 8, 27, 64]) < 0.96
    assert math.isnan(pearson([1, 1, 1], [1, 2, 3])) and math.isnan(pearson([1, 2], [1, 2]))


def test_classes_by_hand() -> None:
    true = np.array([[1, 1, 0, 2, 2, 0, 3, 3, 0, 4, 4]])
    predicted = np.array([[1, 1, 0, 2, 2, 5, 3, 3, 0, 0, 0]])
    found = match_objects(overlaps(true, predicted))
    table = confusion(found, np.array([1, 1, 0, 2]), np.array([1, 2, 2, 2]), 2)
    #  classes: 1 found as 1; 1 found as 2; unknown found as 2; 2 missed; 2 invented
    first, second = class_counts(table)
    assert (first.true_positives, first.false_positives, first.false_negatives) == (1, 0, 1)
    assert (second.true_positives, second.false_positives, second.false_negatives) == (0, 2, 1)
    assert table.sum() == 5


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(200):
        sample = rng.exponential(1.0, 25)
        found = percentile(weighted_means(sample, draws(25, 300, seed)))
        hits += found.low <= 1.0 <= found.high
    assert 0.86 <= hits / 200 <= 0.99


def test_the_interval_is_that_of_resampled_images() -> None:
    values = np.array([0.0, 1.0, np.nan])
    times = draws(3, 4000, 5)
    assert (times.sum(axis=1) == 3).all() and times.mean(axis=0) == pytest.approx(1, abs=0.05)
    assert percentile(weighted_means(values, times)) == (0.0, 1.0)
    assert interval(lambda row: float(weighted_means(values, row[None])[0]), times) == (0.0, 1.0)
    assert math.isnan(interval(lambda row: 1.0, draws(1, 100, 0)).low)
    assert interval(lambda row: float(row[0]), times) == interval(lambda row: float(row[0]), draws(3, 4000, 5))


def test_the_paired_test() -> None:
    first = np.linspace(0.3, 0.8, 12)
    clear = compare(first, first + 0.05 + 0.01 * np.arange(12), seed=1)
    assert clear.p < 0.001 and clear.interval.low > 0 and (clear.better, clear.worse) == (12, 0)
    rng = np.random.default_rng(0)
    noise = compare(first, first + rng.normal(0, 0.05, 12))
    assert noise.p > 0.05 and noise.interval.low < 0 < noise.interval.high
    assert compare(first, first).p == 1 and math.isnan(compare(first[:5], first[:5] + 1).p)
    assert compare([0.5, np.nan], [0.6, 0.7]).n == 1


def test_the_paired_test_is_wrong_as_seldom_as_it_says() -> None:
    rng = np.random.default_rng(4)
    ps = [compare(rng.normal(size=15), rng.normal(size=15), resamples=0).p for _ in range(200)]
    assert 0.01 <= np.mean(np.array(ps) < 0.05) <= 0.09


def test_many_objects_are_no_burden() -> None:
    rows, columns = np.divmod(np.arange(1024 * 1024), 1024)
    true = (rows // 8 * 128 + columns // 8 + 1).reshape(1024, 1024)
    predicted = np.roll(true, (1, 2), (0, 1))
    found = match_objects(overlaps(true, predicted), 0.1)
    assert found.counts == Counts(128 * 128, 0, 0, pytest.approx(128 * 128 * 42 / 86))


def test_resampled_agreement_is_that_of_the_points_drawn() -> None:
    rng = np.random.default_rng(5)
    true = np.round(rng.normal(10, 3, 12), 0)  # with ties
    predicted = 1.3 * true + rng.normal(0, 2, 12)
    times = draws(12, 40, 3)
    found = bland_altman_of_draws(true, predicted, times)
    r, rho = pearson_of_draws(true, predicted, times), spearman_of_draws(true, predicted, times)
    for k, row in enumerate(times):
        x, y = np.repeat(true, row), np.repeat(predicted, row)
        assert r[k] == pytest.approx(pearson(x, y)) and rho[k] == pytest.approx(spearman(x, y))
        assert [each[k] for each in found] == pytest.approx(list(bland_altman(x, y)))


def test_a_resample_of_one_point_or_a_constant_series_has_no_correlation() -> None:
    times = np.array([[4, 0, 0, 0], [1, 1, 1, 1], [2, 2, 0, 0]])
    found = pearson_of_draws([1, 1, 2, 3], [1, 5, 2, 3], times)
    assert np.isnan(found[0]) and np.isnan(found[2]) and found[1] == pytest.approx(pearson([1, 1, 2, 3], [1, 5, 2, 3]))
    assert np.isnan(pearson_of_draws([1, 1, 1, 1], [1, 2, 3, 4], times)).all()
    assert np.isnan(spearman_of_draws([1, 1, 1, 1], [1, 2, 3, 4], times)).all()


def test_the_cut_between_two_groups() -> None:
    assert two_groups([1.0, 1.2, 0.9, 2.0, 2.1]) == pytest.approx(1.6)
    assert two_groups([3, 1]) == 2
    assert math.isnan(two_groups([2, 2, 2])) and math.isnan(two_groups([])) and math.isnan(two_groups([math.nan, 1]))
    values = np.sort(np.random.default_rng(2).normal(size=30))
    within = [values[:k].var() * k + values[k:].var() * (30 - k) for k in range(1, 30)]
    best = int(np.argmin(within)) + 1
    assert two_groups(values) == pytest.approx(values[best - 1 : best + 1].mean())
