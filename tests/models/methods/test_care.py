"""The losses of CARE, plain and probabilistic."""

from __future__ import annotations

import math

import pytest
import torch

from talanoa.models import methods


def test_losses_follow_the_configuration() -> None:
    method = methods.get("care")
    output, target = (torch.tensor([[[[1.0, 4.0]]]]),), (torch.tensor([[[[2.0, 0.0]]]]),)
    assert method.loss(output, target, method.config())["loss"].item() == pytest.approx(2.5)
    assert method.loss(output, target, method.config(loss="mse"))["loss"].item() == pytest.approx(8.5)
    scale = torch.tensor([[[[0.5, 2.0]]]])
    found = method.loss((*output, scale), target, method.config(probabilistic=True))
    expected = (1 / 0.5 + math.log(2 * 0.5) + 4 / 2 + math.log(2 * 2)) / 2
    assert found["loss"].item() == pytest.approx(expected) and found["mae"].item() == pytest.approx(2.5)


def test_methods_of_images_have_images_as_maps_and_decide_nothing() -> None:
    for name in ("care", "care3d", "n2v", "n2v3d"):
        method = methods.get(name)
        assert (method.kind, method.targets, method.thresholds()) == ("image", None, {})
        outputs = (torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4))
        assert method.maps(outputs) == outputs
        assert method.ndim == len(method.config().grid)
    assert methods.get("stardist").kind == "objects"


def test_maps_of_star_convex_methods_are_probabilities() -> None:
    outputs = (torch.zeros(1, 1, 2, 2), torch.rand(1, 8, 2, 2), torch.zeros(1, 4, 2, 2))
    prob, dist, classes = methods.get("stardist").maps(outputs)
    assert (prob == 0.5).all() and dist is outputs[1] and (classes == 0.25).all()


def test_a_probabilistic_network_learns_how_wrong_it_is() -> None:
    torch.manual_seed(0)
    method = methods.get("care")
    config = method.config(probabilistic=True, unet_n_filter_base=8, unet_n_depth=1, unet_kernel_size=3)
    net = method.build(config)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(250):
        image = torch.rand(4, 1, 16, 16)
        spread = torch.where(image > 0.5, 0.4, 0.05)  # bright pixels are less certain
        target = image + spread * torch.distributions.Laplace(0.0, 1.0).sample(image.shape)
        optimizer.zero_grad()
        method.loss(net(image), (target,), config)["loss"].backward()
        optimizer.step()
    image = torch.tensor([0.2, 0.8]).repeat(128, 1).T.reshape(1, 1, 16, 16)
    scale = net(image)[1].detach()
    assert 0.02 < scale[image < 0.5].mean() < 0.15 and 0.25 < scale[image > 0.5].mean() < 0.6
