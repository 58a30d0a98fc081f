"""Losses of images: by hand, by their gradients, and what each does wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.models.losses import adversarial, gradients, names
from talanoa.models.losses.combined import LOSSES, weighted


def one(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


P, T = one(0.5, 0.25), one(0.25, 0.75)  # r = 0.25, -0.5
BY_HAND = {
    "mse": (0.0625 + 0.25) / 2,
    "mae": (0.25 + 0.5) / 2,
    "bce": -(0.25 * np.log(0.5) + 0.75 * np.log(0.5) + 0.75 * np.log(0.25) + 0.25 * np.log(0.75)) / 2,
    "pcc": 1.0,  # two points, opposite slopes
    "jaccard": 1 - (0.3125 + 1) / (1.75 - 0.3125 + 1),
    "asymmetric1": (0.0625 + 2 * 0.25) / 2,
    "asymmetric2": (2 * 0.0625 + 0.25) / 2,
    "asymmetric3": (0.25**3 + 20 * 0.25) / 2,
    "mse_less_light": 0.15625 + 0.75,
    "mse_more_light": 0.15625 + 1 / 0.75,
    "mse_by_truth": (0.0625 * 0.25 + 0.25 * 0.75) / 2,
    "mse_by_prediction": (0.0625 * 0.5 + 0.25 * 0.25) / 2,
    "mse_by_background": (0.0625 * 0.75 + 0.25 * 0.25) / 2,
    "mse_by_truth_more_light": (0.0625 * 0.25 + 0.25 * 0.75) / 2 + 1 / 0.75,
    "total_variation": 0.25,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_values_by_hand(name: str) -> None:
    # total variation has no rows to step between in a single row
    p, t = (P.repeat(1, 1, 2, 1), T.repeat(1, 1, 2, 1)) if name == "total_variation" else (P, T)
    assert LOSSES[name](p, t).item() == pytest.approx(BY_HAND[name], rel=1e-5)


def test_sobel_by_hand() -> None:
    slope = torch.arange(6, dtype=torch.float64).repeat(5, 1)[None, None]
    flat = torch.zeros_like(slope)
    inner = gradients._slopes(slope)[..., 1:-1]
    assert torch.allclose(inner[0].abs(), torch.ones_like(inner[0])) and not inner[1].any()
    at_rim = 0.5**2 * 2 + 4  # four whole slopes of 1, half of it in the first and last column
    assert gradients.sobel(slope, flat).item() == pytest.approx(at_rim / 6 / 2)
    assert gradients.sobel(slope + 3, slope).item() == pytest.approx(0)  # brightness is left open


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_the_values(name: str) -> None:
    random = np.random.default_rng(0)
    predicted = torch.from_numpy(random.uniform(0.2, 0.8, (2, 2, 3, 4))).requires_grad_()
    target = torch.from_numpy(random.uniform(0.2, 0.8, (2, 2, 3, 4)))
    assert torch.autograd.gradcheck(lambda p: LOSSES[name](p, target), (predicted,))


@pytest.mark.parametrize(
    "name",
    sorted(set(LOSSES) - {"bce", "total_variation", "mse_less_light", "mse_more_light", "mse_by_truth_more_light"}),
)
def test_the_truth_itself_has_no_loss(name: str) -> None:
    target = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (2, 1, 8, 8)).astype(float))
    assert LOSSES[name](target, target).item() == pytest.approx(0, abs=1e-6)


def best_level(name: str, target: torch.Tensor) -> float:
    """Return the brightness of the even image that a loss likes best."""
    levels = np.linspace(0.01, 1, 100)
    values = [LOSSES[name](torch.full_like(target, level), target).item() for level in levels]
    return float(levels[int(np.argmin(values))])


def test_what_goes_wrong_is_what_the_docstrings_say() -> None:
    target = torch.zeros(1, 1, 10, 10, dtype=torch.float64)
    target[..., :2, :] = 1.0  # a fifth of the image is bright
    right = best_level("mse", target)
    assert right == pytest.approx(0.2, abs=0.011)
    assert best_level("asymmetric1", target) > right > best_level("asymmetric2", target)
    assert best_level("asymmetric3", target) > 2 * right
    assert best_level("mse_by_prediction", target) < 0.02 and best_level("mse_less_light", target) < 0.02
    assert best_level("mse_by_truth", target) > 0.98 and best_level("mse_by_truth_more_light", target) > 0.98
    assert best_level("mse_more_light", target) > 2 * right
    assert best_level("mse_by_background", target) < 0.02


def test_correlation_does_not_see_gain_and_offset() -> None:
    random = torch.from_numpy(np.random.default_rng(2).random((2, 3, 16, 16)))
    assert LOSSES["pcc"](3 * random + 7, random).item() == pytest.approx(0, abs=1e-6)
    assert LOSSES["pcc"](-random, random).item() == pytest.approx(1, abs=1e-6)
    assert LOSSES["pcc"](torch.ones_like(random), random).item() == pytest.approx(0.5, abs=1e-3)
    expected = [(1 - np.corrcoef(a.ravel(), b.ravel())[0, 1]) / 2 for a, b in zip(random[0], random[1], strict=True)]
    assert LOSSES["pcc"](random[:1], random[1:]).item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_two_empty_masks_agree() -> None:
    empty = torch.zeros(1, 1, 4, 4)
    assert LOSSES["jaccard"](empty, empty).item() == 0


def test_a_few_faint_pixels_in_an_empty_image_weigh_little_in_the_jaccard_of_a_batch() -> None:
    target, predicted = torch.zeros(2, 1, 10, 10), torch.zeros(2, 1, 10, 10)
    target[0] = predicted[0] = 1.0
    target[0, 0, 0, 0] = predicted[0, 0, 0, 0] = 0.0  # 99 pixels that agree ...
    predicted[1, 0, 0, :] = 0.1  # ... and 1 too much, together, where nothing is
    assert LOSSES["jaccard"](predicted, target).item() == pytest.approx(1 - 100 / 101)


def test_adversarial_losses() -> None:
    undecided = torch.zeros(3, 1, 2, 2)
    assert adversarial.of_generator(undecided).item() == pytest.approx(np.log(2))
    assert adversarial.of_discriminator(undecided, undecided).item() == pytest.approx(np.log(2))
    assert adversarial.of_discriminator(undecided + 9, undecided - 9).item() < 1e-3
    lost = torch.full((1, 1, 2, 2), -30.0, requires_grad=True)  # the discriminator is sure: the gradient stays
    adversarial.of_generator(lost).backward()
    assert lost.grad is not None and lost.grad.sum().item() == pytest.approx(-1)


def test_losses_are_combined_by_weights() -> None:
    found = weighted({"mse": 1, "sobel": 0.1}, P, T)
    assert found["loss"].item() == pytest.approx(found["mse"].item() + 0.1 * found["sobel"].item())
    for wrong in ({"msee": 1.0}, {}, {"mse": 0.0}, {"mse": 1.0, "mae": -1.0}):
        with pytest.raises(BadInput, match="known losses|above 0"):
            weighted(wrong, P, T)


def test_every_loss_is_known_by_name_without_torch() -> None:
    assert tuple(LOSSES) == names.NAMES
