import numpy as np
import pytest
import torch

from helpers.solids3d import crowd, scene
from talanoa.core.errors import BadInput
from talanoa.models import geometry
from talanoa.models.geometry import torch3d
from talanoa.models.geometry.rays3d import golden_spiral

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 2, 3)])
def test_distances_are_those_of_the_kernels(device: str, grid: tuple[int, int, int]) -> None:
    labels, rays = scene(5), golden_spiral(32, (2, 1, 1))
    found = torch3d.star_distances3d(torch.from_numpy(labels).to(device), rays, grid)
    assert np.array_equal(found.cpu().numpy(), geometry.star_distances3d(labels, rays, grid))


def test_distances_in_small_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, rays = torch.from_numpy(scene(6)), golden_spiral(20)
    whole = torch3d.star_distances3d(labels, rays)
    monkeypatch.setattr(torch3d, "AT_ONCE", 3 * len(labels.nonzero()))
    assert torch.equal(torch3d.star_distances3d(labels, rays), whole)


@pytest.mark.parametrize("device", DEVICES)
def test_drawing_is_that_of_the_kernels(device: str) -> None:
    rays, shape = golden_spiral(48), (20, 40, 40)
    distances, probabilities, points = crowd(rays, 60)
    on_device = [torch.from_numpy(each).to(device) for each in (distances, points, probabilities)]
    found = torch3d.render_polyhedra(on_device[0], on_device[1], rays, on_device[2], shape)
    expected = geometry.render_polyhedra(distances, points, rays, probabilities, shape)
    assert np.mean(found.cpu().numpy() != expected) < 1e-4


def test_drawing_in_small_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rays = golden_spiral(24)
    distances, probabilities, points = (torch.from_numpy(each) for each in crowd(rays, 40))
    whole = torch3d.render_polyhedra(distances, points, rays, probabilities, (20, 40, 40))
    monkeypatch.setattr(torch3d, "AT_ONCE", 1)
    assert torch.equal(torch3d.render_polyhedra(distances, points, rays, probabilities, (20, 40, 40)), whole)


def test_nothing_gives_nothing() -> None:
    rays = golden_spiral(8)
    assert not torch3d.star_distances3d(torch.zeros((3, 4, 5), dtype=torch.int32), rays).any()
    none = torch.zeros((0, 8)), torch.zeros((0, 3), dtype=torch.int64)
    assert not torch3d.render_polyhedra(*none, rays, torch.zeros(0), (3, 4, 5)).any()


def test_what_the_table_does_not_reach_is_refused() -> None:
    rays = golden_spiral(8)
    with pytest.raises(BadInput, match="less than 47"):
        torch3d.render_polyhedra(torch.full((1, 8), 60.0), torch.zeros((1, 3)).long(), rays, torch.ones(1), (4, 4, 4))
    with pytest.raises(BadInput, match="whole numbers"):
        torch3d.star_distances3d(torch.zeros((3, 4, 5)), rays)
