"""Thresholds against ImageJ's own: the same histogram gives the same bin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.synthetic import nuclei
from talanoa import image as images
from talanoa.fiji.setup.runtime import Runtime
from talanoa.image.ops import thresholds
from talanoa.tasks.sample import shipped

NAMES = {"isodata": "IsoData"}


def histograms() -> list[np.ndarray]:
    """Return histograms of the sample, of synthetic nuclei, and of noise."""
    sample = images.read(shipped.path("nuclei")).values
    rng = np.random.default_rng(0)
    found = [thresholds.histogram(each).counts for each in (sample, *(nuclei(seed=seed)[0] for seed in range(4)))]
    for k in range(5):
        two = np.concatenate([rng.normal(60, 15, 20_000), rng.normal(150 + 10 * k, 20, 2000 * (k + 1))])
        found.append(thresholds.histogram(two.clip(0, 255).astype(np.uint8)).counts)
    return [*found, *rng.integers(0, 50, (3, 256))]


@pytest.fixture(scope="module")
def thresholder(imagej: Runtime) -> Any:
    """Return ImageJ's thresholder."""
    import jpype

    return jpype.JClass("ij.process.AutoThresholder")()


@pytest.mark.parametrize("method", thresholds.METHODS)
def test_thresholds_are_those_of_imagej(thresholder: Any, method: str) -> None:
    import jpype

    name = NAMES.get(method, method.capitalize())
    for counts in histograms():
        theirs = int(thresholder.getThreshold(name, jpype.JArray(jpype.JInt)([int(count) for count in counts])))
        assert thresholds.METHODS[method](counts) == theirs


@pytest.mark.parametrize("method", ["huang", "otsu", "li", "triangle", "yen", "mean"])
def test_foreground_of_an_image_is_that_of_imagej(imagej: Runtime, method: str) -> None:
    import jpype

    image = nuclei(seed=7)[0]
    pixels = jpype.JArray(jpype.JByte)(image.ravel().astype(np.int8))
    processor = jpype.JClass("ij.process.ByteProcessor")(image.shape[1], image.shape[0], pixels, None)
    processor.setAutoThreshold(f"{method.capitalize()} dark")
    assert thresholds.threshold(image, method) == processor.getMinThreshold()
