"""Drawn microscopy: nuclei with irregular outlines and texture as a microscope shows them. Everything from one seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FAINT, CLUSTERED, DIVIDING = 0.2, 0.35, 0.12  # parts of all nuclei
_RADIUS = (7.0, 11.5)  # half axes in pixels
_FREE = 0.9  # part of a nucleus that is not covered by others
_FEWEST = 40  # pixels of a nucleus that is drawn


class Scene(NamedTuple):
    """A field of nuclei: the camera's image (uint16) and labels (int32), both (y, x) or (z, y, x)."""

    image: NDArray[np.uint16]
    labels: NDArray[np.int32]


class Nucleus(NamedTuple):
    """Centre, half axes (both (z,) y, x in pixels) and turn in the plane (radians)."""

    centre: NDArray[np.float64]
    half: NDArray[np.float64]
    turn: float


def nuclei(shape: tuple[int, ...], rng: np.random.Generator) -> Scene:
    """Draw a field of nuclei.

    Some are faint, some touch, some pairs have just divided. Blur, haze, an uneven background, out-of-focus cells and
    specks (both are no objects), shot noise and the camera's noise make it hard for a threshold.

    Parameters
    ----------
    shape : (y, x) or (z, y, x)
        Size in pixels; slices are two pixels apart.
    rng : numpy.random.Generator
        All that is random.
    """
    labels, dividing = _plant(shape, rng)
    signal = _glow(labels, dividing, rng)
    return Scene(_camera(signal, rng), labels)


def light(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a field of nuclei as `nuclei` does, without camera and noise: 1 = an ordinary nucleus.

    Parameters
    ----------
    shape : (y, x) or (z, y, x)
        Size in pixels; slices are two pixels apart.
    rng : numpy.random.Generator
        All that is random.
    """
    return _glow(*_plant(shape, rng), rng)


def steps(shape: tuple[int, ...], length: float) -> tuple[float, ...]:
    """Return a length in pixels along each axis; slices are two pixels apart."""
    return (length / 2, length, length) if len(shape) == 3 else (length, length)


def _plant(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[NDArray[np.int32], set[int]]:
    """Place nuclei; return their labels and which of them have just divided."""
    from scipy.ndimage import gaussian_filter

    bend = [gaussian_filter(rng.normal(size=shape), steps(shape, 3.5)) for _ in shape]
    bend = [1.3 * each / each.std() for each in bend]  # outlines are irregular by about a pixel
    crowd = rng.uniform(0.8, 1.4) / 2600 * (1 if len(shape) == 2 else shape[0] / 14)
    wanted = max(3, round(np.prod(shape[-2:]) * crowd))
    labels, placed, dividing = np.zeros(shape, np.int32), list[Nucleus](), set[int]()
    for _ in range(12 * wanted):
        if len(placed) >= wanted:
            break
        for nucleus in _candidates(shape, placed, rng):
            if _draw(nucleus, labels, bend, len(placed) + 1):
                placed.append(nucleus)
                if nucleus.half.max() < _RADIUS[0]:
                    dividing.add(len(placed))
    return _renumbered(labels, dividing)


def _candidates(shape: tuple[int, ...], placed: list[Nucleus], rng: np.random.Generator) -> list[Nucleus]:
    """Return one nucleus somewhere or beside another one, or two small ones side by side."""
    thick = np.array(steps(shape, 1.0))
    half = rng.uniform(*_RADIUS, len(shape)) * thick
    centre = rng.uniform(0, 1, len(shape)) * shape
    turn, way = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    aside = np.array([0.0] * (len(shape) - 2) + [np.sin(way), np.cos(way)])
    kind = rng.uniform()
    if kind < DIVIDING:
        small = half * 0.58
        apart = aside * small[-1] * 2.05
        return [Nucleus(centre - apart / 2, small, turn), Nucleus(centre + apart / 2, small, turn)]
    if kind < DIVIDING + CLUSTERED and placed:
        other = placed[int(rng.integers(len(placed)))]
        centre = other.centre + aside * (other.half[-1] + half[-1]) * rng.uniform(0.85, 1.0)
    return [Nucleus(centre, half, turn)]


def _draw(nucleus: Nucleus, labels: NDArray[np.int32], bend: list[NDArray], number: int) -> bool:
    """Draw a nucleus where nothing is; return False, and draw nothing, where others cover too much of it."""
    reach = np.ceil(nucleus.half.max() + 6)
    low = np.maximum(np.floor(nucleus.centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(nucleus.centre + reach), labels.shape).astype(int)
    if (high <= low).any():
        return False
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grids = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij")
    thick = steps(labels.shape, 1.0)
    away = [
        grid + part[box] * step - middle
        for grid, part, step, middle in zip(grids, bend, thick, nucleus.centre, strict=True)
    ]
    cos, sin = np.cos(nucleus.turn), np.sin(nucleus.turn)
    away[-2], away[-1] = cos * away[-2] + sin * away[-1], cos * away[-1] - sin * away[-2]
    inside = sum((each / half) ** 2 for each, half in zip(away, nucleus.half, strict=True)) <= 1
    free = inside & (labels[box] == 0)
    if free.sum() < _FEWEST or free.sum() < _FREE * inside.sum():
        return False
    labels[box][free] = number
    return True


def _renumbered(labels: NDArray[np.int32], dividing: set[int]) -> tuple[NDArray[np.int32], set[int]]:
    """Keep the largest connected part of every nucleus, without crumbs, and number them 1..n."""
    from scipy import ndimage

    result, small, count = np.zeros_like(labels), set[int](), 0
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        parts, n = ndimage.label(labels[box] == number)
        sizes = np.bincount(parts.ravel())[1:]
        if n and sizes.max() >= _FEWEST // 2:
            count += 1
            result[box][parts == 1 + int(sizes.argmax())] = count
            if number in dividing:
                small.add(count)
    return result, small


def _glow(labels: NDArray[np.int32], dividing: set[int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the light that comes from the nuclei and from all around them, 1 = an ordinary nucleus."""
    from scipy.ndimage import gaussian_filter

    count = int(labels.max())
    brightness = np.concatenate([[0.0], np.exp(rng.normal(0, 0.35, count))])
    brightness[1:][rng.uniform(size=count) < FAINT] *= 0.35
    brightness[list(dividing)] *= 1.5
    shape = labels.shape
    fine, coarse = (gaussian_filter(rng.normal(size=shape), steps(shape, width)) for width in (1.5, 2.5))
    texture = 1 + 0.22 * fine / fine.std() - 0.35 * (coarse > 1.3 * coarse.std())  # chromatin, nucleoli
    light = brightness[labels] * np.clip(texture, 0.3, None)
    light = gaussian_filter(light, steps(shape, 1.2))
    return light + 0.3 * gaussian_filter(light, steps(shape, 9.0)) + _surroundings(shape, rng)


def _surroundings(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return an uneven background, cells out of focus and bright specks."""
    from scipy.ndimage import gaussian_filter

    slopes = [np.linspace(-1, 1, size) * rng.uniform(-1, 1) for size in shape[-2:]]
    ground = 0.45 + 0.25 * (slopes[0][:, None] + slopes[1][None, :])
    scale = float(np.prod(shape)) / 256**2
    light = np.zeros(shape) + ground
    for width, strength, number in ((8.0, 160.0, 4), (0.8, 6.0, 10)):
        points = np.zeros(shape)
        for _ in range(rng.poisson(number * scale)):
            points[tuple(int(place) for place in rng.uniform(0, 1, len(shape)) * shape)] += rng.uniform(0.4, 1.0)
        light += strength * gaussian_filter(points, steps(shape, width))
    return light


def _camera(light: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what a camera counts: photons with shot noise, gain, offset and read noise."""
    photons = rng.poisson(np.round(np.clip(light, 0, None) * 45, 4))
    return np.clip(np.rint(100 + 6.0 * photons + rng.normal(0, 12, light.shape)), 0, 65_535).astype(np.uint16)
