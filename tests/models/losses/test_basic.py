import math

import pytest
import torch

from talanoa.models.losses.basic import laplace, mae, masked_mae, mse, soft_bce


def test_masked_mae_by_hand() -> None:
    predicted = torch.tensor([[[[1.0, 4.0]], [[3.0, -2.0]]]])  # two rays, two places
    target = torch.tensor([[[[2.0, 0.0]], [[1.0, 0.0]]]])
    mask = torch.tensor([[[[0.5, 0.0]]]])
    error = (0.5 * 1 + 0.5 * 2) / 4  # the second place does not count
    outside = (0.5 * 1 + 1 * 4 + 0.5 * 3 + 1 * 2) / 4
    expected = error / 0.25 + 0.1 * outside
    assert masked_mae(predicted, target, mask, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_soft_bce_by_hand() -> None:
    logit, target = torch.tensor([0.0, 2.0]), torch.tensor([0.3, 1.0])
    expected = (math.log(2) + math.log(1 + math.exp(-2))) / 2
    assert soft_bce(logit, target).item() == pytest.approx(expected, rel=1e-6)


def test_soft_bce_leaves_out_invalid_places() -> None:
    logit, target = torch.tensor([0.0, 50.0]), torch.tensor([0.5, 0.0])
    assert soft_bce(logit, target, torch.tensor([1.0, 0.0])).item() == pytest.approx(math.log(2), rel=1e-5)


def test_gradients_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    predicted = torch.rand(1, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    target, mask = torch.rand(1, 4, 3, 3).double() + 1, torch.rand(1, 1, 3, 3).double()
    assert torch.autograd.gradcheck(lambda p: masked_mae(p, target, mask), predicted)
    assert torch.autograd.gradcheck(lambda p: soft_bce(p, mask.expand(1, 4, 3, 3)), predicted)


def test_losses_of_images_by_hand() -> None:
    predicted, target = torch.tensor([1.0, 4.0, -1.0]), torch.tensor([2.0, 0.0, -1.0])
    assert mae(predicted, target).item() == pytest.approx(5 / 3)
    assert mse(predicted, target).item() == pytest.approx(17 / 3)
    seen = torch.tensor([1.0, 0.0, 1.0])
    assert mae(predicted, target, seen).item() == pytest.approx(0.5)
    assert mse(predicted, target, seen).item() == pytest.approx(0.5)


def test_laplace_by_hand() -> None:
    mean, scale, target = torch.tensor([0.0, 3.0]), torch.tensor([2.0, 0.5]), torch.tensor([1.0, 2.0])
    likelihoods = [math.exp(-1 / 2) / (2 * 2), math.exp(-1 / 0.5) / (2 * 0.5)]
    expected = -sum(math.log(each) for each in likelihoods) / 2
    assert laplace(mean, scale, target).item() == pytest.approx(expected)
    assert laplace(mean, scale, target).item() == pytest.approx(
        -torch.distributions.Laplace(mean, scale).log_prob(target).mean().item()
    )


def test_the_best_scale_is_the_mean_absolute_deviation() -> None:
    target = torch.tensor([1.0, -3.0, 2.0, 0.5])
    scale = target.abs().mean().repeat(4).requires_grad_()
    laplace(torch.zeros(4), scale, target).backward()
    assert scale.grad is not None and scale.grad.sum().item() == pytest.approx(0, abs=1e-6)
