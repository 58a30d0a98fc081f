import numpy as np
import pytest

from talanoa.models.runtime.tiles import plan, splits_for, splits_within

SHAPES = [(1, 1), (100, 37), (512, 513), (1000, 2300), (257, 16)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [None, 1, 2, 7])
def test_cores_cover_the_image_exactly_once(shape: tuple[int, int], count: int | None) -> None:
    seen = np.zeros(shape, int)
    for tile in plan(shape, splits_for(shape, count), halo=20, multiple=(16, 16)):
        (y0, y1), (x0, x1) = tile.core
        seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_reads_hold_the_halo_and_start_and_end_on_multiples(shape: tuple[int, int]) -> None:
    for tile in plan(shape, splits_for(shape, 6), halo=20, multiple=(16, 8)):
        for (core0, core1), (read0, read1), size, step in zip(tile.core, tile.read, shape, (16, 8), strict=True):
            assert read0 % step == 0 and read1 % step == 0 and core0 % step == 0
            assert read0 <= max(0, core0 - 20) and read1 >= min(size, core1 + 20)


def test_the_plan_follows_from_the_shape_alone() -> None:
    assert splits_for((1024, 1024), None) == (1, 1)
    assert splits_for((1025, 3000), None) == (2, 3)


def test_a_number_of_tiles_cuts_the_longest_side_first() -> None:
    assert splits_for((100, 400), 2) == (1, 2)
    assert splits_for((100, 400), 5) == (2, 4)


def test_more_tiles_than_pixels_end_at_one_pixel_each() -> None:
    assert splits_for((2, 2), 100) == (2, 2)


@pytest.mark.parametrize("most", [500_000, 3_000_000, 20_000_000])
@pytest.mark.parametrize("shape, halo", [((355, 500, 1200), (26, 51, 51)), ((31, 800, 640), (17, 30, 30))])
def test_the_number_of_tiles_that_came_out_leads_to_the_same_tiles(
    shape: tuple[int, int, int], halo: tuple[int, int, int], most: int
) -> None:
    parts = splits_within(shape, halo, most)
    assert splits_within(shape, halo, count=int(np.prod(parts))) == parts
