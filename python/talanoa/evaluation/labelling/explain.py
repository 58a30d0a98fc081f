"""The numbers on predicted stains, for people: names, one sentence each, what is desirable."""

from __future__ import annotations

from typing import NamedTuple

MEASURES = {
    "count": "Objects",
    "area": "Area",
    "total": "Total intensity",
    "total_calibrated": "Total intensity, calibrated",
    "mean": "Mean intensity",
    "mean_calibrated": "Mean intensity, calibrated",
}
SHARED = "overlap"  # of two stains


class Meaning(NamedTuple):
    """A pixel score for people; better: 1 where higher is, -1 where lower is."""

    name: str
    sentence: str
    wish: str
    better: int


PIXEL = {
    "pcc": Meaning(
        "PCC",
        "Pearson correlation of the pixels of an image; says nothing where the image is empty, since there only noise "
        "could agree.",
        "Near 1; gain and offset do not change it.",
        1,
    ),
    "ssim": Meaning(
        "SSIM",
        "Structural similarity (Gaussian window, sigma 1.5 pixels), before the calibration; range: that of the stain "
        "in all true images.",
        "Near 1.",
        1,
    ),
    "ssim_calibrated": Meaning("SSIM, calibrated", "The same after the calibration.", "Near 1.", 1),
    "mse": Meaning(
        "MSE",
        "Mean squared error before the calibration; the range of the stain in all true images is 1.",
        "Near 0.",
        -1,
    ),
    "mse_calibrated": Meaning("MSE, calibrated", "The same after the calibration.", "Near 0.", -1),
    "jaccard": Meaning(
        "Jaccard",
        "IoU of the segmented masks: pixels of objects in both / in either; 1 for two empty masks.",
        "Near 1.",
        1,
    ),
}
EMPTY = {
    "invented": "Objects that the prediction has in an empty image, on average",
    "clean": "Share of the empty images in which the prediction is empty, too",
    "pcc": "PCC of the empty images, for comparison only: it is the agreement of noise",
    "mse": "MSE of the empty images (range of the stain: 1)",
    "jaccard": "Jaccard of the empty images: 1 where nothing was invented, else 0",
}
