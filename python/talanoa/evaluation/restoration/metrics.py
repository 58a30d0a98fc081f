"""The scores of a restored image: which there are, how they are called, which way is better."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.correlation import pearson
from talanoa.measure.metrics.fit import fitted
from talanoa.measure.metrics.frc import Frc, frc
from talanoa.measure.metrics.nrmse import nrmse
from talanoa.measure.metrics.psnr import psnr, psnr_of_type, scale_invariant_psnr
from talanoa.measure.metrics.ssim import ssim

Measure = Callable[[NDArray, NDArray, float], float]  # truth, image, size of a pixel
SMALLEST_FRC = 32  # pixels


class Metric(NamedTuple):
    """A score that compares an image with the truth.

    Attributes
    ----------
    key : str
    name : str
        As tables and reports show it.
    measure : function (truth, image, pixel size) -> float
        NaN where it is not defined.
    better : int
        1: higher is better; -1: lower is.
    sentence, wish : str
        What it is, and what is desirable.
    """

    key: str
    name: str
    measure: Measure
    better: int
    sentence: str
    wish: str


def _resolution(truth: NDArray, image: NDArray, pixel: float) -> float:
    if min(truth.shape[-2:]) < SMALLEST_FRC:
        return math.nan
    return resolution(frc(truth, image, pixel))


def resolution(found: Frc) -> float:
    """Return the resolution of a curve; the finest that can be seen where the curve never falls, NaN without detail."""
    if math.isinf(found.resolution):
        return math.nan
    return found.limit if math.isnan(found.resolution) else found.resolution


def _pearson(truth: NDArray, image: NDArray, pixel: float) -> float:
    return pearson(np.ravel(truth), np.ravel(image))


METRICS = (
    Metric(
        "ssim",
        "SSIM",
        lambda truth, image, _: ssim(truth, image),
        1,
        "Structural similarity (Wang et al. 2004): are brightness, contrast and structure alike around each pixel? "
        "Gaussian window, sigma 1.5 pixels; range of the truth.",
        "Near 1, and above the input's.",
    ),
    Metric(
        "ssim_fitted",
        "SSIM, fitted",
        lambda truth, image, _: ssim(truth, fitted(truth, image)),
        1,
        "The same after the gain and offset that fit the truth best: for images with other units of intensity.",
        "Near 1, and above the input's.",
    ),
    Metric(
        "psnr",
        "PSNR (dB)",
        lambda truth, image, _: psnr(truth, image),
        1,
        "10 log10(range² / mean squared error), the range being maximum - minimum of the truth, as in CARE.",
        "High; 3 dB more is half of the squared error. Never compare it with the other convention.",
    ),
    Metric(
        "psnr_of_type",
        "PSNR of the type (dB)",
        lambda truth, image, _: psnr_of_type(truth, image),
        1,
        "The same with the range of the truth's pixel type (255 or 65535), as photographers do; none for 32 bit.",
        "High; many dB above the other PSNR where the images use a part of their range.",
    ),
    Metric(
        "scale_invariant_psnr",
        "PSNR, scale-invariant (dB)",
        lambda truth, image, _: scale_invariant_psnr(truth, image),
        1,
        "PSNR (range of the truth) after the gain and offset that fit the truth best.",
        "High; the one to look at where input and truth were exposed differently.",
    ),
    Metric(
        "nrmse",
        "NRMSE",
        lambda truth, image, _: nrmse(truth, image),
        -1,
        "Root-mean-square error / (maximum - minimum of the truth).",
        "Near 0, and below the input's.",
    ),
    Metric(
        "pearson",
        "Pearson r",
        _pearson,
        1,
        "Correlation of the pixels with those of the truth (-1 to 1).",
        "Near 1; bright structures weigh most.",
    ),
    Metric(
        "resolution",
        "FRC with the truth",
        _resolution,
        -1,
        "Detail down to this size agrees with the truth: 1 / the frequency at which the Fourier ring correlation falls "
        "below 1/7.",
        "Small, and below the input's; not below what the optics can show.",
    ),
)
BY_KEY = {metric.key: metric for metric in METRICS}


class Meaning(NamedTuple):
    """A number that needs no truth, for people."""

    name: str
    sentence: str
    wish: str


WITHOUT = {
    ("input", "own_resolution"): Meaning(
        "Single-image FRC, input",
        "Detail of the noisy image that stands out of its noise, from the image split like a checkerboard "
        "(Koho et al. 2019).",
        "-",
    ),
    ("prediction", "own_resolution"): Meaning(
        "Single-image FRC, prediction",
        "The same of the restored image. Its pixels are not independent any more: the number says which frequencies "
        "are left, not whether they are right. Detail below 4 pixels cannot be seen in it.",
        "Not far below the input's: detail that the input did not hold was made up.",
    ),
    ("residual", "rows"): Meaning(
        "Residual along x",
        "Correlation of neighbouring pixels of input - prediction.",
        "Near 0. Above 0.05: structure was taken away, or the noise itself hangs together (lines, smoothing); below "
        "-0.05: a smoothed part of the noise was left in the prediction.",
    ),
    ("residual", "columns"): Meaning("Residual along y", "The same along y.", "Near 0, as along x."),
    ("residual", "detail"): Meaning(
        "Residual with detail",
        "Correlation of input - prediction with the fine detail of the prediction.",
        "Near 0. Above: edges and points were smoothed away; below: they were made too sharp.",
    ),
    ("disagreement", "mean"): Meaning(
        "Disagreement, mean",
        "Standard deviation of each pixel over several restorations / contrast of the image, mean over the pixels.",
        "Small; but low values prove nothing, since all can be wrong alike.",
    ),
    ("disagreement", "share"): Meaning(
        "Disagreement, share",
        "Share of the pixels whose restorations differ by more than a tenth of the contrast.",
        "Near 0; look at the places in the picture, which are striped.",
    ),
}


def name_of(level: str, key: str) -> str:
    """Return how a table calls a score of the prediction or the input, or one without truth."""
    if (level, key) in WITHOUT:
        return WITHOUT[level, key].name
    return f"{BY_KEY[key].name}, {level}"
