"""What becomes 0 and 1, and an illumination that is kept at few places."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.labelling.data import levels
from talanoa.labelling.record import Light


def test_levels_of_a_stain_are_percentiles_of_all_images_together() -> None:
    images = [np.arange(0, 50, dtype=np.float32).reshape(5, 10), np.arange(50, 101, dtype=np.float32).reshape(3, 17)]
    assert levels.of_stain(images, 10, 90) == (10.0, 90.0)


@pytest.mark.parametrize(
    ("normalization", "pairs"),
    [
        ({"kind": "minmax"}, [(0.0, 30.0), (-6.0, 9.0)]),
        ({"kind": "percentile", "low": 50, "high": 100}, [(10.0, 30.0), (3.5, 9.0)]),
    ],
)
def test_images_of_a_plate_share_levels_plane_by_plane(
    normalization: dict[str, object], pairs: list[tuple[float, float]]
) -> None:
    one = np.array([[[0.0, 10.0, 5.0]], [[3.0, 4.0, 5.0]]])
    other = np.array([[[30.0, 20.0, 10.0]], [[-6.0, 9.0, -1.0]]])
    np.testing.assert_allclose(levels.of_plate([one, other], normalization).pairs, pairs)


def test_an_illumination_comes_back_from_the_places_at_which_it_is_kept() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:90, :120]
    even = 1 + 0.3 * np.cos(rows / 60) + 0.002 * columns
    even /= even.mean()
    images = [1000 * even * rng.uniform(0.95, 1.05, even.shape) for _ in range(12)]
    grid = levels.illumination(images)
    assert len(grid) == len(grid[0]) == levels.GRID
    phase, dic = Light(name="phase"), Light(name="DIC", planes=(1, 3), stack=3)
    np.testing.assert_allclose(levels.illumination_of(grid, (90, 120), [phase])[0], even, rtol=0.05)
    np.testing.assert_allclose(levels.illumination_of(grid, (180, 240), [phase])[0, ::2, ::2], even, rtol=0.05)
    turned = levels.illumination([image[::-1] for image in images])
    both = levels.illumination_of([grid, turned], (90, 120), [phase, dic])
    np.testing.assert_allclose(both, [even, even[::-1], even[::-1]], rtol=0.05)
