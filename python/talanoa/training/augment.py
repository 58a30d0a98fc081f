"""Random training patches: geometry read from the original image in one resampling, then intensity.

A patch is never cut first and turned afterwards: every output pixel is looked up in the whole image, so rotation
and scaling leave no blank corners. Where a patch reaches past the image, it shows the mirrored image without the
objects that touch the image's border: an object and its mirror image would look like one that is no star-convex shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F


@dataclass(frozen=True)
class Augmentation:
    """How patches vary.

    Parameters
    ----------
    flip, rotate : bool
        Mirror images; right-angle turns (always) and, for half of the patches, any angle.
    scale : float
        Objects are shown up to this factor larger or smaller; 1 keeps their size. Half of the patches use
        the full range, the others stay near their own size.
    elastic : float
        Standard deviation of a smooth random displacement, as a share of the patch side.
    gain, offset : (float, float)
        Range of the random factor and of the random constant (in normalised intensity).
    gamma : float
        Intensities are raised to a power between 1/gamma and gamma.
    noise, blur : float
        Largest standard deviation of Gaussian noise (normalised intensity) and of Gaussian blur (pixels).
    """

    flip: bool = True
    rotate: bool = True
    scale: float = 2.0
    elastic: float = 0.02
    gain: tuple[float, float] = (0.6, 2.0)
    offset: tuple[float, float] = (-0.2, 0.2)
    gamma: float = 1.0
    noise: float = 0.02
    blur: float = 0.0


NONE = Augmentation(
    flip=False, rotate=False, scale=1.0, elastic=0.0, gain=(1.0, 1.0), offset=(0.0, 0.0), noise=0.0, blur=0.0
)


def random_linear(config: Augmentation, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the 2 x 2 matrix that maps patch coordinates (y, x) to image coordinates."""
    turn = 0.0
    if config.rotate:
        turn = rng.integers(4) * np.pi / 2 + (rng.uniform(-np.pi / 4, np.pi / 4) if rng.random() < 0.5 else 0.0)
    zoom = 1.0
    if config.scale > 1:
        reach = np.log(config.scale)
        zoom = np.exp(rng.uniform(-reach, reach) if rng.random() < 0.5 else rng.uniform(-0.2, 0.2) * reach)
    mirror = -1.0 if config.flip and rng.random() < 0.5 else 1.0
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([1.0, mirror]) / zoom


def sampling_grid(
    center: tuple[float, float], patch: tuple[int, int], linear: NDArray, displacement: NDArray | None = None
) -> NDArray[np.float64]:
    """Return the image coordinates (y, x) of every patch pixel, float64 (2, patch_y, patch_x).

    Parameters
    ----------
    center : (float, float)
        Image coordinates of the patch's middle.
    patch : (int, int)
        Patch size.
    linear : ndarray, (2, 2)
        Patch to image coordinates.
    displacement : ndarray, (2, patch_y, patch_x), optional
        Added in patch coordinates before `linear`.
    """
    axes = [np.arange(size) - (size - 1) / 2 for size in patch]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"))
    if displacement is not None:
        offsets = offsets + displacement
    return np.tensordot(linear, offsets, axes=1) + np.reshape(center, (2, 1, 1))


def random_displacement(
    config: Augmentation, patch: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Draw a smooth displacement field in pixels, (2, patch_y, patch_x); None when `elastic` is 0."""
    if not config.elastic:
        return None
    knots = rng.normal(0.0, config.elastic * min(patch), (1, 2, 4, 4))
    field = F.interpolate(torch.from_numpy(knots), size=patch, mode="bicubic", align_corners=True)
    return field[0].numpy()


def look_up(image: NDArray, coordinates: NDArray, nearest: bool = False) -> NDArray:
    """Read an image at fractional positions, mirrored at its border.

    Parameters
    ----------
    image : ndarray, (channels, y, x)
        Values; integer labels need ``nearest=True``.
    coordinates : ndarray, (2, patch_y, patch_x)
        Positions (y, x).
    nearest : bool
        Nearest pixel instead of bilinear interpolation.

    Returns
    -------
    ndarray, (channels, patch_y, patch_x)
        Same dtype when `nearest`, else float32.
    """
    size = np.array(image.shape[1:], np.float64).reshape(2, 1, 1)
    # the period of the mirrored image is twice its size; folding here keeps grid_sample exact far outside
    folded = np.mod(coordinates + 0.5, 2 * size)
    folded = np.minimum(folded, 2 * size - folded) - 0.5
    if nearest:
        index = np.clip(np.rint(folded), 0, size - 1).astype(np.intp)
        return image[:, index[0], index[1]]
    unit = (2 * folded + 1) / size - 1
    grid = torch.from_numpy(unit[::-1].transpose(1, 2, 0).astype(np.float32).copy())[None]
    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None]
    return F.grid_sample(tensor, grid, mode="bilinear", padding_mode="border", align_corners=False)[0].numpy()


def vary_intensity(patch: NDArray, config: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return `patch` (channels, y, x or z, y, x; normalised) blurred, with other contrast, and noisy."""
    varied = np.asarray(patch, np.float32)
    if config.blur and rng.random() < 0.3:
        from scipy.ndimage import gaussian_filter

        sigma = rng.uniform(0, config.blur)
        varied = gaussian_filter(varied, (0,) * (varied.ndim - 2) + (sigma, sigma))
    if config.gamma > 1:
        power = np.exp(rng.uniform(-1, 1) * np.log(config.gamma))
        varied = np.where(varied > 0, np.abs(varied) ** power, varied)
    varied = varied * np.float32(rng.uniform(*config.gain)) + np.float32(rng.uniform(*config.offset))
    if config.noise:
        level = np.float32(config.noise * rng.random())
        varied = varied + level * rng.standard_normal(varied.shape, np.float32)
    return varied.astype(np.float32)


def random_patch(
    inside: tuple[NDArray, NDArray],
    outside: tuple[NDArray, NDArray],
    center: tuple[float, float],
    patch: tuple[int, int],
    config: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray]:
    """Draw an augmented pair of patches around `center`.

    Parameters
    ----------
    inside : (ndarray (channels, y, x), ndarray of int (y, x))
        Normalised image and its labels.
    outside : the same
        What is mirrored beyond the border, see `without_border_objects`.
    center : (float, float)
        Image coordinates (y, x) that become the middle of the patch.
    patch : (int, int)
        Size of the patch.
    config : Augmentation
        What varies.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    image_patch : ndarray of float32, (channels, patch_y, patch_x)
    label_patch : ndarray, (patch_y, patch_x)
        Mirrored copies keep the label of their original; they never touch it.
    """
    linear = random_linear(config, rng)
    coordinates = sampling_grid(center, patch, linear, random_displacement(config, patch, rng))
    image_patch = look_up(inside[0], coordinates)
    label_patch = look_up(inside[1][None], coordinates, nearest=True)[0]
    last = np.array(inside[1].shape, np.float64).reshape(2, 1, 1) - 0.5
    beyond = ((coordinates < -0.5) | (coordinates > last)).any(axis=0)
    if beyond.any():
        image_patch = np.where(beyond, look_up(outside[0], coordinates), image_patch)
        label_patch = np.where(beyond, look_up(outside[1][None], coordinates, nearest=True)[0], label_patch)
    return vary_intensity(image_patch, config, rng), label_patch


def without_border_objects(image: NDArray, labels: NDArray) -> tuple[NDArray, NDArray]:
    """Return image (channels, y, x) and labels (y, x) in which objects that touch the border are background.

    Their pixels, and two around them, get the median intensity of the background.
    """
    from scipy.ndimage import binary_dilation

    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touching = np.isin(labels, np.unique(edge[edge != 0]))
    if not touching.any():
        return image, labels
    background = [float(np.median(plane[labels == 0])) if (labels == 0).any() else 0.0 for plane in image]
    blank = binary_dilation(touching, iterations=2) & ((labels == 0) | touching)
    filled = np.where(blank, np.reshape(background, (-1, 1, 1)), image).astype(np.float32)
    return filled, np.where(touching, 0, labels)
