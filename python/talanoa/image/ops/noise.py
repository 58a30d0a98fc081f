"""Measures of noise: does it hang together from pixel to pixel, is there a pattern in it, was it coded in blocks?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LAGS = 12  # pixels
_TILE = 24  # pixels, for correlations
_WAVES = 64  # pixels, for the spectrum
_LOWEST = 4  # cycles by tile: slower changes are the image's own
_MIDDLE = (np.array([0, 1, 2, 3, 1, 2, 3, 4]), np.array([3, 2, 2, 1, 3, 3, 3, 0]))  # cosine waves: down, across
_STEPS = (np.arange(2, 65) / (2 * np.pi)).astype(np.float32)
CODED = 0.2  # of `block_coding`
_FEWEST = 4  # tiles of a plane
_EDGE = 4.0  # standard deviations of the noise; edges of objects are larger
_SHARED = 1.95  # rows that count as one: their second differences share pixels (sum of the squared correlations)
_CHANCE = 0.0005  # of one lag along one axis
_REGULAR = 12.0  # times the power of the surroundings; noise, cells and filaments reach 9


class NoiseCorrelation(NamedTuple):
    """Correlation of the noise of pixels that lie 1, 2, … pixels apart; 0 where it is independent.

    Attributes
    ----------
    rows, columns : ndarray of float64, (LAGS,)
        Along x and along y.
    rows_chance, columns_chance : ndarray of float64, (LAGS,)
        Limit that independent noise hardly ever exceeds: from the standard error over the rows of the tiles, and at
        least five standard deviations of normal noise.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    rows_chance: NDArray[np.float64]
    columns_chance: NDArray[np.float64]


def noise_correlation(planes: list[NDArray]) -> NoiseCorrelation | None:
    """Measure the correlation of the noise along the rows and along the columns.

    The flattest quarter of the tiles of 24 pixels is used. For the rows, the second difference along y is taken first
    (pixel - mean of the pixels above and below): what changes slowly disappears, independent noise stays independent
    along x. The same turned for the columns. Edges of objects are far larger than the noise and left out.

    Parameters
    ----------
    planes : list of ndarray, (y, x)
        Finite values.

    Returns
    -------
    NoiseCorrelation or None
        None where the planes have too little background, or are without any noise.
    """
    tiles = [tile for plane in planes for tile in _flattest(plane, _TILE, 0.25)]
    rows, columns = _along_rows(tiles), _along_rows([tile.T for tile in tiles])
    return NoiseCorrelation(rows[0], columns[0], rows[1], columns[1]) if rows and columns else None


def _along_rows(tiles: list[NDArray]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the correlation along the rows of most tiles at each lag, and the limit of chance."""
    from scipy.stats import t

    parts = [products for tile in tiles if (products := _products(tile)) is not None]
    if len(parts) < _FEWEST:
        return None
    typical = np.median([part.mean(axis=0) for part in parts], axis=0)  # an object in a few of the tiles is no noise
    found = np.concatenate(parts)
    n = len(found) / _SHARED
    error = found.std(axis=0) / np.sqrt(n)
    least = 5 / np.sqrt(n * (_TILE - np.arange(1, LAGS + 1)))
    return typical, np.maximum(least, t.isf(_CHANCE, n - 1) * error)


def _products(tile: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the correlation along each row of a tile at each lag (rows, LAGS); None without noise."""
    rest = tile[1:-1] - (tile[:-2] + tile[2:]) / 2
    rest = rest - np.median(rest)
    spread = 1.4826 * float(np.median(np.abs(rest))) or float(rest.std())  # of few photons most are equal
    kept = np.abs(rest) <= _EDGE * spread
    power = float(np.mean(rest[kept] ** 2)) if kept.any() else 0.0
    if power <= 0:
        return None
    rest, weight = np.where(kept, rest, 0), kept.astype(np.float64)
    lags = range(1, LAGS + 1)
    sums = [np.vecdot(rest[:, : _TILE - k], rest[:, k:]) for k in lags]
    counts = [np.vecdot(weight[:, : _TILE - k], weight[:, k:]) for k in lags]
    return np.stack(sums, axis=1) / np.maximum(np.stack(counts, axis=1), 1) / power


class Wave(NamedTuple):
    """A regular pattern: its period in pixels, and how many times more power it has than noise of that period."""

    period: float
    times: float


def strongest_wave(planes: list[NDArray]) -> Wave | None:
    """Return the strongest regular pattern beside those along rows and columns, such as a honeycomb; None without any.

    Of the power spectra of the flattest half of the tiles of 64 pixels the median is taken, so that it must be in most
    of them, and each frequency is compared with the median of its surroundings. Planes with fewer than four tiles are
    not measured: the structure of a single cell would be a pattern there.
    """
    from scipy.ndimage import median_filter

    window = np.outer(np.hanning(_WAVES + 2)[1:-1], np.hanning(_WAVES + 2)[1:-1])
    tiles = [_flattest(plane, _WAVES, 0.5) for plane in planes]
    spectra = [_power(tile, window) for found in tiles if len(found) >= _FEWEST for tile in found]
    spectra = [each / each.sum() for each in spectra if each.sum() > 0]
    if not spectra:
        return None
    whole = np.fft.fftshift(np.median(spectra, axis=0))
    ratio = whole / np.maximum(median_filter(whole, 9, mode="wrap"), 1e-12 * whole.max())
    ky, kx = (np.abs(np.arange(_WAVES) - _WAVES // 2) for _ in range(2))
    seen = (np.hypot(ky[:, None], kx) >= _LOWEST) & (ky[:, None] > 1) & (kx > 1)
    seen &= (ky[:, None] < _WAVES // 2 - 1) & (kx < _WAVES // 2 - 1)
    ratio = np.where(seen, ratio, 0)
    y, x = np.unravel_index(int(ratio.argmax()), ratio.shape)
    if ratio[y, x] < _REGULAR:
        return None
    return Wave(_WAVES / float(np.hypot(ky[y], kx[x])), float(ratio[y, x]))


def block_coding(planes: list[NDArray]) -> float:
    """Return how surely an image was once coded in blocks of 8 x 8 pixels: near 0 without, above `CODED` as JPEG.

    JPEG rounds each cosine wave (DCT) of a block to multiples of a step. The values of some waves of middle frequency
    are tried against every step from 2 to 64 (mean of cos(2 pi value / step)), for each of the 64 places that the grid
    of blocks can have. Only at the right place do they fit a step better than elsewhere.

    Parameters
    ----------
    planes : list of ndarray, (y, x)
        Grey values as they were coded: 0 to 255, or a part of that.
    """
    from scipy.fft import dctn

    found = 0.0
    for plane in planes:
        part = plane[:135, :135].astype(np.float32)
        rows, columns = ((side - 7) // 8 for side in part.shape)
        if min(rows, columns) < 6:
            continue
        fits = np.empty((64, len(_STEPS), len(_MIDDLE[0])))
        for place in range(64):
            cut = part[place // 8 :, place % 8 :][: rows * 8, : columns * 8]
            waves = dctn(cut.reshape(rows, 8, columns, 8), axes=(1, 3), norm="ortho").swapaxes(1, 2)
            values = waves[:, :, _MIDDLE[0], _MIDDLE[1]].reshape(rows * columns, -1)
            fits[place] = np.cos(values / _STEPS[:, None, None]).mean(axis=1)
        better = (fits - np.median(fits, axis=0)).max(axis=1).mean(axis=1)  # (64,): by place of the grid
        found = max(found, float(better.max() - np.median(better)))
    return found


def _flattest(plane: NDArray, size: int, share: float) -> list[NDArray[np.float64]]:
    """Return the tiles whose smoothed intensities vary least, without those that are constant."""
    from scipy.ndimage import gaussian_filter

    rows, columns = (side // size for side in plane.shape)
    if not rows or not columns:
        return []
    values = plane[: rows * size, : columns * size].astype(np.float64)
    tiles = values.reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size, size)
    smooth = gaussian_filter(values, 3).reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size * size)
    noisy = np.flatnonzero(tiles.reshape(-1, size * size).std(axis=1) > 0)
    order = noisy[np.argsort(smooth.std(axis=1)[noisy], kind="stable")]
    return list(tiles[order[: max(4, round(share * len(order)))]])


def _power(tile: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(np.fft.fft2((tile - tile.mean()) * window)) ** 2
