"""Make the arrays that the tests of talanoa.models.geometry are compared with, by the StarDist package itself.

Usage: python make_oracles.py     (in an environment with stardist 0.9.2, whose kernels need no TensorFlow)
Writes star2d.npz beside this file: a label image and what the package makes of it, and two sets of candidates with its
winners: `dense` as a network gives them (many in each object, few doubtful), `hard` with every degree of overlap.
"""

from pathlib import Path

import numpy as np
from stardist.geometry import polygons_to_label, star_dist
from stardist.nms import non_maximum_suppression_inds
from stardist.utils import edt_prob

RAYS = (8, 32)
GRIDS = ((1, 1), (2, 2), (1, 4))
THRESHOLDS = (0.3, 0.4, 0.5)


def blobs(seed: int, size: int, n: int) -> np.ndarray:
    """Return a label image of wavy discs that touch and are cut by the border, with one pixel by itself."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for number in range(1, n + 1):
        centre_y, centre_x = rng.uniform(0, size, 2)
        angle = np.arctan2(y - centre_y, x - centre_x)
        radius = rng.uniform(3, size / 8) * (1 + 0.2 * np.cos(3 * angle + rng.uniform(0, 6)))
        labels[np.hypot(y - centre_y, x - centre_x) < radius] = number
    labels[0, 0], labels[size // 2, size // 2] = n + 1, n + 2
    return labels


def dense_candidates(labels: np.ndarray, n: int, seed: int) -> dict[str, np.ndarray]:
    """Return candidates as a network gives them, from places in objects, most probable first."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(np.argwhere((edt_prob(labels) > 0.4) & (labels <= labels.max() - 2)))[:n]
    distances = star_dist(labels, 32)[tuple(places.T)]
    noisy = distances * rng.normal(1, 0.05, (len(places), 1)) + rng.normal(0, 0.3, distances.shape)
    return {"points": places.astype(np.int16), "distances": np.maximum(noisy, 1e-3).astype(np.float32)}


def hard_candidates(n: int, seed: int) -> dict[str, np.ndarray]:
    """Return ellipse-like polygons anywhere, beyond the border too."""
    rng = np.random.default_rng(seed)
    angle = np.arange(32) * 2 * np.pi / 32 - rng.uniform(0, 6, (n, 1))
    distances = rng.uniform(5, 15, (n, 1)) * (1 + 0.2 * np.cos(2 * angle)) * rng.normal(1, 0.03, angle.shape)
    return {"points": rng.integers(0, 160, (n, 2)).astype(np.int16), "distances": distances.astype(np.float32)}


def main() -> None:
    """Write the file."""
    labels = blobs(0, 72, 24)
    found: dict[str, np.ndarray] = {"labels": labels, "edge_probability": edt_prob(labels)}
    for rays in RAYS:
        for grid in GRIDS:
            found[f"distances_{rays}_{grid[0]}{grid[1]}"] = star_dist(labels, rays, grid)
    sets = {"dense": dense_candidates(blobs(1, 160, 40), 700, 2), "hard": hard_candidates(400, 3)}
    for name, some in sets.items():
        found |= {f"{name}_{key}": value for key, value in some.items()}
        falling = -np.arange(len(some["points"]), dtype=np.float32)
        for threshold in THRESHOLDS:
            kept = non_maximum_suppression_inds(
                some["distances"], some["points"], falling, thresh=threshold, verbose=False
            )
            found[f"{name}_winners_{threshold}"] = np.flatnonzero(kept).astype(np.int16)
        found[f"{name}_drawn"] = polygons_to_label(some["distances"], some["points"], shape=(160, 160), prob=falling)
    np.savez_compressed(Path(__file__).with_name("star2d.npz"), **found)


if __name__ == "__main__":
    main()
