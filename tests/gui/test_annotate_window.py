"""The annotation of a dataset, in a real ImageJ window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tifffile

from gui.annotate import DISCS, truth
from talanoa.annotate.folder import open_dataset
from talanoa.metrics.matching import match_images

pytestmark = pytest.mark.gui


def test_three_images_are_annotated_one_after_the_other(play: Any) -> None:
    seen = play("annotate")
    dataset = open_dataset(seen["work"] / "set")
    assert {entry.name for entry in dataset.annotated()} == set(seen["order"])
    assert {entry.who for entry in dataset.entries} == {"Anna"}
    for name in seen["order"]:
        mask = tifffile.imread(dataset.mask_path(name))
        assert mask.max() == DISCS
        assert match_images([(truth(name), mask)], (0.7,))[0.7].f1 == 1
        original = tifffile.imread(seen["work"] / "raw" / f"{name}.tif")
        assert np.array_equal(tifffile.imread(dataset.image_path(name)), original)
    assert seen["classes"] == [0] * (DISCS - 1) + [2]
    assert any("action=save" in line for line in seen["recorded"])
