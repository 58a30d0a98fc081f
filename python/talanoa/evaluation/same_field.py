"""Do two images show the same field, or overlapping parts of it? Normalised cross-correlation over all shifts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

SMALLEST_SHARE = 0.1  # of the smaller image, that must overlap
DETAIL = 2.0  # pixels of a thumbnail: what is coarser is taken away
# Independent fields of cells reach a strength of 25 at most (nuclei, phase contrast), true overlaps start at 30.
SAME_CORRELATION, SAME_STRENGTH = 0.7, 30.0


class Overlap(NamedTuple):
    """How two images lie over each other best.

    Attributes
    ----------
    correlation : float
        Normalised cross-correlation of the part that overlaps, -1 to 1.
    strength : float
        The same in standard deviations of chance (Fisher's z), for as many independent places as the part has.
    shift : (int, int)
        Where the second image's first pixel lies on the first one (y, x).
    share : float
        Part of the smaller image that overlaps.
    """

    correlation: float
    strength: float
    shift: tuple[int, int]
    share: float


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small image whose slow shading is taken away, with its transforms for correlation.

    Parameters
    ----------
    values : ndarray of float32, (y, x)
    """

    values: NDArray[np.float32]

    @cached_property
    def grain(self) -> float:
        """Pixels that are not independent of each other: the sum of the squared autocorrelation."""
        power = np.abs(fft.rfft2(self.values - self.values.mean(), _padded(self.values.shape, self.values.shape))) ** 2
        correlation = fft.irfft2(power)
        return float(((correlation / max(correlation.flat[0], 1e-12)) ** 2).sum())

    def spectra(self, size: tuple[int, int]) -> tuple[NDArray, NDArray, NDArray]:
        """Return the transforms of the values, of their squares and of the frame, padded to `size`."""
        return (
            fft.rfft2(self.values, size),
            fft.rfft2(self.values**2, size),
            fft.rfft2(np.ones_like(self.values), size),
        )


def thumbnail(image: NDArray, factor: int) -> Thumbnail:
    """Shrink a plane (y, x) by averaging blocks of `factor` pixels, and take away what changes slowly.

    Only edges and texture remain: shading is alike in all images of a microscope, and any two bright spots look alike.
    """
    rows, columns = (side // factor for side in image.shape)
    cut = image[: rows * factor, : columns * factor].astype(np.float32)
    small = cut.reshape(rows, factor, columns, factor).mean((1, 3))
    detail = small - ndimage.gaussian_filter(small, DETAIL, mode="nearest")
    spread = float(detail.std())
    return Thumbnail(np.clip(detail / spread, -4, 4) if spread > 0 else detail)


def shrink_factor(sides: list[int], thumb: int = 96, largest: int = 384) -> int:
    """Return one factor for all images: the smallest becomes about `thumb` pixels, the largest at most `largest`."""
    return max(1, min(sides) // thumb, -(-max(sides) // largest))


def best_overlap(one: Thumbnail, other: Thumbnail) -> Overlap:
    """Return the shift at which two thumbnails correlate best (Padfield 2012, doi:10.1109/TIP.2011.2181402).

    Only shifts count at which at least a tenth of the smaller one overlaps.
    """
    size = _padded(one.values.shape, other.values.shape)
    f, ff, m = one.spectra(size)
    g, gg, n = (np.conj(each) for each in other.spectra(size))
    area = np.maximum(np.rint(_back(m * n, size)), 1)
    sum_f, sum_g = _back(f * n, size), _back(m * g, size)
    spread_f = np.maximum(_back(ff * n, size) - sum_f**2 / area, 0)
    spread_g = np.maximum(_back(m * gg, size) - sum_g**2 / area, 0)
    together = _back(f * g, size) - sum_f * sum_g / area
    floor = 1e-3 * area
    valid = (area >= SMALLEST_SHARE * min(one.values.size, other.values.size)) & (spread_f > floor) & (spread_g > floor)
    correlation = np.where(valid, together / np.sqrt(np.maximum(spread_f * spread_g, 1e-12)), 0).clip(-1, 1)
    places = area / max(one.grain, other.grain, 1.0)
    strength = np.arctanh(correlation.clip(-0.9999, 0.9999)) * np.sqrt(np.maximum(places - 3, 0))
    row, column = np.unravel_index(int(strength.argmax()), size)
    peak = int(row), int(column)
    share = float(area[peak]) / min(one.values.size, other.values.size)
    y, x = (at - side if at >= mine else at for at, side, mine in zip(peak, size, one.values.shape, strict=True))
    return Overlap(float(correlation[peak]), float(strength[peak]), (y, x), min(share, 1.0))


def same_field(found: Overlap) -> bool:
    """Tell whether two images show the same place, beyond chance."""
    return found.correlation >= SAME_CORRELATION and found.strength >= SAME_STRENGTH


def way_in_words(way: int) -> str:
    """Return how `turned` turns, for people; empty where it does not."""
    mirrored = "mirrored" if way >= 4 else ""
    angle = f"turned by {90 * (way % 4)}°" if way % 4 else ""
    return " and ".join(word for word in (mirrored, angle) if word)


def _padded(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = (fft.next_fast_len(a + b - 1, real=True) for a, b in zip(one, other, strict=True))
    return rows, columns


def _back(spectrum: NDArray, size: tuple[int, int]) -> NDArray[np.float64]:
    return fft.irfft2(spectrum, size)
