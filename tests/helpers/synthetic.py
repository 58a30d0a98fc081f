"""Small synthetic microscopy for the tests: bright ellipses with blur and noise, from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter


def nuclei(
    size: int = 128, count: int = 12, seed: int = 0, radius: tuple[float, float] = (6.0, 10.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Return (image uint8, labels uint16), both (size, size); nuclei may touch but never overlap."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.uint16)
    while labels.max() < count:
        y, x, turn = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0, np.pi)
        long, short = rng.uniform(*radius), rng.uniform(*radius)
        u = (rows - y) * np.cos(turn) + (columns - x) * np.sin(turn)
        v = -(rows - y) * np.sin(turn) + (columns - x) * np.cos(turn)
        inside = (u / long) ** 2 + (v / short) ** 2 <= 1
        if inside.sum() > 20 and not labels[inside].any():
            labels[inside] = labels.max() + 1
    brightness = np.concatenate([[0.08], rng.uniform(0.5, 1.0, count)])
    clean = gaussian_filter(brightness[labels], 1.0)
    noisy = rng.poisson(clean * 150) + rng.normal(0, 3, clean.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def write_pairs(folder: Path, images: int, size: int = 128, count: int = 12) -> tuple[Path, Path]:
    """Write annotated images, see `nuclei`; returns the folders ``images`` and ``masks``."""
    image_folder, mask_folder = folder / "images", folder / "masks"
    image_folder.mkdir(parents=True)
    mask_folder.mkdir()
    for seed in range(images):
        image, labels = nuclei(size, count, seed)
        tifffile.imwrite(image_folder / f"field_{seed:02d}.tif", image)
        tifffile.imwrite(mask_folder / f"field_{seed:02d}.tif", labels)
    return image_folder, mask_folder


def stack(
    shape: tuple[int, int, int] = (16, 64, 64), count: int = 8, seed: int = 0, radius: tuple[float, float] = (6.0, 8.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Return (image uint8, labels uint16) of nuclei in 3D, half as many slices high as pixels wide; none overlap."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape)
    labels = np.zeros(shape, np.uint16)
    while labels.max() < count:
        center, half = rng.uniform(0, 1, 3) * shape, rng.uniform(*radius, 3) / (2, 1, 1)
        inside = (((grid - center[:, None, None, None]) / half[:, None, None, None]) ** 2).sum(axis=0) <= 1
        if inside.sum() > 60 and not labels[inside].any():
            labels[inside] = labels.max() + 1
    brightness = np.concatenate([[0.08], rng.uniform(0.5, 1.0, count)])
    clean = gaussian_filter(brightness[labels], (0.5, 1.0, 1.0))
    noisy = rng.poisson(clean * 150) + rng.normal(0, 3, clean.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def write_stacks(folder: Path, images: int, **kinds: Any) -> tuple[Path, Path]:
    """Write annotated stacks, see `stack`, of voxels 2 x 1 x 1 µm; returns the folders ``images`` and ``masks``."""
    image_folder, mask_folder = folder / "images", folder / "masks"
    image_folder.mkdir(parents=True)
    mask_folder.mkdir()
    for seed in range(images):
        for place, values in zip((image_folder, mask_folder), stack(seed=seed, **kinds), strict=True):
            metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
            tifffile.imwrite(place / f"stack_{seed:02d}.tif", values, imagej=True, resolution=(1, 1), metadata=metadata)
    return image_folder, mask_folder
