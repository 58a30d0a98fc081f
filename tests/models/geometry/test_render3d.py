import numpy as np
import pytest

from helpers.solids3d import crowd, scene, turned_rays
from talanoa.core.errors import BadInput
from talanoa.models.geometry import solid3d
from talanoa.models.geometry.rays3d import golden_spiral, octahedron, volumes
from talanoa.models.geometry.render3d import render_polyhedra
from talanoa.models.geometry.star3d import star_distances3d

SHAPE = (20, 40, 40)


def test_an_octahedron_holds_the_voxels_up_to_its_surface() -> None:
    drawn = render_polyhedra(np.full((1, 6), 5.0), np.array([[8, 9, 10]]), octahedron(), None, (17, 19, 21))
    z, y, x = np.indices(drawn.shape)
    assert np.array_equal(drawn > 0, abs(z - 8) + abs(y - 9) + abs(x - 10) <= 5)


def test_a_fine_polyhedron_is_a_ball() -> None:
    drawn = render_polyhedra(np.full((1, 400), 9.0), np.array([[12.5, 12, 12]]), golden_spiral(400), None, (25, 25, 25))
    z, y, x = np.indices(drawn.shape)
    distance = np.sqrt((z - 12.5) ** 2 + (y - 12) ** 2 + (x - 12) ** 2)
    assert (drawn[distance < 8.8] == 1).all() and not drawn[distance > 9].any()


def test_as_many_voxels_as_the_volume_says() -> None:
    rays = golden_spiral(64, (2, 1, 1))
    distances = np.random.default_rng(0).uniform(12, 16, (1, 64))
    drawn = render_polyhedra(distances, np.array([[20, 20, 20]]), rays, None, (41, 41, 41))
    assert np.count_nonzero(drawn) == pytest.approx(volumes(distances, rays)[0], rel=0.01)


def test_the_more_probable_and_among_equals_the_later_is_on_top() -> None:
    given = (np.full((2, 6), 3.0), np.array([[4, 4, 4], [4, 4, 7]]), octahedron())
    rows = [
        render_polyhedra(*given, probabilities, (9, 9, 12), np.array([7, 80_000]))[4, 4].tolist()
        for probabilities in (np.array([0.9, 0.1]), np.array([0.5, 0.5]), None)
    ]
    assert rows[0] == [0] + [7] * 7 + [80_000] * 3 + [0]
    assert rows[1] == rows[2] == [0] + [7] * 3 + [80_000] * 7 + [0]


def test_drawing_moves_and_is_cut_at_the_border() -> None:
    rays = golden_spiral(40)
    distances, probabilities, points = crowd(rays)
    whole = render_polyhedra(distances, points + 8, rays, probabilities, (36, 56, 56))
    assert np.array_equal(render_polyhedra(distances, points, rays, probabilities, SHAPE), whole[8:28, 8:48, 8:48])


def test_drawing_turns_with_the_polyhedra() -> None:
    rays = octahedron(1)
    distances, probabilities, points = crowd(rays)
    to = turned_rays(rays, np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]))
    turned_points = np.stack([points[:, 0], SHAPE[2] - 1 - points[:, 2], points[:, 1]], axis=1)
    turned = np.empty_like(distances)
    turned[:, to] = distances
    drawn = render_polyhedra(turned, turned_points, rays, probabilities, SHAPE)
    expected = np.rot90(render_polyhedra(distances, points, rays, probabilities, SHAPE), axes=(1, 2))
    assert np.mean(drawn != expected) < 1e-3  # voxels on a surface may fall to either side of the rounding


def test_drawing_depends_on_neither_order_nor_threads() -> None:
    rays = golden_spiral(32)
    distances, probabilities, points = crowd(rays)
    expected = render_polyhedra(distances, points, rays, probabilities, SHAPE, threads=1)
    order = np.random.default_rng(1).permutation(len(points))
    again = render_polyhedra(distances[order], points[order], rays, probabilities[order], SHAPE, order + 1, threads=3)
    assert np.array_equal(again, expected)


def test_objects_come_back_from_their_own_distances() -> None:
    labels, rays = scene(4), golden_spiral(96)
    distances = star_distances3d(labels, rays)
    for value in np.unique(labels[labels > 0]):
        inside = labels == value
        middle = np.argwhere(inside).mean(axis=0).round().astype(int)
        drawn = render_polyhedra(distances[tuple(middle)][None], middle[None], rays, None, labels.shape) > 0
        if labels[tuple(middle)] == value:  # steps end at the first voxel outside, half a voxel late
            assert np.count_nonzero(inside & ~drawn) < 0.1 * np.count_nonzero(inside)


def test_faces_looked_up_and_faces_found_by_walking_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rays = golden_spiral(96, (3, 1, 1))
    distances, probabilities, points = crowd(rays)
    looked_up = render_polyhedra(distances, points, rays, probabilities, SHAPE)
    monkeypatch.setattr(solid3d, "WIDEST_TABLE", 0)
    assert np.array_equal(render_polyhedra(distances, points, rays, probabilities, SHAPE), looked_up)


def test_polyhedra_larger_than_the_table_of_faces() -> None:
    rays = octahedron()
    drawn = render_polyhedra(np.full((1, 6), 60.0), np.array([[2, 3, 4]]), rays, None, (8, 80, 80))
    z, y, x = np.indices(drawn.shape)
    assert np.array_equal(drawn > 0, abs(z - 2) + abs(y - 3) + abs(x - 4) <= 60)


def test_nothing_and_what_lies_outside_draw_nothing() -> None:
    rays = golden_spiral(8)
    assert not render_polyhedra(np.zeros((0, 8)), np.zeros((0, 3)), rays, np.zeros(0), (3, 4, 5)).any()
    assert not render_polyhedra(np.full((1, 8), 2.0), np.array([[-9, 2, 2]]), rays, None, (3, 4, 5)).any()
    assert render_polyhedra(np.full((1, 8), -2.0), np.array([[1, 2, 2]]), rays, None, (3, 4, 5)).sum() == 1


@pytest.mark.parametrize(
    ("distances", "points", "ids"),
    [
        (np.ones((2, 7)), np.ones((2, 3)), None),
        (np.ones((2, 8)), np.ones((3, 3)), None),
        (np.full((2, 8), np.nan), np.ones((2, 3)), None),
        (np.ones((2, 8)), np.ones((2, 3)), np.arange(3)),
    ],
)
def test_what_does_not_fit_is_refused(distances: np.ndarray, points: np.ndarray, ids: np.ndarray | None) -> None:
    with pytest.raises(BadInput, match="expected"):
        render_polyhedra(distances, points, golden_spiral(8), None, (4, 4, 4), ids)
