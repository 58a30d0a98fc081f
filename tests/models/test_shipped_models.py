"""The models that ship: each finds the nuclei of the sample, and the small one costs what is said of it."""

from __future__ import annotations

import pytest
import tifffile
import torch
from torch.utils.flop_counter import FlopCounterMode

import talanoa
from talanoa.measure.metrics.matching import match_images
from talanoa.models import folder
from talanoa.tasks.sample import shipped


def operations(name: str) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        folder.load(name).network().eval()(torch.zeros(1, 1, 256, 256))
    return int(counter.get_total_flops())


def test_the_small_model_needs_a_quarter_of_the_operations() -> None:
    assert 4 * operations("nuclei-fast") <= operations("nuclei")


@pytest.mark.parametrize("name", ["nuclei", "nuclei-fast"])
def test_shipped_models_find_the_nuclei_of_the_sample(name: str) -> None:
    found = talanoa.segment(shipped.path("nuclei"), name, device="cpu")
    truth = tifffile.imread(shipped.path("nuclei_mask"))
    assert match_images([(truth, found.labels.values.squeeze())])[0.5].f1 > 0.85
