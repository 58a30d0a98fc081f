import numpy as np
import pytest

from talanoa.models import geometry


def disc(size: int, center: tuple[float, float], radius: float, value: int = 1) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.where((rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2, value, 0)


def test_rays_of_a_disc_have_its_radius() -> None:
    distances = geometry.star_distances(disc(65, (32, 32), 20), 32)
    assert distances.shape == (65, 65, 32)
    assert np.abs(distances[32, 32] - 20).max() <= 1.0
    assert not distances[0, 0].any()


def test_distances_on_a_grid_are_every_nth_of_the_full_ones() -> None:
    labels = disc(64, (30, 25), 15)
    full = geometry.star_distances(labels, 16)
    assert np.array_equal(geometry.star_distances(labels, 16, (4, 2)), full[::4, ::2])


def test_distances_turn_with_the_image() -> None:
    labels = disc(63, (25, 35), 12) + disc(63, (50, 15), 8, 2)
    turned = geometry.star_distances(np.rot90(labels).copy(), 32)
    # rot90 turns +x into -y: what was ray k (angle from +x towards +y) is now ray k - 8 of 32
    expected = np.roll(np.rot90(geometry.star_distances(labels, 32)), -8, axis=2)
    assert np.abs(turned - expected).max() < 1e-3


def test_labels_above_16_bit_are_kept_apart() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:20] = 65_536  # zero when cut to 16 bit
    labels[5:15, 20:35] = 65_537
    assert geometry.star_distances(labels, 4)[10, 10, 0] == pytest.approx(10, abs=1)  # ends where the neighbour begins


def test_edge_probability_is_one_inside_and_falls_to_the_border() -> None:
    prob = geometry.edge_probability(disc(65, (32, 32), 20))
    assert prob[32, 32] == pytest.approx(1.0)
    assert 0 < prob[32, 50] < 0.2
    assert prob[0, 0] == 0


def test_touching_objects_have_a_valley_between_them() -> None:
    labels = np.zeros((30, 60), int)
    labels[5:25, 5:30], labels[5:25, 30:55] = 1, 2
    prob = geometry.edge_probability(labels)
    assert prob[15, 29] < 0.2 and prob[15, 30] < 0.2 and prob[15, 17] > 0.9


def test_suppression_keeps_the_more_probable_of_two_and_the_distant_one() -> None:
    points = np.array([[20, 20], [21, 21], [60, 60]], np.float32)
    distances = np.full((3, 32), 8, np.float32)
    kept = geometry.suppress_overlaps(distances, np.array([0.6, 0.9, 0.7], np.float32), points, 0.4)
    assert kept.tolist() == [1, 2]


def test_suppression_does_not_depend_on_the_order_of_candidates() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (300, 2)).astype(np.float32).round()
    distances = rng.uniform(5, 12, (300, 32)).astype(np.float32)
    probabilities = rng.permutation(300).astype(np.float32) / 300
    kept = geometry.suppress_overlaps(distances, probabilities, points, 0.3)
    order = rng.permutation(300)
    again = geometry.suppress_overlaps(distances[order], probabilities[order], points[order], 0.3)
    assert np.array_equal(order[again], kept)


def test_suppression_of_nothing_is_nothing() -> None:
    none = geometry.suppress_overlaps(np.zeros((0, 8)), np.zeros(0), np.zeros((0, 2)), 0.5)
    assert none.shape == (0,)


def test_a_polygon_made_of_its_own_distances_covers_the_object() -> None:
    labels = disc(64, (30, 33), 14)
    distances = geometry.star_distances(labels, 64)[30, 33][None]
    corners = geometry.polygon_corners(distances, np.array([[30, 33]]))
    drawn = geometry.render_polygons(corners, np.ones(1), (64, 64))
    shared = np.count_nonzero(drawn.astype(bool) & labels.astype(bool))
    assert shared / np.count_nonzero(drawn.astype(bool) | labels.astype(bool)) > 0.9


def test_the_more_probable_polygon_is_drawn_on_top() -> None:
    corners = geometry.polygon_corners(np.full((2, 32), 6.0), np.array([[10, 10], [10, 14]]))
    drawn = geometry.render_polygons(corners, np.array([0.9, 0.5]), (21, 25), np.array([7, 8]))
    assert drawn[10, 12] == 7
    assert set(np.unique(drawn)) == {0, 7, 8}
