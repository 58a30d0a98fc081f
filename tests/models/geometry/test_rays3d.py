import numpy as np
import pytest

from talanoa.core.errors import BadInput
from talanoa.models.geometry.rays3d import Rays3D, from_directions, golden_spiral, octahedron, surfaces, volumes


def test_volume_and_surface_of_an_octahedron_are_those_of_the_textbook() -> None:
    rays = octahedron()
    edge = np.sqrt(2) * 3
    assert volumes(np.full((1, 6), 3.0), rays)[0] == pytest.approx(np.sqrt(2) / 3 * edge**3)
    assert surfaces(np.full((1, 6), 3.0), rays)[0] == pytest.approx(2 * np.sqrt(3) * edge**2)


def test_volume_and_surface_approach_those_of_a_sphere() -> None:
    rays = golden_spiral(500)
    assert volumes(np.full((1, 500), 2.0), rays)[0] == pytest.approx(4 / 3 * np.pi * 8, rel=0.02)
    assert surfaces(np.full((1, 500), 2.0), rays)[0] == pytest.approx(4 * np.pi * 4, rel=0.02)


def test_surface_counts_in_the_units_of_the_voxels() -> None:
    rays = golden_spiral(60)
    distances = np.random.default_rng(0).uniform(2, 4, (5, 60))
    assert np.allclose(surfaces(distances, rays, (3, 3, 3)), 9 * surfaces(distances, rays))


def test_thick_planes_give_rays_that_are_even_in_space() -> None:
    flat, even = golden_spiral(64, (4, 1, 1)), golden_spiral(64)
    in_space = flat.vertices * (4, 1, 1)
    assert np.allclose(in_space / np.linalg.norm(in_space, axis=1, keepdims=True), even.vertices, atol=1e-6)
    assert np.allclose(np.linalg.norm(flat.vertices, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("rays", [golden_spiral(5), golden_spiral(96, (3, 1, 2)), octahedron(2)], ids=len)
def test_faces_close_the_surface(rays: Rays3D) -> None:
    assert len(rays.faces) == 2 * len(rays) - 4  # Euler: triangles of a closed surface
    assert np.array_equal(
        np.sort(
            rays.neighbors[rays.neighbors].reshape(len(rays.faces), -1) == np.arange(len(rays.faces))[:, None], axis=1
        ).sum(axis=1),
        np.full(len(rays.faces), 3),
    )  # a neighbour's neighbour is oneself


def test_octahedra_have_6_18_and_66_corners() -> None:
    assert [len(octahedron(rounds)) for rounds in range(3)] == [6, 18, 66]


def test_a_surface_with_a_gap_is_refused() -> None:
    rays = octahedron()
    with pytest.raises(BadInput, match="gap"):
        _ = Rays3D(rays.vertices, rays.faces[:-1]).neighbors


@pytest.mark.parametrize(("count", "sizes"), [(3, None), (32, (0, 1, 1)), (32, (1, 1))])
def test_rays_that_cannot_be_are_refused(count: int, sizes: tuple | None) -> None:
    with pytest.raises(BadInput, match="expected"):
        golden_spiral(count, sizes)


def test_directions_in_a_plane_are_refused() -> None:
    with pytest.raises(BadInput, match="no volume"):
        from_directions(np.array([[0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1]]))
