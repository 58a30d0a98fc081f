"""Agreement with arrays that the StarDist package made (tests/data/geometry/make_oracles.py)."""

from pathlib import Path

import numpy as np
import pytest

from talanoa.models import geometry
from talanoa.models.geometry.nms2d import overlap

Oracles = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def oracles(root: Path) -> Oracles:
    with np.load(root / "tests" / "data" / "geometry" / "star2d.npz") as stored:
        return dict(stored)


@pytest.mark.parametrize("rays", [8, 32])
@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (1, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.int64])
def test_distances(oracles: Oracles, rays: int, grid: tuple[int, int], dtype: type) -> None:
    found = geometry.star_distances(oracles["labels"].astype(dtype), rays, grid)
    assert np.abs(found - oracles[f"distances_{rays}_{grid[0]}{grid[1]}"]).max() < 1e-5


def test_edge_probability(oracles: Oracles) -> None:
    assert np.abs(geometry.edge_probability(oracles["labels"]) - oracles["edge_probability"]).max() < 1e-6


def winners(oracles: Oracles, name: str, threshold: float) -> set[int]:
    distances, points = oracles[f"{name}_distances"], oracles[f"{name}_points"]
    return set(geometry.suppress_overlaps(distances, -np.arange(len(points)), points, threshold).tolist())


@pytest.mark.parametrize("threshold", [0.3, 0.4, 0.5])
def test_winners_among_candidates_like_those_of_a_network(oracles: Oracles, threshold: float) -> None:
    assert winners(oracles, "dense", threshold) == set(oracles[f"dense_winners_{threshold}"].tolist())


@pytest.mark.parametrize("threshold", [0.3, 0.4, 0.5])
def test_winners_among_polygons_with_every_degree_of_overlap(oracles: Oracles, threshold: float) -> None:
    distances, points = oracles["hard_distances"], oracles["hard_points"]
    expected = set(oracles[f"hard_winners_{threshold}"].tolist())
    differing = winners(oracles, "hard", threshold) ^ expected
    assert len(differing) <= 0.03 * len(expected)
    if differing:  # the package rounds where outlines cross: the first difference must be a matter of rounding
        first = min(differing)
        overlaps = [overlap(distances, points, winner, first) for winner in expected if winner < first]
        assert max(overlaps) == pytest.approx(threshold, abs=0.02)


@pytest.mark.parametrize("name", ["dense", "hard"])
def test_drawn_polygons(oracles: Oracles, name: str) -> None:
    distances, points = oracles[f"{name}_distances"], oracles[f"{name}_points"]
    corners = geometry.polygon_corners(distances, points)
    drawn = geometry.render_polygons(corners, -np.arange(len(points)), (160, 160))
    assert np.mean(drawn != oracles[f"{name}_drawn"]) < 1e-4  # corners are rounded to single precision elsewhere
