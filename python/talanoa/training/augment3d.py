"""Random training patches of volumes: the plane is turned and scaled, the slices keep to themselves.

Slices lie further apart than pixels, and a microscope blurs more along z than in the plane: a patch may be turned in
the plane and mirrored along every axis, but z is never mixed with y and x.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from talanoa.training.augment import (
    Augmentation,
    look_up,
    random_displacement,
    random_linear,
    sampling_grid,
    vary_intensity,
)

Pair = tuple[NDArray, NDArray]


def slices_of_patch(
    middle: float, patch: int, size: int, zoom: float, config: Augmentation, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the slices (fractions between two of them) that a patch shows: inside the stack, maybe upside down.

    Parameters
    ----------
    middle : float
        Slice that shall lie in the patch.
    patch, size : int
        Slices of the patch (at most `size`) and of the stack.
    zoom : float
        Objects are shown this much larger, as far as the stack has enough slices.
    config : Augmentation
        Whether to mirror.
    rng : numpy Generator
        Source of randomness.
    """
    step = min(1 / zoom, (size - 1) / max(patch - 1, 1))
    length = (patch - 1) * step
    first = float(np.clip(middle - length * rng.random(), 0, size - 1 - length))
    if step == 1:
        first = float(round(first))
    places = np.asarray(first + step * np.arange(patch), np.float64)
    return places[::-1] if config.flip and rng.random() < 0.5 else places


def between_slices(volume: NDArray, places: NDArray[np.float64]) -> NDArray:
    """Return (channels, patch_z, y, x) read at fractional slices: interpolated, labels (integers) from the nearest."""
    if volume.dtype.kind in "iu":
        return volume[:, np.clip(np.rint(places), 0, volume.shape[1] - 1).astype(np.intp)]
    low = np.clip(np.floor(places), 0, volume.shape[1] - 1).astype(np.intp)
    part = (places - low).astype(np.float32)
    if not part.any():
        return volume[:, low]
    high = np.minimum(low + 1, volume.shape[1] - 1)
    weight = part.reshape(1, -1, 1, 1)
    return volume[:, low] * (1 - weight) + volume[:, high] * weight


def needed(low: float, high: float, size: int) -> slice:
    """Return the part of an axis in which positions from `low` to `high` lie, once they are mirrored at its ends."""
    first, last = low, high
    if low < 0:
        first, last = 0, max(last, -1 - low)
    if high > size - 1:
        first, last = min(first, 2 * size - 1 - high), size - 1
    return slice(max(0, floor(first)), min(size, ceil(last) + 1))


def read_patch(pair: Pair, places: NDArray[np.float64], coordinates: NDArray) -> Pair:
    """Return image (channels, patch_z, patch_y, patch_x) and labels (patch_z, patch_y, patch_x) at these positions."""
    ends = zip(coordinates.min(axis=(1, 2)), coordinates.max(axis=(1, 2)), pair[1].shape[1:], strict=True)
    rows, columns = (needed(low, high, size) for low, high, size in ends)  # a patch is small beside its volume
    image = between_slices(pair[0][..., rows, columns], places)
    labels = between_slices(pair[1][None, :, rows, columns], places)[0]
    coordinates = coordinates - np.reshape((rows.start, columns.start), (2, 1, 1))
    flat = look_up(image.reshape(-1, *image.shape[2:]), coordinates)
    return flat.reshape(*image.shape[:2], *flat.shape[1:]), look_up(labels, coordinates, nearest=True)


def random_patch(
    inside: Pair,
    outside: Pair,
    center: tuple[float, float, float],
    patch: tuple[int, int, int],
    config: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray]:
    """Draw an augmented pair of patches around `center`.

    Parameters
    ----------
    inside : (ndarray (channels, z, y, x), ndarray of int (z, y, x))
        Normalised image and its labels.
    outside : the same
        What is mirrored beyond the border of the plane, see `without_border_objects`.
    center : (float, float, float)
        Position (z, y, x) that the patch shows: in its middle in the plane, anywhere along z.
    patch : (int, int, int)
        Size of the patch, no more slices than the volume has.
    config : Augmentation
        What varies; `scale` changes all three axes.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    image_patch : ndarray of float32, (channels, patch_z, patch_y, patch_x)
    label_patch : ndarray, (patch_z, patch_y, patch_x)
    """
    linear = random_linear(config, rng)
    zoom = 1 / np.sqrt(abs(np.linalg.det(linear)))
    zoom = 1.0 if abs(zoom - 1) < 1e-9 else float(zoom)
    places = slices_of_patch(center[0], patch[0], len(inside[1]), zoom, config, rng)
    plane = (patch[1], patch[2])
    coordinates = sampling_grid(center[1:], plane, linear, random_displacement(config, plane, rng))
    image_patch, label_patch = read_patch(inside, places, coordinates)
    last = np.array(inside[1].shape[1:], np.float64).reshape(2, 1, 1) - 0.5
    beyond = ((coordinates < -0.5) | (coordinates > last)).any(axis=0)
    if beyond.any():
        image_beyond, label_beyond = read_patch(outside, places, coordinates)
        image_patch = np.where(beyond, image_beyond, image_patch)
        label_patch = np.where(beyond, label_beyond, label_patch)
    return vary_intensity(image_patch, config, rng), label_patch


def without_border_objects(image: NDArray, labels: NDArray) -> Pair:
    """Return image (channels, z, y, x) and labels (z, y, x) without the objects that touch a side of the plane.

    Their voxels, and two around them in the plane, get the median intensity of the background. Objects cut by the first
    or last slice stay: nothing is mirrored along z.
    """
    from scipy.ndimage import binary_dilation

    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    at_side = np.unique(np.concatenate([side.ravel() for side in sides]))
    touching = np.isin(labels, at_side[at_side != 0])
    if not touching.any():
        return image, labels
    ground = labels == 0
    background = [float(np.median(channel[ground])) if ground.any() else 0.0 for channel in image]
    near = binary_dilation(touching, np.ones((1, 3, 3), bool), iterations=2)
    blank = near & (ground | touching)
    filled = np.where(blank, np.reshape(background, (-1, 1, 1, 1)), image).astype(np.float32)
    return filled, np.where(touching, 0, labels)
