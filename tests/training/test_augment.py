from dataclasses import replace

import numpy as np
import pytest

from helpers.synthetic import nuclei
from talanoa.training.augment import (
    NONE,
    Augmentation,
    look_up,
    random_displacement,
    random_linear,
    random_patch,
    sampling_grid,
    vary_intensity,
    without_border_objects,
)


def source(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    image, labels = nuclei(size, 6, seed=1)
    return image[None].astype(np.float32) / 255, labels.astype(np.int32)


def test_without_augmentation_a_patch_is_a_cut() -> None:
    image, labels = source()
    outside = without_border_objects(image, labels)
    got = random_patch((image, labels), outside, (31.5, 31.5), (32, 32), NONE, np.random.default_rng(0))
    assert np.allclose(got[0], image[:, 16:48, 16:48], atol=1e-5)
    assert np.array_equal(got[1], labels[16:48, 16:48])


@pytest.mark.parametrize("seed", range(5))
def test_image_and_labels_move_together(seed: int) -> None:
    # the image is its own label image: after any geometry, thresholding it gives the labels again
    labels = nuclei(96, 5, seed=2, radius=(12, 16))[1]
    pair = ((labels > 0).astype(np.float32)[None], labels.astype(np.int32))
    config = Augmentation(gain=(1, 1), offset=(0, 0), noise=0)
    image, moved = random_patch(pair, pair, (48, 48), (64, 64), config, np.random.default_rng(seed))
    differing = np.count_nonzero((image[0] > 0.5) != (moved > 0))
    assert differing <= 0.02 * moved.size


def test_points_move_as_the_patch_says() -> None:
    # a bright point at a known place is found where the sampling grid points to it
    image = np.zeros((1, 80, 80), np.float32)
    image[0, 50, 30] = 1
    rng = np.random.default_rng(4)
    linear = random_linear(replace(NONE, flip=True, rotate=True), rng)
    grid = sampling_grid((45.0, 35.0), (41, 41), linear)
    nearest = np.unravel_index(np.argmin(np.hypot(grid[0] - 50, grid[1] - 30)), (41, 41))
    assert look_up(image, grid)[0][nearest] > 0.3
    expected = np.linalg.solve(linear, np.array([50 - 45.0, 30 - 35.0])) + 20
    assert np.abs(np.array(nearest) - expected).max() <= 0.5


@pytest.mark.parametrize("zoom", [0.5, 2.0])
def test_scale_stays_within_its_limits_and_reaches_towards_both(zoom: float) -> None:
    rng = np.random.default_rng(0)
    config = replace(NONE, scale=2.0)
    zooms = [1 / np.sqrt(abs(np.linalg.det(random_linear(config, rng)))) for _ in range(400)]
    assert 0.5 - 1e-9 <= min(zooms) and max(zooms) <= 2 + 1e-9
    assert min(abs(np.log(each / zoom)) for each in zooms) < 0.05


def test_looking_up_beyond_the_border_mirrors_however_far() -> None:
    image = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    columns = np.arange(-13, 20, dtype=float)
    grid = np.stack([np.zeros_like(columns), columns])[:, None]
    expected = np.pad(image[0, 0], (13, 14), mode="symmetric")
    assert np.allclose(look_up(image, grid)[0, 0], expected, atol=1e-5)
    assert np.array_equal(look_up(image, grid, nearest=True)[0, 0], expected)


def test_no_object_touches_its_mirror_image() -> None:
    image, labels = source()
    outside = without_border_objects(image, labels)
    far = replace(NONE, rotate=True)
    for seed in range(4):
        _, patch = random_patch((image, labels), outside, (0, 0), (64, 64), far, np.random.default_rng(seed))
        sizes = np.bincount(patch.ravel())[1:]
        assert sizes.max() <= 4 * np.bincount(labels.ravel())[1:].max()
    edge = np.concatenate([outside[1][0], outside[1][-1], outside[1][:, 0], outside[1][:, -1]])
    assert not edge.any()


def test_inner_objects_survive_where_border_objects_are_removed() -> None:
    image, labels = source()
    _, kept = without_border_objects(image, labels)
    edge = set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist()) - {0}
    assert set(np.unique(kept)) - {0} == set(np.unique(labels)) - {0} - edge


def test_equal_seeds_give_equal_patches() -> None:
    image, labels = source()
    draws = [
        random_patch((image, labels), (image, labels), (30, 30), (32, 32), Augmentation(), np.random.default_rng(7))
        for _ in range(2)
    ]
    assert np.array_equal(draws[0][0], draws[1][0]) and np.array_equal(draws[0][1], draws[1][1])


def test_displacements_are_smooth_and_as_large_as_asked() -> None:
    field = random_displacement(replace(NONE, elastic=0.05), (128, 128), np.random.default_rng(0))
    assert field is not None
    assert 2 < field.std() < 12
    assert np.abs(np.diff(field, axis=1)).max() < 1  # neighbours stay neighbours
    assert random_displacement(NONE, (16, 16), np.random.default_rng(0)) is None


def test_intensity_is_scaled_shifted_and_noisy() -> None:
    flat = np.ones((1, 200, 200), np.float32)
    varied = vary_intensity(flat, Augmentation(gain=(2, 2), offset=(0.5, 0.5), noise=0.1), np.random.default_rng(0))
    assert varied.mean() == pytest.approx(2.5, abs=0.01)
    assert 0 < varied.std() <= 0.1
    assert np.array_equal(vary_intensity(flat, NONE, np.random.default_rng(0)), flat)
