from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers.solids3d import crowd, turned_rays
from talanoa.core.errors import BadInput
from talanoa.models.geometry.nms3d import suppress_overlaps3d
from talanoa.models.geometry.rays3d import Rays3D, golden_spiral, octahedron, volumes
from talanoa.models.geometry.render3d import render_polyhedra


def one_by_one(
    distances: np.ndarray, probabilities: np.ndarray, points: np.ndarray, rays: Rays3D, threshold: float
) -> list[int]:
    """Suppress in the plainest way: every polyhedron drawn whole, every pair compared."""
    drawn = [
        render_polyhedra(one[None], place[None] + 10, rays, None, (40, 60, 60)) > 0
        for one, place in zip(distances, points, strict=True)
    ]
    sizes, kept = volumes(distances, rays), []
    for index in np.argsort(-probabilities):
        shares = [np.count_nonzero(drawn[index] & drawn[i]) / min(sizes[index], sizes[i]) for i in kept]
        if not any(share > threshold for share in shares):
            kept.append(int(index))
    return kept


def test_a_box_overlap_computed_by_hand() -> None:
    rays = octahedron()  # of radius 4: 129 voxels, volume 4/3 * 64 = 85.3; two at distance 4 share 25 voxels
    distances, points = np.full((2, 6), 4.0), np.array([[9, 9, 9], [9, 9, 13]])
    shared = np.logical_and(*(render_polyhedra(distances[[i]], points[[i]], rays, None, (19, 19, 23)) for i in (0, 1)))
    share = np.count_nonzero(shared) / (4 / 3 * 64)
    assert np.count_nonzero(shared) == 25
    assert suppress_overlaps3d(distances, np.array([0.4, 0.9]), points, rays, share - 1e-6).tolist() == [1]
    assert suppress_overlaps3d(distances, np.array([0.4, 0.9]), points, rays, share + 1e-6).tolist() == [1, 0]


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.35, 0.8])
@pytest.mark.parametrize("rays", [golden_spiral(32), golden_spiral(24, (2, 1, 1))], ids=("even", "flat"))
def test_winners_are_those_of_one_after_the_other(rays: Rays3D, threshold: float) -> None:
    given = crowd(rays)
    assert suppress_overlaps3d(*given, rays, threshold).tolist() == one_by_one(*given, rays, threshold)


def test_suppression_depends_on_neither_order_nor_place_nor_threads() -> None:
    rays = golden_spiral(32)
    distances, probabilities, points = crowd(rays, 400)
    kept = suppress_overlaps3d(distances, probabilities, points, rays, 0.3, threads=1)
    order = np.random.default_rng(1).permutation(400)
    again = suppress_overlaps3d(
        distances[order], probabilities[order], points[order] + (1000, -70, 3), rays, 0.3, threads=3
    )
    assert np.array_equal(order[again], kept)


def test_several_threads_may_suppress_at_once() -> None:
    rays = golden_spiral(32)
    given = [crowd(rays, 200, seed) for seed in range(4)]
    alone = [suppress_overlaps3d(*each, rays, 0.3).tolist() for each in given]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda each: suppress_overlaps3d(*each, rays, 0.3).tolist(), given)) == alone


def test_a_check_hears_of_the_progress_and_can_end_it() -> None:
    rays, heard = golden_spiral(32), []
    given = crowd(rays, 300)
    suppress_overlaps3d(*given, rays, 0.3, check=lambda done, of: heard.append((done, of)))
    assert heard[-1] == (300, 300) and heard == sorted(heard)

    def stop(done: int, of: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        suppress_overlaps3d(*given, rays, 0.3, check=stop)


def test_suppression_turns_with_the_polyhedra() -> None:
    rays = octahedron(1)
    distances, probabilities, points = crowd(rays, 300)
    to = turned_rays(rays, np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]))
    turned = np.empty_like(distances)
    turned[:, to] = distances
    turned_points = np.stack([points[:, 1], -points[:, 0], points[:, 2]], axis=1)
    kept = suppress_overlaps3d(distances, probabilities, points, rays, 0.3)
    assert np.array_equal(suppress_overlaps3d(turned, probabilities, turned_points, rays, 0.3), kept)


def test_one_giant_among_dwarfs() -> None:
    rays = octahedron()
    points = np.stack(np.meshgrid(*[np.arange(0, 60, 6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distances = np.full((len(points), 6), 2.0)
    distances[0] = 60  # about the corner: holds the dwarfs up to a sum of 60
    probabilities = np.linspace(1, 0.5, len(points))
    kept = suppress_overlaps3d(distances, probabilities, points, rays, 0.5)
    assert {tuple(point) for point in points[kept]} == {(0, 0, 0)} | {tuple(p) for p in points if p.sum() > 60}


def test_more_winners_than_16_bits_hold() -> None:
    points = np.stack(np.meshgrid(*[np.arange(0, 123, 3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    kept = suppress_overlaps3d(np.ones((len(points), 6)), np.linspace(1, 0, len(points)), points, octahedron(), 0.5)
    assert len(points) == 68_921 and np.array_equal(kept, np.arange(len(points)))


def test_of_equals_in_one_place_the_first_stays() -> None:
    kept = suppress_overlaps3d(np.full((3, 6), 2.0), np.full(3, 0.5), np.zeros((3, 3)), octahedron(), 0.5)
    assert kept.tolist() == [0]


def test_nothing_gives_nothing() -> None:
    assert suppress_overlaps3d(np.zeros((0, 8)), np.zeros(0), np.zeros((0, 3)), golden_spiral(8), 0.5).shape == (0,)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput, match="one finite number"):
        suppress_overlaps3d(np.ones((2, 8)), np.ones(3), np.ones((2, 3)), golden_spiral(8), 0.5)
    with pytest.raises(BadInput, match="expected"):
        suppress_overlaps3d(np.ones((2, 7)), np.ones(2), np.ones((2, 3)), golden_spiral(8), 0.5)
