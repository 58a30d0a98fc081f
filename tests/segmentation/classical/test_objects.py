"""Holes, necks and limits: cases drawn by hand, and an independent watershed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from talanoa.models.geometry.basins import basins
from talanoa.segmentation.classical import objects


def discs(*places: tuple[float, float, float], shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    """Return a mask of discs (y, x, radius)."""
    rows, columns = np.indices(shape)
    return np.any([(rows - y) ** 2 + (columns - x) ** 2 < r * r for y, x, r in places], axis=0)


def test_two_touching_discs_are_two_objects() -> None:
    mask = discs((30, 25, 14), (30, 48, 12))
    labels = objects.split_touching(mask, 1.0)
    assert labels.max() == 2
    assert ((labels > 0) == mask).all()
    assert {int(labels[30, 25]), int(labels[30, 48])} == {1, 2}


def test_depth_decides_what_a_neck_is() -> None:
    mask = discs((30, 25, 12), (30, 40, 12))  # half widths 12, neck 10
    assert objects.split_touching(mask, 1.0).max() == 2
    assert objects.split_touching(mask, 3.0).max() == 1


def test_a_disc_cut_by_the_border_stays_whole() -> None:
    assert objects.split_touching(discs((0, 30, 20)), 0.5).max() == 1


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("flip", [False, True])
def test_splitting_turns_with_the_image(turn: int, flip: bool) -> None:
    mask = discs((20, 20, 13), (28, 42, 14), (45, 60, 9.5))
    moved = np.rot90(mask, turn)
    moved = moved[::-1] if flip else moved
    labels = objects.split_touching(moved, 1.0)
    assert labels.max() == objects.split_touching(mask, 1.0).max() == 3
    sizes = sorted(np.bincount(labels.ravel())[1:])
    assert np.allclose(sizes, sorted(np.bincount(objects.split_touching(mask, 1.0).ravel())[1:]), atol=25)


def test_basins_are_the_h_maxima_of_scikit_image() -> None:
    from skimage.morphology import local_maxima, reconstruction

    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 4) > 0
    height = ndimage.distance_transform_edt(mask).astype(np.float32)
    for depth in (0.5, 1.0, 2.5):
        tops = local_maxima(reconstruction(height - depth, height), connectivity=2) & mask
        labels = basins(height, depth)
        seeds, count = ndimage.label(tops, np.ones((3, 3)))
        held = [np.unique(labels[seeds == k]) for k in range(1, count + 1)]
        assert all(len(one) == 1 for one in held)
        found = {int(one[0]) for one in held}
        # a part that is not higher than `depth` melts into the background there, but it is an object all the same
        low = {int(k) for k in np.unique(labels[mask]) if height[labels == k].max() <= depth}
        assert found | low == set(range(1, labels.max() + 1))


def test_every_basin_is_connected_and_numbered_in_reading_order() -> None:
    mask = discs((30, 25, 14), (30, 48, 12), (8, 70, 5))
    labels = objects.split_touching(mask, 1.0)
    firsts = [int(np.flatnonzero(labels == k)[0]) for k in range(1, labels.max() + 1)]
    assert firsts == sorted(firsts)
    for k in range(1, labels.max() + 1):
        assert ndimage.label(labels == k, np.ones((3, 3)))[1] == 1


def test_volumes_are_split_with_the_distance_of_their_slices() -> None:
    z, y, x = np.indices((12, 40, 60))
    balls = [(((z - 6) * 2.0) ** 2 + (y - 20) ** 2 + (x - place) ** 2) < 100 for place in (20, 37)]
    labels = objects.split_touching(balls[0] | balls[1], 1.0, (2.0, 1.0, 1.0))
    assert labels.max() == 2
    assert objects.split_touching(np.zeros((3, 4, 5), bool)).max() == 0


def test_holes_are_filled_slice_by_slice() -> None:
    ring = discs((30, 30, 10)) & ~discs((30, 30, 5))
    assert (objects.fill_holes(ring) == discs((30, 30, 10))).all()
    tube = np.stack([ring] * 3)  # open at both ends: in 3D it would be no hole
    assert objects.fill_holes(tube)[0, 30, 30]


def test_each_removed_object_has_one_reason() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[0:5, 0:5] = 1  # at the border, 25 pixels
    labels[8:10, 8:10] = 2  # 4 pixels
    labels[8:18, 15:25] = 3  # 100 pixels
    labels[10:13, 28:38] = 4
    labels[13:18, 28:31] = 4  # an L of 45 pixels: hull 10 x 8 minus the triangle 7 x 5
    kept = objects.keep(labels, objects.Limits(min_size=10, max_size=90, solidity=0.9, border=False))
    assert kept.labels.max() == 0
    assert kept.removed == {
        "touching the border": 1,
        "smaller than 10 pixels": 1,
        "larger than 90 pixels": 1,
        "of a solidity below 0.9": 1,
    }
    assert objects.solidities(labels)[1:] == pytest.approx([1, 1, 1, 45 / (80 - 7 * 5 / 2)])


def test_what_is_kept_is_numbered_anew_in_order() -> None:
    labels = np.array([[5, 0, 9, 9], [0, 0, 9, 9], [2, 2, 0, 0]], np.int32)
    kept = objects.keep(labels, objects.Limits(min_size=2))
    assert kept.labels.tolist() == [[0, 0, 2, 2], [0, 0, 2, 2], [1, 1, 0, 0]]
    assert kept.removed == {"smaller than 2 pixels": 1}


def test_the_first_slice_is_no_border() -> None:
    labels = np.zeros((3, 9, 9), np.int32)
    labels[0, 3:6, 3:6] = 1
    labels[1, 0:2, 3:6] = 2
    kept = objects.keep(labels, objects.Limits(border=False))
    assert kept.removed == {"touching the border": 1}
    assert kept.labels[0, 4, 4] == 1
