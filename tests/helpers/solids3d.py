"""Shapes and turns that the tests of the 3D geometry share."""

from __future__ import annotations

import numpy as np

from talanoa.models.geometry.rays3d import Rays3D


def ball(shape: tuple[int, int, int], center: tuple[float, float, float], radius: float, value: int = 1) -> np.ndarray:
    """Return a label image with one ball."""
    z, y, x = np.indices(shape)
    inside = (z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2 <= radius**2
    return np.where(inside, value, 0)


def scene(seed: int = 0, shape: tuple[int, int, int] = (18, 26, 30)) -> np.ndarray:
    """Return touching objects, some at the border: the voxels nearest to random seeds, cut at a distance."""
    rng = np.random.default_rng(seed)
    seeds = rng.uniform(0, shape, (12, 3))
    distance = np.linalg.norm(np.moveaxis(np.indices(shape), 0, -1)[..., None, :] - seeds, axis=-1)
    return np.where(distance.min(axis=-1) < 6, distance.argmin(axis=-1) + 1, 0)


def crowd(rays: Rays3D, count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return polyhedra of odd shapes that overlap: distances, probabilities that differ, points."""
    rng = np.random.default_rng(seed)
    distances = rng.uniform(3, 6, (count, 1)) * rng.uniform(0.8, 1.2, (count, len(rays)))
    return distances, rng.permutation(count) / count, rng.integers(0, (20, 40, 40), (count, 3))


def turned_rays(rays: Rays3D, matrix: np.ndarray) -> np.ndarray:
    """Return which ray each ray becomes when vectors (z, y, x) are multiplied by `matrix`."""
    turned = rays.vertices @ matrix.T
    match = (turned[:, None] * rays.vertices[None]).sum(axis=-1)
    assert np.allclose(match.max(axis=1), 1, atol=1e-6)
    return match.argmax(axis=1)
