"""How well the shipped model finds the nuclei of dsb2018_fluo/test, also when they are half or twice as large.

Usage: python benchmarks/bench_quality.py [MODEL]     (TALANOA_DATA=<folder that holds dsb2018_fluo>)
Prints one JSON line per figure. Objects are matched one to one over all images; AP is TP / (TP + FP + FN). The
classical row is Gaussian 1, Otsu, distance watershed. At other zooms images (linear) and masks (nearest) are rescaled.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from talanoa.core.host import QuietHost
from talanoa.image.form import from_array
from talanoa.measure.metrics.matching import match_images
from talanoa.models import folder
from talanoa.segmentation.predict import segment
from talanoa.segmentation.request import SegmentRequest

DATA = Path(os.environ.get("TALANOA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
IOU = (0.5, 0.6, 0.7, 0.8, 0.9)
Segmenter = Callable[[np.ndarray], np.ndarray]


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the test images with their masks."""
    images = sorted((DATA / "dsb2018_fluo" / "test" / "images").glob("*.tif"))
    return [(tifffile.imread(path), tifffile.imread(path.parent.with_name("masks") / path.name)) for path in images]


def zoomed(image: np.ndarray, labels: np.ndarray, zoom: float) -> tuple[np.ndarray, np.ndarray]:
    """Return both at another size."""
    if zoom == 1:
        return image, labels
    from skimage.transform import resize

    shape = tuple(round(side * zoom) for side in image.shape)
    small = resize(image.astype(np.float32), shape, order=1, anti_aliasing=zoom < 1, preserve_range=True)
    return small, resize(labels, shape, order=0, anti_aliasing=False, preserve_range=True).astype(labels.dtype)


def classical(image: np.ndarray) -> np.ndarray:
    """Segment without a network."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter
    from skimage.feature import peak_local_max
    from skimage.filters import threshold_otsu
    from skimage.segmentation import watershed

    smooth = gaussian_filter(image.astype(np.float32), 1)
    mask = smooth > threshold_otsu(smooth)
    distance = gaussian_filter(distance_transform_edt(mask), 1)
    seeds = np.zeros(image.shape, int)
    for number, place in enumerate(peak_local_max(distance, min_distance=5, labels=mask.astype(int))):
        seeds[tuple(place)] = number + 1
    return watershed(-distance, seeds, mask=mask)


def report(impl: str, work: Segmenter, data: list[tuple[np.ndarray, np.ndarray]], zoom: float) -> None:
    """Segment all images at one size and print the scores."""
    start = time.perf_counter()
    found = []
    for image, labels in data:
        picture, truth = zoomed(image, labels, zoom)
        found.append((truth, work(picture)))
    counts = match_images(found, IOU)
    line = {
        "bench": "nuclei of dsb2018_fluo/test",
        "impl": impl,
        "params": {"images": len(data), "zoom": zoom},
        "seconds": round(time.perf_counter() - start, 1),
        "n": 1,
        "F1": {f"{iou:g}": round(each.f1, 4) for iou, each in counts.items()},
        "AP": {f"{iou:g}": round(each.accuracy, 4) for iou, each in counts.items()},
        "true": sum(int(len(np.unique(truth)) - 1) for truth, _ in found),
        "PQ": round(counts[0.5].panoptic_quality, 4),
    }
    print(json.dumps(line), flush=True)


def main(name: str = "nuclei") -> int:
    """Print the figures of a model and of the classical segmentation."""
    data = pairs()
    if not data:
        sys.stderr.write(f"No images in {DATA / 'dsb2018_fluo' / 'test'}; set TALANOA_DATA.\n")
        return 0
    model = folder.load(name)

    def network(image: np.ndarray) -> np.ndarray:
        found = segment(from_array(image), model, SegmentRequest(), QuietHost())
        return found.labels.values[0, 0, 0]

    for zoom in (1.0, 0.5, 2.0):
        report(f"talanoa {model.name}", network, data, zoom)
    report("Gauss, Otsu, watershed", classical, data, 1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
