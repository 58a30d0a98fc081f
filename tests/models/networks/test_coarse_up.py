"""Decoders done on the coarse grid give what the network gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from talanoa.models import methods
from talanoa.models.networks.coarse_up import CoarseUp, four_kernels
from talanoa.models.networks.unet import on_the_coarse_grid


@pytest.mark.parametrize("side", [3, 5, 7])
def test_four_kernels_see_before_the_enlargement_what_one_sees_after_it(side: int) -> None:
    torch.manual_seed(1)
    weight, image = torch.randn(3, 2, side, side), torch.randn(1, 2, 9, 12)
    enlarged = functional.interpolate(image, scale_factor=2, mode="nearest")
    expected = functional.conv2d(enlarged, weight, padding=side // 2)
    kernels = four_kernels(weight)
    found = functional.pixel_shuffle(functional.conv2d(image, kernels, padding=kernels.shape[-1] // 2), 2)
    assert kernels.shape[-1] < side or side == 3
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "method, keys, changed",
    [
        ("care", {"probabilistic": True}, 2),
        ("care", {"unet_kernel_size": 7, "unet_n_depth": 1, "batch_norm": True}, 1),
        ("n2v", {"unet_kernel_size": 5, "no_first_skip": True, "blur_pool": True}, 1),
        ("n2v", {}, 0),
        ("care3d", {"unet_kernel_size": 5}, 0),
    ],
)
def test_a_changed_network_answers_the_same(method: str, keys: dict[str, Any], changed: int) -> None:
    torch.manual_seed(2)
    config = methods.get(method).config(unet_n_filter_base=4, **keys)
    net = methods.get(method).build(config).eval()
    for name, values in net.named_buffers():
        if name.endswith("running_var"):
            values.fill_(0.05)
    fast = on_the_coarse_grid(net)
    assert sum(isinstance(one, CoarseUp) for one in fast.modules()) == changed
    assert not any(isinstance(one, CoarseUp) for one in net.modules())
    image = torch.randn(1, 1, *(16,) * (config.ndim - 1), 24)
    with torch.no_grad():
        for one, other in zip(net(image), fast(image), strict=True):
            assert float(one.std()) > 1e-3 and torch.allclose(one, other, atol=1e-5 * float(one.abs().max()))
