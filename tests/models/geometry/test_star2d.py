"""Properties of the 2D kernels that hold for every input: translation, permutation, threads, odd sizes and types."""

from collections.abc import Callable

import numpy as np
import pytest

from talanoa.core.errors import BadInput
from talanoa.models import geometry
from talanoa.models.geometry.nms2d import overlap, shared_area


def blobs(seed: int, shape: tuple[int, int] = (60, 75), n: int = 14) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for number in range(1, n + 1):
        centre_y, centre_x, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(1, 11)
        labels[np.hypot(y - centre_y, x - centre_x) < radius] = number
    return labels


def candidates(seed: int, n: int = 300, size: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    distances = rng.uniform(4, 14, (n, 1)) * rng.uniform(0.8, 1.2, (n, 32))
    return distances.astype(np.float32), rng.permutation(n) / n, rng.integers(20, size, (n, 2))


MEASURES: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda labels: geometry.star_distances(labels, 16),
    geometry.edge_probability,
]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_shifted_object_has_the_same_values(measure: Callable[[np.ndarray], np.ndarray]) -> None:
    labels = blobs(0)
    framed = np.pad(labels, 1)  # a border on all sides: the image's edge is no border for the probability
    shifted = np.pad(framed, ((2000, 3), (5, 70)))
    there = measure(shifted)[2000 : 2000 + framed.shape[0], 5 : 5 + framed.shape[1]]
    assert np.array_equal(there, measure(framed))


@pytest.mark.parametrize("measure", MEASURES)
def test_numbers_of_objects_do_not_matter(measure: Callable[[np.ndarray], np.ndarray]) -> None:
    labels = blobs(1)
    numbers = np.concatenate([[0], np.random.default_rng(2).permutation(10**6)[: labels.max()] + 1])
    assert np.array_equal(measure(numbers[labels]), measure(labels))
    assert np.array_equal(measure(numbers[labels] * 10**12), measure(labels))  # beyond 32 bits


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_probability_turns_with_the_image(turns: int) -> None:
    labels = blobs(3)
    turned = geometry.edge_probability(np.rot90(labels, turns))
    assert np.array_equal(turned, np.rot90(geometry.edge_probability(labels), turns))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 31), (5, 32), (5, 33), (64, 64)])
def test_any_size_and_grid(shape: tuple[int, int]) -> None:
    labels = blobs(4, shape, 3)
    full = geometry.star_distances(labels, 8)
    assert full.shape == (*shape, 8)
    for grid in ((1, 2), (3, 1), (4, 4)):
        assert np.array_equal(geometry.star_distances(labels, 8, grid), full[:: grid[0], :: grid[1]])


@pytest.mark.parametrize("threads", [2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    labels = np.kron(blobs(5, (160, 150), 60), np.ones((4, 4), int))
    one = geometry.star_distances(labels, 8, (2, 2), threads=1)
    assert np.array_equal(geometry.star_distances(labels, 8, (2, 2), threads=threads), one)
    assert np.array_equal(geometry.edge_probability(labels, threads), geometry.edge_probability(labels, 1))
    distances, order, points = candidates(6, 900, 400)
    corners = geometry.polygon_corners(distances, points)
    drawn = geometry.render_polygons(corners, order, (420, 410), threads=1)
    assert np.array_equal(geometry.render_polygons(corners, order, (420, 410), threads=threads), drawn)


def test_a_single_pixel() -> None:
    labels = np.zeros((5, 5), int)
    labels[2, 3] = 7
    assert geometry.edge_probability(labels)[2, 3] == 1
    assert geometry.star_distances(labels, 4)[2, 3] == pytest.approx([0.5] * 4)
    assert geometry.star_distances(labels, 8)[2, 3, 1] == pytest.approx(0.5**0.5)


def test_an_object_that_fills_the_image() -> None:
    labels = np.ones((5, 7), int)
    assert geometry.star_distances(labels, 4)[2, 3] == pytest.approx([3.5, 2.5, 3.5, 2.5])  # +x, +y, -x, -y
    assert geometry.edge_probability(labels)[2].tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 2 / 3, 1 / 3])


def test_the_edge_of_the_image_is_no_border() -> None:
    labels = np.zeros((9, 9), int)
    labels[:4] = 1
    assert geometry.edge_probability(labels)[:5, 4].tolist() == [1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint64])
def test_nothing_to_measure(dtype: type) -> None:
    assert not geometry.edge_probability(np.zeros((4, 6), dtype)).any()
    assert not geometry.star_distances(np.zeros((4, 6), dtype), 4).any()
    assert geometry.star_distances(np.zeros((0, 6), dtype), 4).shape == (0, 6, 4)
    assert geometry.edge_probability(np.zeros((0, 6), dtype)).shape == (0, 6)


def test_more_objects_than_16_bits_count() -> None:
    labels = np.arange(1, 70_001).reshape(250, 280).repeat(2, 0).repeat(2, 1)
    assert (geometry.edge_probability(labels)[2:-2, 2:-2] == 1).all()
    rays = geometry.star_distances(labels, 4)  # of a square of 2 x 2: half a pixel one way, one and a half the other
    assert np.array_equal(np.sort(rays, axis=2)[3, 3], np.float32([0.5, 0.5, 1.5, 1.5]))
    assert (rays.sum(axis=2) == 4).all()


@pytest.mark.parametrize("labels", [np.zeros((2, 3, 4), int), np.zeros((4, 4)), -np.eye(3, dtype=int)])
def test_what_is_no_label_plane_is_refused(labels: np.ndarray) -> None:
    for measure in MEASURES:
        with pytest.raises(BadInput, match="expected"):
            measure(labels)


@pytest.mark.parametrize("rays, grid", [(2, (1, 1)), (8, (0, 1))])
def test_senseless_rays_and_grids_are_refused(rays: int, grid: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match=r"expected 3 rays"):
        geometry.star_distances(np.ones((4, 4), int), rays, grid)


def test_area_of_overlap_by_hand() -> None:
    square = np.array([[0, 0], [0, 4], [4, 4], [4, 0]])
    assert shared_area(square, square) == 16
    assert shared_area(square, square[::-1]) == 16
    assert shared_area(square, square + np.array([1, 2])) == 6
    assert shared_area(square, square + 4) == 0
    assert shared_area(square, np.array([[0, 0], [4, 4], [8, 0]])) == 8  # y, x: a triangle
    diamond = np.array([[-2, 2], [2, 6], [6, 2], [2, -2]])
    assert shared_area(square, diamond) == 16
    assert shared_area(diamond, square) == 16
    assert shared_area(square + np.array([2, 0]), diamond) == 12


def test_area_of_overlap_of_dented_polygons_is_that_of_their_pixels() -> None:
    rng = np.random.default_rng(7)
    scale = 24  # fine pixels of each side of a pixel
    for _ in range(20):
        distances = rng.uniform(2, 16, (2, 12))  # deep dents
        corners = geometry.polygon_corners(distances, rng.integers(18, 27, (2, 2))).astype(int)
        fine = [
            geometry.render_polygons((corner * scale - 0.5)[None], np.ones(1), (46 * scale, 46 * scale)) > 0
            for corner in corners
        ]
        expected = (fine[0] & fine[1]).sum() / scale**2
        assert shared_area(*corners) == pytest.approx(expected, abs=0.01 * expected + 1)


def test_winners_do_not_depend_on_order_or_place() -> None:
    distances, probabilities, points = candidates(8)
    kept = geometry.suppress_overlaps(distances, probabilities, points, 0.4)
    assert (np.diff(probabilities[kept]) < 0).all()
    shuffled = np.random.default_rng(9).permutation(len(points))
    again = geometry.suppress_overlaps(distances[shuffled], probabilities[shuffled], points[shuffled] + [37, 4], 0.4)
    assert shuffled[again].tolist() == kept.tolist()


def test_large_polygons_among_small_ones() -> None:
    distances, probabilities, points = candidates(10)
    distances[:3] *= [[40], [400], [4000]]
    kept = geometry.suppress_overlaps(distances, probabilities, points, 0.4)
    expected: list[int] = []  # the definition, pair by pair
    for index in np.argsort(-probabilities):
        if all(overlap(distances, points, winner, index) <= 0.4 for winner in expected):
            expected.append(int(index))
    assert kept.tolist() == expected


def test_suppression_can_be_watched_and_ended() -> None:
    distances, probabilities, points = candidates(11)
    seen: list[tuple[int, int]] = []
    geometry.suppress_overlaps(distances, probabilities, points, 0.4, check=lambda done, n: seen.append((done, n)))
    assert seen[-1] == (300, 300)

    def end(done: int, n: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        geometry.suppress_overlaps(distances, probabilities, points, 0.4, check=end)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
def test_a_broken_network_output_is_refused(value: float) -> None:
    distances, probabilities, points = candidates(12, 5)
    distances[3, 4] = value
    with pytest.raises(BadInput, match="no numbers or beyond a million pixels"):
        geometry.suppress_overlaps(distances, probabilities, points, 0.4)
    with pytest.raises(BadInput, match=r"\(5, 32\).*\(4, 2\)"):
        geometry.suppress_overlaps(distances, probabilities, points[:4], 0.4)


@pytest.mark.parametrize("kind", ["whole", "halves", "any"])
def test_polygons_are_drawn_as_by_skimage(kind: str) -> None:
    from skimage.draw import polygon

    rng = np.random.default_rng(13)
    for _ in range(150):
        corners = rng.uniform(-3, 14, (1, rng.integers(1, 9), 2))
        corners = {"whole": np.rint(corners), "halves": np.rint(2 * corners) / 2, "any": corners}[kind]
        expected = np.zeros((12, 11), np.int32)
        expected[polygon(*corners[0].T, expected.shape)] = 1
        assert np.array_equal(geometry.render_polygons(corners, np.ones(1), (12, 11)), expected)


def test_nothing_to_draw_and_what_cannot_be_drawn() -> None:
    assert not geometry.render_polygons(np.zeros((0, 8, 2)), np.zeros(0), (5, 5)).any()
    assert not geometry.render_polygons(np.full((1, 8, 2), 50.0), np.ones(1), (5, 5)).any()
    with pytest.raises(BadInput, match="no number"):
        geometry.render_polygons(np.full((1, 8, 2), np.nan), np.ones(1), (5, 5))
    with pytest.raises(BadInput, match=r"\(2, 8, 2\), 1 prob"):
        geometry.render_polygons(np.zeros((2, 8, 2)), np.ones(1), (5, 5))
