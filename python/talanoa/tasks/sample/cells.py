"""Drawn adherent cells: what they are made of in micrometres, before any microscope looks at them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]
_SLOPE = 2.5  # µm over which a cell flattens beside another one


class Phenotype(NamedTuple):
    """How the cells of a kind look; lengths in µm, means over the cells.

    Parameters
    ----------
    name : str
    radius, height : float
        Of the cell; its height is that at the nucleus.
    stretch : float
        Length of a cell over its width.
    nucleus : float
        Radius of the nucleus.
    er : float
        How far the endoplasmic reticulum reaches from the nucleus.
    golgi : float
        How far the parts of the Golgi apparatus lie from each other.
    """

    name: str
    radius: float
    height: float
    stretch: float
    nucleus: float
    er: float
    golgi: float


PHENOTYPES = (
    Phenotype("spread", 15.0, 4.5, 1.5, 5.6, 6.0, 2.0),
    Phenotype("compact", 11.0, 7.0, 1.1, 5.0, 3.5, 1.2),
    Phenotype("scattered", 14.0, 5.0, 1.3, 5.8, 5.0, 6.0),  # its Golgi apparatus has fallen apart
)


class Culture(NamedTuple):
    """A field of cells, maps (y, x) of float64 unless said otherwise.

    Parameters
    ----------
    height : ndarray
        Thickness of the cells, in µm.
    nuclei : ndarray of int32
        Label image of the nuclei, seen from above.
    chromatin, er, golgi : ndarray
        Thickness of each, in µm, times its density (1 on average).
    dna : ndarray, (nuclei,)
        DNA of each nucleus: 1 before it is doubled, 2 after.
    dirt : ndarray
        Thickness of debris, which no stain shows, in µm.
    """

    height: Map
    nuclei: NDArray[np.int32]
    chromatin: Map
    er: Map
    golgi: Map
    dna: Map
    dirt: Map


class _Cell(NamedTuple):
    """Where a cell is: its box, in it the distance from its middle (1 at its rim), and that from its nucleus's."""

    box: tuple[slice, slice]
    rim: Map
    core: Map
    middle: NDArray[np.float64]


def culture(shape: tuple[int, int], pixel: float, kind: Phenotype, count: int, rng: np.random.Generator) -> Culture:
    """Draw a field of cells.

    Parameters
    ----------
    shape : (y, x)
        Size in pixels.
    pixel : float
        Width of a pixel in µm.
    kind : Phenotype
        How the cells look.
    count : int
        Cells that are tried; those that find no place are left out. 0: an empty field, with debris.
    rng : numpy.random.Generator
        All that is random.
    """
    maps = {name: np.zeros(shape) for name in ("height", "chromatin", "er", "golgi")}
    nuclei, taken, dna = np.zeros(shape, np.int32), np.zeros(shape, bool), list[float]()
    net = _net(shape, 1.0 / pixel, rng)
    for _ in range(8 * count):
        if len(dna) == count:
            break
        cell = _somewhere(shape, pixel, kind, rng)
        free = (cell.rim < 1) & ~taken[cell.box]
        inside = (cell.core < 1) & free
        if inside.sum() < 0.95 * (cell.core < 1).sum() or free.sum() < 0.7 * (cell.rim < 1).sum() or not inside.any():
            continue
        taken[cell.box] |= free
        dna.append(float(rng.choice([1.0, 2.0], p=[0.65, 0.35]) * np.exp(rng.normal(0, 0.08))))
        nuclei[cell.box][inside] = len(dna)
        _fill(maps, cell, free, net[cell.box], pixel, kind, dna[-1], rng)
    return Culture(nuclei=nuclei, dna=np.array(dna), dirt=_dirt(shape, pixel, rng), **maps)


def _somewhere(shape: tuple[int, int], pixel: float, kind: Phenotype, rng: np.random.Generator) -> _Cell:
    """Return the outline of a cell and of its nucleus at a random place."""
    middle = rng.uniform(0, 1, 2) * shape
    radius, nucleus = (length / pixel * np.exp(rng.normal(0, 0.12)) for length in (kind.radius, kind.nucleus))
    stretch = max(1.0, kind.stretch * np.exp(rng.normal(0, 0.15)))
    reach = int(np.ceil(radius * stretch * 1.4))
    low = np.maximum(np.floor(middle).astype(int) - reach, 0)
    high = np.minimum(np.floor(middle).astype(int) + reach + 1, shape)
    rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]].astype(float)
    y, x = rows - middle[0], columns - middle[1]
    turn = rng.uniform(0, np.pi)
    along, across = np.cos(turn) * y + np.sin(turn) * x, np.cos(turn) * x - np.sin(turn) * y
    angle = np.arctan2(across, along)
    wavy = 1 + sum(rng.normal(0, 0.09 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 6))
    rim = np.hypot(along / stretch**0.5, across * stretch**0.5) / (radius * wavy)
    aside = rng.normal(0, 0.1, 2) * radius
    oval = np.exp(rng.normal(0, 0.12))
    core = np.hypot((along - aside[0]) / oval, (across - aside[1]) * oval) / nucleus
    return _Cell((slice(low[0], high[0]), slice(low[1], high[1])), rim, core, middle)


def _fill(
    maps: dict[str, Map], cell: _Cell, free: NDArray[np.bool_], net: Map, pixel: float, kind: Phenotype,
    dna: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Put a cell's parts into the maps; it flattens where it meets another one."""
    from scipy.ndimage import distance_transform_edt

    tall = kind.height * np.exp(rng.normal(0, 0.1))
    inside = np.clip(1 - cell.rim**2, 0, None)
    edge = np.clip(distance_transform_edt(np.pad(free, 1, mode="edge"))[1:-1, 1:-1] * pixel / _SLOPE, 0, 1)
    body = tall * (0.25 * inside**0.5 + 0.75 * inside**2) * edge
    maps["height"][cell.box] += body
    dome = np.sqrt(np.clip(1 - cell.core**2, 0, None)) * free
    grain = np.clip(1 + 0.25 * net, 0.3, None)
    maps["chromatin"][cell.box] += 0.6 * tall * dome * dna * grain
    beyond = np.clip((cell.core - 1) * kind.nucleus, 0, None)  # µm from the nucleus
    strands = np.clip(0.75 + 0.6 * net, 0, None)
    maps["er"][cell.box] += 0.4 * body * np.exp(-beyond / kind.er) * strands * (cell.core >= 1)
    maps["golgi"][cell.box] += _golgi(cell, pixel, kind, rng) * free * (cell.core >= 1)


def _golgi(cell: _Cell, pixel: float, kind: Phenotype, rng: np.random.Generator) -> Map:
    """Return the stacks of the Golgi apparatus, beside the nucleus."""
    rows, columns = np.mgrid[cell.box].astype(float)
    way = rng.uniform(0, 2 * np.pi)
    beside = cell.middle + (kind.nucleus + 1.8) / pixel * np.array([np.sin(way), np.cos(way)])
    made = np.zeros(rows.shape)
    for _ in range(rng.integers(6, 11)):
        y, x = beside + rng.normal(0, kind.golgi / pixel, 2)
        width = rng.uniform(0.5, 0.9) / pixel
        made += rng.uniform(0.5, 1.0) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))
    return made


def _net(shape: tuple[int, int], width: float, rng: np.random.Generator) -> Map:
    """Return a texture of strands `width` pixels apart, mean 0, standard deviation 1."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=shape), 0.6 * width) - gaussian_filter(rng.normal(size=shape), 1.6 * width)
    ridges = -np.abs(noise / noise.std())
    made: Map = (ridges - ridges.mean()) / ridges.std()
    return made


def _dirt(shape: tuple[int, int], pixel: float, rng: np.random.Generator) -> Map:
    """Return small round debris that lies about."""
    made = np.zeros(shape)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
    for _ in range(rng.poisson(np.prod(shape) * pixel**2 / 3000)):
        y, x = rng.uniform(0, 1, 2) * shape
        radius = rng.uniform(0.6, 1.8) / pixel
        away = np.hypot(rows - y, columns - x) / radius
        made += rng.uniform(0.8, 2.0) * np.sqrt(np.clip(1 - away**2, 0, None))
    return made
