import numpy as np
import pytest

from helpers.synthetic import stack
from talanoa.training import augment3d
from talanoa.training.augment import NONE, Augmentation

TURNS = Augmentation(scale=1.0, elastic=0.0, gain=(1.0, 1.0), offset=(0.0, 0.0), noise=0.0)


def pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return an image that says everywhere what the labels are."""
    labels = stack((12, 40, 44), 6, seed)[1].astype(np.int32)
    return labels[None].astype(np.float32), labels


@pytest.mark.parametrize("seed", range(6))
def test_image_and_labels_are_moved_alike(seed: int) -> None:
    image, labels = pair(seed)
    rng = np.random.default_rng(seed)
    config = Augmentation(gain=(1.0, 1.0), offset=(0.0, 0.0), noise=0.0, scale=1.3)
    moved, moved_labels = augment3d.random_patch(
        (image, labels), augment3d.without_border_objects(image, labels), (6.0, 20.0, 22.0), (8, 24, 28), config, rng
    )
    assert moved.shape == (1, 8, 24, 28) and moved_labels.shape == (8, 24, 28)
    near = np.abs(moved[0] - moved_labels) < 0.01  # away from borders, interpolation changes nothing
    assert near.mean() > 0.6 and np.isin(np.unique(moved_labels), np.unique(labels)).all()


def test_without_augmentation_a_patch_is_a_part_of_the_volume() -> None:
    image, labels = pair()
    center = (6.0, 19.5, 21.5)
    moved, moved_labels = augment3d.random_patch(
        (image, labels), (image, labels), center, (12, 16, 16), NONE, np.random.default_rng(0)
    )
    assert np.array_equal(moved_labels, labels[:, 12:28, 14:30])
    assert np.allclose(moved[0], labels[:, 12:28, 14:30])


def test_slices_stay_whole_and_inside_the_stack() -> None:
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        places = augment3d.slices_of_patch(3.0, 5, 9, 1.0, TURNS, rng)
        assert np.array_equal(np.abs(np.diff(places)), np.ones(4)) and places.min() >= 0 and places.max() <= 8
        assert places.min() <= 3 <= places.max()
        seen.add((float(places[0]), float(places[-1])))
    assert {first < last for first, last in seen} == {True, False}  # mirrored and not


def test_slices_of_enlarged_objects_lie_closer() -> None:
    places = augment3d.slices_of_patch(4.0, 5, 20, 2.0, NONE, np.random.default_rng(0))
    assert np.allclose(np.diff(places), 0.5)
    shrunk = augment3d.slices_of_patch(4.0, 9, 9, 0.5, NONE, np.random.default_rng(0))
    assert np.allclose(shrunk, np.arange(9))  # there are no more slices to show


def test_planes_are_turned_as_one() -> None:
    image, labels = pair(3)
    config = Augmentation(flip=False, scale=1.0, elastic=0.0, gain=(1.0, 1.0), offset=(0.0, 0.0), noise=0.0)
    rng = np.random.default_rng(5)
    _, moved = augment3d.random_patch((image, labels), (image, labels), (6.0, 20.0, 22.0), (12, 20, 20), config, rng)
    areas = [np.count_nonzero(plane) for plane in moved]
    assert moved.shape[0] == len(labels) and np.argmax(areas) in range(12)
    present = [np.unique(plane[plane > 0]) for plane in moved]
    for here, original in zip(present, labels, strict=True):
        assert np.isin(here, original).all()  # what is seen in a slice was in that slice


def test_objects_at_the_sides_are_not_mirrored() -> None:
    image, labels = pair(2)
    filled, kept = augment3d.without_border_objects(image, labels)
    sides = np.concatenate([kept[:, 0].ravel(), kept[:, -1].ravel(), kept[:, :, 0].ravel(), kept[:, :, -1].ravel()])
    assert not sides.any()
    assert np.array_equal(filled[0][kept > 0], labels[kept > 0])


@pytest.mark.parametrize("low, high", [(3.2, 7.9), (-2.0, 4.0), (6.0, 11.4), (-30.0, 30.0)])
def test_the_part_needed_holds_every_mirrored_position(low: float, high: float) -> None:
    size = 10
    part = augment3d.needed(low, high, size)
    places = np.linspace(low, high, 500)
    folded = np.mod(places + 0.5, 2 * size)
    folded = np.minimum(folded, 2 * size - folded) - 0.5
    inside = np.clip(folded, 0, size - 1)
    assert part.start <= np.floor(inside.min()) and part.stop >= np.ceil(inside.max()) + 1
