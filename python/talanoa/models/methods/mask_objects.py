"""Objects from a map of probabilities: cut, fill holes, number what hangs together, drop what is too small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CORNERS = np.ones((3, 3), bool)  # parts that touch by a corner are one, as in ImageJ


@dataclass(frozen=True)
class Probability:
    """A network's answer to an image: how probable it is that a pixel belongs to an object.

    Parameters
    ----------
    values : ndarray of float32, (y, x)
        0 to 1.
    """

    values: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.values.nbytes

    def above(self, threshold: float) -> Probability:
        """Return itself: the cut comes with the objects."""
        return self

    def nothing(self) -> Probability:
        """Return an answer without any object."""
        return Probability(np.zeros_like(self.values))


@dataclass(frozen=True)
class Objects:
    """Objects of a mask, numbered 1..n row by row.

    Parameters
    ----------
    labels : ndarray of int32, (y, x)
    points : ndarray of float32, (n, 2)
        Centroids, y, x in pixels.
    probabilities : ndarray of float32, (n,)
        Mean probability of the pixels of each object.
    """

    labels: NDArray[np.int32]
    points: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def objects_of(
    probability: NDArray[np.float32], threshold: float, smallest: float = 0.0, fill_holes: bool = True
) -> Objects:
    """Return the objects of a map of probabilities.

    Parameters
    ----------
    probability : ndarray of float, (y, x)
        0 to 1.
    threshold : float
        Pixels above it belong to objects.
    smallest : float
        Pixels of the smallest object.
    fill_holes : bool
        Whether background that an object encloses belongs to it.
    """
    mask = probability > threshold
    labels, count = ndimage.label(ndimage.binary_fill_holes(mask) if fill_holes else mask, CORNERS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    keep = sizes >= max(smallest, 1)
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    labels = numbers[labels]
    sizes = sizes[keep]
    flat, last = labels.ravel(), len(sizes) + 1
    rows, columns = (np.broadcast_to(axis, labels.shape).ravel() for axis in np.ogrid[tuple(map(slice, labels.shape))])
    sums = [np.bincount(flat, each.astype(np.float64), last)[1:] for each in (rows, columns, probability.ravel())]
    y, x, mean = (each / sizes for each in sums)
    return Objects(labels, np.stack([y, x], axis=1).astype(np.float32), mean.astype(np.float32))
