import numpy as np
import pytest

from talanoa.measure.metrics.matching import Counts, match, match_images, object_iou


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


def moved_squares(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 64 squares, and the same moved by up to half their side, numbered backwards, some of them missing."""
    rng = np.random.default_rng(seed)
    true, predicted = np.zeros((2, 96, 96), int)
    for number in range(64):
        y, x = np.array(divmod(number, 8)) * 12 + 1
        shift = rng.integers(0, 5)
        true[y : y + 8, x : x + 8] = number + 1
        if rng.random() < 0.9:
            predicted[y : y + 8, x + shift : x + shift + 8] = 64 - number
    return true, predicted


@pytest.mark.parametrize(
    "threshold, counts, f1, accuracy, quality",  # what stardist.matching.matching_dataset of StarDist 0.9.2 says
    [
        (0.3, (171, 0, 21), 0.9421487603305785, 0.890625, 0.5981133411081697),
        (0.5, (106, 65, 86), 0.5840220385674931, 0.41245136186770426, 0.45987148652720383),
        (0.7, (68, 103, 124), 0.3746556473829201, 0.2305084745762712, 0.3342516139847516),
        (0.9, (35, 136, 157), 0.1928374655647383, 0.10670731707317073, 0.1928374655647383),
    ],
)
def test_agrees_with_the_stardist_package(
    threshold: float, counts: tuple[int, int, int], f1: float, accuracy: float, quality: float
) -> None:
    ours = match_images([moved_squares(seed) for seed in range(3)], (threshold,))[threshold]
    assert (ours.true_positives, ours.false_positives, ours.false_negatives) == counts
    assert ours.f1 == pytest.approx(f1)
    assert ours.accuracy == pytest.approx(accuracy)
    assert ours.panoptic_quality == pytest.approx(quality)


def test_images_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        object_iou(np.zeros((2, 2), int), np.zeros((2, 3), int))
