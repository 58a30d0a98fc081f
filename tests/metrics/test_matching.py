import numpy as np
import pytest

from talanoa.metrics.matching import Counts, match, match_images, object_iou


def test_iou_by_hand() -> None:
    true = np.array([[1, 1, 0, 2]])
    predicted = np.array([[0, 5, 5, 3]])
    assert object_iou(true, predicted).tolist() == [[0.0, 1 / 3], [1.0, 0.0]]  # columns: labels 3, 5


def test_identical_images_match_completely() -> None:
    labels = np.array([[1, 1, 0, 2], [0, 3, 3, 2]])
    counts = match(object_iou(labels, labels), 0.9)
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (3, 0, 0)
    assert counts.f1 == counts.accuracy == counts.panoptic_quality == 1.0


def test_scores_by_hand() -> None:
    counts = Counts(6, 2, 4, 4.5)
    assert counts.precision == 6 / 8
    assert counts.recall == 6 / 10
    assert counts.f1 == pytest.approx(12 / 18)
    assert counts.accuracy == 6 / 12
    assert counts.panoptic_quality == pytest.approx(4.5 / 9)


def test_matching_prefers_more_pairs_over_a_better_single_pair() -> None:
    # greedy by IoU would pair 0-0 (0.5) and leave 1 without partner
    iou = np.array([[0.5, 0.4], [0.4, 0.0]])
    assert match(iou, 0.4).true_positives == 2


@pytest.mark.parametrize("true, predicted", [(0, 0), (0, 2), (3, 0)])
def test_images_without_objects_on_one_side(true: int, predicted: int) -> None:
    ramp = np.arange(4)
    counts = match_images([(ramp * (ramp <= true), ramp * (ramp <= predicted))])[0.5]
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (0, predicted, true)
    assert counts.f1 == 0.0


def test_agrees_with_the_stardist_package() -> None:
    from stardist.matching import matching_dataset

    rng = np.random.default_rng(3)
    true = [rng.integers(0, 9, (40, 40)).repeat(3, 0).repeat(3, 1) for _ in range(3)]
    predicted = [np.where(rng.random(each.shape) < 0.3, np.roll(each, 1, 0), each) for each in true]
    thresholds = (0.3, 0.5, 0.7)
    ours = match_images(zip(true, predicted, strict=True), thresholds)
    theirs = matching_dataset(true, predicted, thresh=thresholds, show_progress=False)
    for threshold, other in zip(thresholds, theirs, strict=True):
        assert ours[threshold].true_positives == other.tp
        assert ours[threshold].f1 == pytest.approx(other.f1)
        assert ours[threshold].accuracy == pytest.approx(other.accuracy)
        assert ours[threshold].panoptic_quality == pytest.approx(other.panoptic_quality)


def test_images_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        object_iou(np.zeros((2, 2), int), np.zeros((2, 3), int))
