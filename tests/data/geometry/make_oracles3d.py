"""Make oracles3d.npz: what StarDist 0.9.2 (the `stardist` package, its compiled kernels) gives for small 3D inputs.

Usage, where that package is installed: python make_oracles3d.py
Stored with each result are its inputs, so that nothing here has to run again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage
from stardist.geometry import polyhedron_to_label, star_dist3D
from stardist.nms import non_maximum_suppression_3d_sparse
from stardist.rays3d import Rays_GoldenSpiral
from stardist.utils import edt_prob

FILE = Path(__file__).with_name("oracles3d.npz")
SHAPE = (16, 36, 40)
CASES = {"even": (32, None, (1, 1, 1)), "flat": (24, (2.0, 1.0, 1.0), (1, 2, 2))}  # rays, anisotropy, grid
THRESHOLDS = (0.05, 0.2, 0.4, 0.7)


def blobs(rng: np.random.Generator) -> np.ndarray:
    """Return touching objects of odd shapes, some at the border, and one of a single voxel."""
    seeds = rng.uniform(0, SHAPE, (30, 3))
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)[..., None, :]
    distance = np.linalg.norm((grid - seeds) * (1.3, 1, 1), axis=-1) + rng.uniform(0, 2, 30)  # (z, y, x, seeds)
    rough = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5) * 8
    labels = np.where(distance.min(axis=-1) + rough < 8, distance.argmin(axis=-1) + 1, 0).astype(np.int16)
    labels[0, 0, :3] = (0, 300, 0)
    return labels


def candidates(rng: np.random.Generator, count: int, rays: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return crowded polyhedra (distances, probabilities, points), no two equally probable."""
    points = rng.integers(0, SHAPE, (count, 3)).astype(np.int32)
    size = rng.uniform(2.5, 6, (count, 1)) * rng.uniform(0.75, 1.25, (count, rays))
    distances = size.astype(np.float16).astype(np.float32)
    return distances, (rng.permutation(count) + 1).astype(np.float32) / (count + 1), points


def main() -> None:
    """Make the file."""
    rng = np.random.default_rng(0)
    labels = blobs(rng)
    out = {"labels": labels, "thresholds": np.array(THRESHOLDS), "shape": np.array(SHAPE)}
    for name, (count, anisotropy, grid) in CASES.items():
        rays = Rays_GoldenSpiral(count, anisotropy=anisotropy)
        out |= {f"{name}_vertices": rays.vertices, f"{name}_faces": rays.faces.astype(np.int16)}
        measured = star_dist3D(labels, rays, grid=grid)
        voxels = np.argwhere(measured.any(axis=-1))[::4].astype(np.int16)
        out |= {f"{name}_voxels": voxels, f"{name}_distances": measured[tuple(voxels.T)]}
        out[f"{name}_probability"] = edt_prob(labels, anisotropy)
        given = candidates(rng, 250, count)
        out |= {f"{name}_given_{key}": value for key, value in zip(("dist", "prob", "points"), given, strict=True)}
        for threshold in THRESHOLDS:
            kept = non_maximum_suppression_3d_sparse(*given, rays, nms_thresh=threshold)
            out[f"{name}_kept_{threshold}"] = kept[3].astype(np.int16)
        points, prob, dist = kept[:3]
        out[f"{name}_drawn"] = polyhedron_to_label(dist, points, rays, SHAPE, prob=prob, verbose=False).astype(np.int16)
        out[f"{name}_volumes"] = np.array([rays.volume(one) for one in given[0]])
        out[f"{name}_surfaces"] = np.array([rays.surface(one) for one in given[0]])
    np.savez_compressed(FILE, **out)


if __name__ == "__main__":
    main()
