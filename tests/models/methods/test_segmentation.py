"""Semantic segmentation: from a map of probabilities to objects, its losses, all by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models import methods
from talanoa.models.losses.focal import focal
from talanoa.models.methods.mask_objects import objects_of

MAP = np.zeros((8, 8), np.float32)
MAP[1:4, 1:4] = 0.75  # a ring of eight pixels
MAP[2, 2] = 0.0  # with a hole
MAP[4, 4] = 0.875  # touches it by a corner
MAP[6, 6] = 0.625  # a speck
METHOD = methods.get("segmentation")


def test_parts_of_a_mask_are_objects_with_their_holes_filled() -> None:
    found = objects_of(MAP, 0.5)
    expected = np.zeros((8, 8), np.int32)
    expected[1:4, 1:4] = expected[4, 4] = 1  # parts that touch by a corner are one
    expected[6, 6] = 2
    np.testing.assert_array_equal(found.labels, expected)
    np.testing.assert_allclose(found.points, [[(9 * 2 + 4) / 10] * 2, [6, 6]])
    np.testing.assert_allclose(found.probabilities, [(8 * 0.75 + 0.875) / 10, 0.625])
    assert objects_of(MAP, 0.5, fill_holes=False).labels[2, 2] == 0


def test_a_higher_cut_and_a_smallest_size_leave_less() -> None:
    np.testing.assert_array_equal(objects_of(MAP, 0.8).labels, np.where(MAP == 0.875, 1, 0))
    assert objects_of(MAP, 0.5, smallest=2).labels.max() == 1
    nothing = objects_of(MAP, 0.9)
    assert nothing.labels.max() == 0 and nothing.points.shape == (0, 2) and nothing.probabilities.shape == (0,)


def test_the_network_shall_answer_with_the_mask_of_all_objects() -> None:
    (mask,) = METHOD.targets(np.array([[0, 3], [7, 0]]), METHOD.config())
    np.testing.assert_array_equal(mask, [[[0, 1], [1, 0]]])


def test_the_jaccard_loss_of_equal_and_of_empty_masks_is_0() -> None:
    for mask in (torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)):
        assert METHOD.loss((mask,), (mask,), METHOD.config())["loss"].item() == pytest.approx(0, abs=1e-6)
    half = torch.zeros(1, 1, 2, 2)
    half[..., 0, 0] = 1
    # 1 pixel shared of 4, one added to both: 1 - 2 / 5
    assert METHOD.loss((half,), (torch.ones(1, 1, 2, 2),), METHOD.config())["loss"].item() == pytest.approx(0.6)


def test_the_focal_loss_is_that_of_the_formula() -> None:
    p, t = torch.tensor([[[[0.8, 0.4]]]]), torch.tensor([[[[1.0, 0.0]]]])
    by_hand = (0.5 * 0.2**2 * -math.log(0.8) + 0.5 * 0.4**2 * -math.log(0.6)) / 2
    assert focal(p, t).item() == pytest.approx(by_hand, rel=1e-5)
    weighted = (0.25 * -math.log(0.8) + 0.75 * -math.log(0.6)) / 2
    assert focal(p, t, gamma=0, alpha=0.25).item() == pytest.approx(weighted, rel=1e-5)
    logit = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    mask = (torch.rand(1, 1, 3, 3) > 0.5).double()
    assert torch.autograd.gradcheck(lambda x: focal(torch.sigmoid(x), mask), (logit,))


def test_the_configuration_is_checked() -> None:
    with pytest.raises(BadInput, match="Valid keys: n_channel_in, filters"):
        METHOD.config(filter=3)
    with pytest.raises(BadInput, match="Unknown loss jacard"):
        METHOD.config(loss={"jacard": 1})
