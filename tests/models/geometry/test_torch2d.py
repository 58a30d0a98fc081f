"""The functions on tensors agree with the compiled kernels, on every device that is here."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from talanoa.models import geometry
from talanoa.models.geometry import torch2d


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: these tensors are small, and threads that wait for each other take longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def blobs(seed: int, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int64)
    for number in range(1, 16):
        centre_y, centre_x, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(1, 14)
        labels[np.hypot(y - centre_y, x - centre_x) < radius] = number * 70_000
    return labels


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (1, 3)])
def test_distances(device: str, grid: tuple[int, int]) -> None:
    labels = blobs(0)
    found = torch2d.star_distances(torch.from_numpy(labels).to(device), 16, grid).cpu().numpy()
    assert np.array_equal(found.transpose(1, 2, 0), geometry.star_distances(labels, 16, grid))


@pytest.mark.parametrize("labels", [blobs(1), np.zeros((4, 5), int), np.ones((5, 8), int), np.ones((1, 1), int)])
def test_edge_probability(device: str, labels: np.ndarray) -> None:
    found = torch2d.edge_probability(torch.from_numpy(labels).to(device)).cpu().numpy()
    assert np.abs(found - geometry.edge_probability(labels)).max() < 1e-6


@pytest.mark.parametrize(
    "n, radius, threshold", [(0, 8, 0.4), (1, 8, 0.4), (200, 8, 0.4), (200, 20, 0.2), (200, 3, 0.7)]
)
def test_suppression(device: str, n: int, radius: float, threshold: float) -> None:
    rng = np.random.default_rng(2)
    distances = (radius * rng.uniform(0.4, 1.6, (n, 32))).astype(np.float32)  # dented
    probabilities, points = rng.random(n).round(2), rng.integers(0, 90, (n, 2))  # some are equal
    tensors = (torch.from_numpy(array).to(device) for array in (distances, probabilities, points))
    found = torch2d.suppress_overlaps(*tensors, threshold).cpu().numpy()
    assert found.tolist() == geometry.suppress_overlaps(distances, probabilities, points, threshold).tolist()


def test_drawing(device: str) -> None:
    rng = np.random.default_rng(3)
    points = rng.integers(-5, 105, (80, 2))
    distances = np.concatenate([rng.uniform(2, 15, (40, 12)), np.full((40, 12), 6.0)])  # corners on whole pixels, too
    corners, probabilities = geometry.polygon_corners(distances, points), rng.random(80).round(1)
    ids = rng.permutation(80) + 5
    tensors = [torch.from_numpy(array).to(device) for array in (corners, probabilities)]
    drawn = torch2d.render_polygons(*tensors, (100, 90), torch.from_numpy(ids).to(device)).cpu().numpy()
    assert np.array_equal(drawn, geometry.render_polygons(corners, probabilities, (100, 90), ids))
    assert not torch2d.render_polygons(tensors[0][:0], tensors[1][:0], (4, 5)).any()
    assert not torch2d.render_polygons(tensors[0] + 1000, tensors[1], (4, 5)).any()
