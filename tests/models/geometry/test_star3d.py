import numpy as np
import pytest

from helpers.solids3d import ball, scene, turned_rays
from talanoa.core.errors import BadInput
from talanoa.models.geometry.rays3d import golden_spiral, octahedron
from talanoa.models.geometry.star3d import star_distances3d


def test_rays_of_a_box_end_at_the_first_voxel_outside() -> None:
    labels = np.zeros((9, 11, 13), int)
    labels[2:7, 3:9, 1:12] = 5
    rays = octahedron()
    distances = star_distances3d(labels, rays)[3, 4, 5]
    found = {tuple(direction.astype(int)): length for direction, length in zip(rays.vertices, distances, strict=True)}
    assert found == {(-1, 0, 0): 2, (1, 0, 0): 4, (0, -1, 0): 2, (0, 1, 0): 5, (0, 0, -1): 5, (0, 0, 1): 7}


def test_rays_of_a_ball_have_its_radius() -> None:
    distances = star_distances3d(ball((31, 31, 31), (15, 15, 15), 10), golden_spiral(64))
    assert np.abs(distances[15, 15, 15] - 10.5).max() < 1
    assert not distances[0, 0].any()


def test_the_image_ends_as_an_object_ends() -> None:
    labels = np.ones((4, 5, 6), int)
    inside = star_distances3d(labels, golden_spiral(20))
    around = star_distances3d(np.pad(labels, 3), golden_spiral(20))
    assert np.array_equal(inside, around[3:-3, 3:-3, 3:-3])


def test_a_lone_voxel_ends_at_its_neighbours() -> None:
    labels = np.zeros((3, 3, 3), int)
    labels[1, 1, 1] = 1
    distances = star_distances3d(labels, golden_spiral(32))
    assert distances[1, 1, 1].min() == 1 and distances[1, 1, 1].max() <= np.sqrt(3) + 1e-6
    assert np.count_nonzero(distances.any(axis=-1)) == 1


@pytest.mark.parametrize("grid", [(1, 2, 2), (2, 3, 5), (4, 1, 70)])
def test_distances_on_a_grid_are_every_nth_of_the_full_ones(grid: tuple[int, int, int]) -> None:
    labels, rays = scene(), golden_spiral(32, (2, 1, 1))
    full = star_distances3d(labels, rays)
    assert np.array_equal(star_distances3d(labels, rays, grid), full[:: grid[0], :: grid[1], :: grid[2]])


def test_distances_move_with_the_objects() -> None:
    labels, rays = np.pad(scene(), 2), golden_spiral(33)
    moved = np.pad(labels, ((3, 0), (0, 1), (66, 2)))
    assert np.array_equal(star_distances3d(moved, rays)[3:, :-1, 66:-2], star_distances3d(labels, rays))


def test_distances_turn_with_the_image() -> None:
    labels, rays = scene(1), octahedron(2)
    turned = star_distances3d(np.rot90(labels, axes=(1, 2)).copy(), rays)
    to = turned_rays(rays, np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]))  # rot90 takes +x to -y
    assert np.array_equal(turned[..., to], np.rot90(star_distances3d(labels, rays), axes=(1, 2)))


def test_distances_do_not_depend_on_numbers_order_of_rays_or_threads() -> None:
    labels, rays = scene(2), golden_spiral(24)
    expected = star_distances3d(labels, rays, threads=1)
    lookup = np.concatenate([[0], np.random.default_rng(0).permutation(70_000) + 1])
    assert np.array_equal(star_distances3d(lookup[labels], rays, threads=3), expected)
    assert np.array_equal(star_distances3d(lookup[labels] + (labels > 0) * 2**40, rays), expected)
    assert np.array_equal(star_distances3d(labels.astype(np.uint8), rays), expected)


def test_objects_wider_than_a_machine_word() -> None:
    labels = np.zeros((3, 3, 300), int)
    labels[1, 1, 10:290] = 7
    rays = octahedron()
    plus = rays.vertices[:, 2].argmax()
    assert np.array_equal(star_distances3d(labels, rays)[1, 1, 10:290, plus], np.arange(280, 0, -1))
    assert np.array_equal(star_distances3d(labels, rays, (1, 1, 3))[1, 1, 4:97, plus], np.arange(278, 0, -3)[:93])


def test_labels_above_16_bit_are_kept_apart() -> None:
    labels = np.arange(70 * 40 * 40).reshape(70, 40, 40) + 1  # 112,000 objects of one voxel
    distances = star_distances3d(labels, octahedron(), (7, 8, 8))
    assert (distances == 1).all()


def test_nothing_gives_nothing() -> None:
    assert not star_distances3d(np.zeros((3, 4, 5), int), golden_spiral(8)).any()
    assert star_distances3d(np.zeros((0, 4, 5), int), golden_spiral(8)).shape == (0, 4, 5, 8)


@pytest.mark.parametrize(
    ("labels", "grid"),
    [(np.zeros((3, 3), int), (1, 1, 1)), (np.zeros((3, 3, 3)), (1, 1, 1)), (np.zeros((3, 3, 3), int), (0, 1, 1))],
)
def test_what_is_no_stack_of_labels_is_refused(labels: np.ndarray, grid: tuple[int, int, int]) -> None:
    with pytest.raises(BadInput, match="expected"):
        star_distances3d(labels, golden_spiral(8), grid)
