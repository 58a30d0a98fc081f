"""What a biologist measures on a stain: number of objects, their area, total and mean intensity; and pixel scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.correlation import pearson
from talanoa.measure.metrics.pixel import count_pixels
from talanoa.measure.metrics.ssim import ssim

Plane = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Objects:
    """What is measured on the objects of one image.

    Parameters
    ----------
    count : int
    area : float
        Of all objects, in µm² where pixels are calibrated, else in pixels.
    total : float
        Sum of the intensities over the pixels of the objects.
    pixels : int
        Pixels of all objects: total / pixels is the mean intensity.
    """

    count: int
    area: float
    total: float
    pixels: int

    @property
    def mean(self) -> float:
        """Mean intensity of the objects' pixels; NaN without objects."""
        return self.total / self.pixels if self.pixels else math.nan

    def calibrated(self, line: tuple[float, float]) -> Objects:
        """Return the same after gain and offset of the intensities."""
        gain, offset = line
        return replace(self, total=gain * self.total + offset * self.pixels)

    def __add__(self, other: Objects) -> Objects:
        """Return what two images have together."""
        return Objects(
            self.count + other.count, self.area + other.area, self.total + other.total, self.pixels + other.pixels
        )


NOTHING = Objects(0, 0.0, 0.0, 0)


@dataclass(frozen=True, eq=False)
class Measured:
    """One stain of one image by one candidate.

    Parameters
    ----------
    name, plate, well, phenotype : str
        Of the image; empty where not known.
    group : str
        What is independent: the well, or the file.
    empty : bool
        The truth shows nothing: correlations mean nothing here.
    clean : bool
        The prediction shows nothing, too.
    true, predicted, calibrated : Objects or None
        None where the stain is not segmented. `calibrated`: with the prediction's intensities after the calibration.
    pixel : dict of str to float
        Pixel scores by key.
    """

    name: str
    plate: str
    well: str
    phenotype: str
    group: str
    empty: bool
    clean: bool
    true: Objects | None = None
    predicted: Objects | None = None
    calibrated: Objects | None = None
    pixel: dict[str, float] = field(default_factory=dict)


def objects_of(labels: Labels, intensities: Plane | None, pixel: float) -> Objects:
    """Measure the objects of an image.

    Parameters
    ----------
    labels : ndarray of int, (y, x)
    intensities : ndarray, (y, x), or None
        None: there are none (a mask).
    pixel : float
        Area of a pixel.
    """
    inside = labels > 0
    pixels = int(np.count_nonzero(inside))
    count = len(np.unique(labels)) - bool(pixels < labels.size)
    total = float(intensities[inside].astype(np.float64).sum()) if intensities is not None else math.nan
    return Objects(count, pixels * pixel, total, pixels)


def pixel_scores(true: Plane, predicted: Plane, calibrated: Plane, levels: tuple[float, float]) -> dict[str, float]:
    """Return the scores that compare the pixels of an image with the true ones.

    Parameters
    ----------
    true, predicted, calibrated : ndarray, (y, x)
        Intensities; predicted ones before and after the calibration.
    levels : (float, float)
        True intensities that are 0 and 1 of the stain: the range of SSIM, and the unit of errors.

    Returns
    -------
    dict
        ``pcc``, and ``ssim``, ``mse``, ``ssim_calibrated``, ``mse_calibrated``.
    """
    span = max(levels[1] - levels[0], 1e-12)
    found = {"pcc": pearson(true.ravel(), predicted.ravel())}
    for suffix, image in (("", predicted), ("_calibrated", calibrated)):
        found[f"ssim{suffix}"] = ssim(true, image, span)
        found[f"mse{suffix}"] = float(np.mean(((image.astype(np.float64) - true) / span) ** 2))
    return found


def jaccard(true: Labels, predicted: Labels) -> float:
    """Return the IoU of both masks; 1 for two empty ones."""
    return count_pixels(true, predicted).iou
