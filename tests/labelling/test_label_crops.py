"""Crops of in silico labelling: never blank, equal for image and target, and where they say they are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from talanoa.core.errors import BadInput
from talanoa.labelling.train.crops import PLAIN, CropAugmentation, Place, cut, disturbed, drawn_place

STRONG = CropAugmentation(zooms=(0.7, 1.0, 1.5), zoom_shares=(0.4, 0.2, 0.4))


@pytest.mark.parametrize("shape", [(96, 128), (70, 70), (64, 64)])
@pytest.mark.parametrize("augmentation", [CropAugmentation(), STRONG, PLAIN])
def test_no_pixel_of_a_crop_comes_from_outside(shape: tuple[int, int], augmentation: CropAugmentation) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        where = drawn_place(shape, 64, augmentation, rng).coordinates(64)
        assert where.min() >= -1e-9
        assert (where.max(axis=(1, 2)) <= np.array(shape) - 1 + 1e-9).all()


def test_turns_and_sizes_of_all_kinds_are_drawn_where_there_is_room() -> None:
    rng = np.random.default_rng(1)
    places = [drawn_place((400, 400), 64, STRONG, rng) for _ in range(400)]
    turns = np.array([place.turn for place in places])
    assert np.histogram(turns, 8, (0, 2 * np.pi))[0].min() > 25
    steps = np.array([place.step for place in places])
    for zoom, share in zip(STRONG.zooms, STRONG.zoom_shares, strict=True):
        assert np.isclose(steps, 1 / zoom).mean() == pytest.approx(share, abs=0.08)
    for axis in range(2):
        assert np.mean([place.mirrored[axis] for place in places]) == pytest.approx(0.3, abs=0.07)


def test_without_augmentation_a_crop_is_a_part_of_the_image() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((2, 90, 100), np.float32)
    for side in (32, 33):
        place = drawn_place((90, 100), side, PLAIN, rng)
        y, x = (round(middle - (side - 1) / 2) for middle in place.middle)
        np.testing.assert_allclose(cut(image, place, side), image[:, y : y + side, x : x + side], atol=1e-6)


def test_points_move_as_the_place_says() -> None:
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:200, :200]
    for _ in range(20):
        place = drawn_place((200, 200), 64, STRONG, rng)
        at = place.coordinates(64)[:, 20, 41]  # this point of the image has to be at (20, 41) of the crop
        spot = np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / (2 * 3.0**2))[None].astype(np.float32)
        found = cut(spot, place, 64)[0]
        weights = found / found.sum()
        grid = np.mgrid[:64, :64]
        assert [(axis * weights).sum() for axis in grid] == pytest.approx([20, 41], abs=0.1)


def test_right_angles_and_mirrors_move_pixels_exactly() -> None:
    image = np.random.default_rng(4).random((1, 65, 65), np.float32)
    straight = cut(image, Place((32, 32)), 65)[0]
    np.testing.assert_allclose(straight, image[0], atol=1e-6)
    np.testing.assert_allclose(cut(image, Place((32, 32), np.pi / 2), 65)[0], np.rot90(image[0]), atol=1e-5)
    np.testing.assert_allclose(cut(image, Place((32, 32), mirrored=(True, False)), 65)[0], image[0][::-1], atol=1e-6)


def test_disturbances_are_as_frequent_as_they_should_be_and_stay_in_range() -> None:
    crop = np.random.default_rng(5).random((2, 16, 16), np.float32)
    rng = np.random.default_rng(6)
    changed = [disturbed(crop, CropAugmentation(), rng) for _ in range(400)]
    untouched = np.mean([np.array_equal(each, crop) for each in changed])
    assert untouched == pytest.approx(0.8 * 0.8, abs=0.07)
    assert min(each.min() for each in changed) >= 0 and max(each.max() for each in changed) <= 1
    assert np.array_equal(disturbed(crop, PLAIN, rng), crop)


def test_an_image_smaller_than_a_crop_is_refused() -> None:
    with pytest.raises(BadInput, match="50 x 90 pixels, a crop 64 x 64"):
        drawn_place((50, 90), 64, PLAIN, np.random.default_rng(0))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_has_the_values_of_scipy_at_the_same_places(channels: int) -> None:
    rng = np.random.default_rng(7)
    image = rng.random((channels, 150, 170), np.float32)
    for _ in range(20):
        place = drawn_place((150, 170), 48, STRONG, rng)
        expected = [map_coordinates(each, place.coordinates(48), order=1, mode="nearest") for each in image]
        np.testing.assert_allclose(cut(image, place, 48), np.stack(expected), atol=1e-5)


def test_beyond_the_image_a_crop_repeats_its_edge() -> None:
    image = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    assert cut(image, Place((0.0, 0.0)), 3)[0].tolist() == [[0, 0, 1], [0, 0, 1], [3, 3, 4]]
