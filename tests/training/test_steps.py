"""Trainings that label: optimisers, an adversary, a backbone; what is interrupted goes on as if it were not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.models import methods
from talanoa.models.losses import adversarial, backbones
from talanoa.models.methods import labelling
from talanoa.training import distributed, loop, optimizers, run, table
from talanoa.training.recipe import Feed
from talanoa.training.settings import RATES, Settings, settings_from
from talanoa.training.timing import Clock

CPU = torch.device("cpu")
METHOD = methods.get("labelling")
SMALL: dict[str, Any] = {"filters": 4, "depth": 2, "dropout": 0.2}
GAN = {**SMALL, "network": "pix2pix", "discriminator_filters": 4}


def batch(items: Sequence[np.ndarray], config: Any, settings: Settings, augmented: bool, rng: Any) -> Any:
    """Draw crops; the stain is bright where the blurred light is."""
    crops = []
    for _ in range(settings.batch):
        item = items[rng.integers(len(items))]
        y, x = rng.integers(0, item.shape[0] - settings.patch + 1, 2)
        crops.append(item[y : y + settings.patch, x : x + settings.patch])
    light = np.stack(crops)[:, None].astype(np.float32)
    return light, (1 / (1 + np.exp(-4 * light)),)


FEED = Feed(batch, lambda item: item.size, lambda items: items[0], lambda *_: ({}, 0.0), lambda _: {})


def data() -> tuple[list[np.ndarray], list[np.ndarray]]:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    smooth = [gaussian_filter(random.normal(0, 5, (64, 64)), 3, mode="wrap") for _ in range(3)]
    return smooth[:2], smooth[2:]


def trained(folder: Path, epochs: int, resume: bool = False, keys: dict[str, Any] = SMALL, **more: Any) -> loop.Trainer:
    """Train for so many of four epochs."""
    config = METHOD.config(**keys)
    settings = Settings(**{"epochs": epochs, "steps": 3, "patch": 32, "batch": 2, "plateau": 1, **more})
    trainer = loop.start(METHOD, config, settings, CPU)
    if resume:
        loop.restore(trainer, folder)
    loop.fit(trainer, data(), FEED, METHOD, config, settings, folder, QuietHost())
    return trainer


def states(trainer: loop.Trainer) -> list[torch.Tensor]:
    adversary = [] if trainer.adversary is None else list(trainer.adversary.net.state_dict().values())
    return [*trainer.net.state_dict().values(), *trainer.average.state_dict().values(), *adversary]


@pytest.mark.parametrize(
    "keys, more",
    [
        (GAN, {"optimizer": "adam", "lr": 2e-3}),
        (GAN, {"optimizer": "adadelta", "lr": 1.0, "ema": 0.9}),
        (SMALL, {"optimizer": "sgd", "lr": 0.1, "weight_decay": 1e-4}),
        ({**SMALL, "loss": {"perceptual": 1.0}}, {"optimizer": "adamw"}),
    ],
)
def test_two_epochs_and_two_more_are_four(
    keys: dict[str, Any], more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbones, "OWN_STEPS", 3)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    once = trained(whole, 4, keys=keys, **more)
    trained(parts, 2, keys=keys, **more)
    again = trained(parts, 4, resume=True, keys=keys, **more)
    for one, other in zip(states(once), states(again), strict=True):
        assert torch.equal(one, other)
    rows = [table.read_losses(folder / loop.LOSSES) for folder in (whole, parts)]
    for row in (*rows[0], *rows[1]):
        assert 0 <= row.pop("waiting") <= row.pop("seconds")
    assert rows[0] == rows[1] and len(rows[0]) == 4
    assert (once.adversary is not None) == ("discriminator" in rows[0][0]) == (keys is GAN)


def test_a_generator_is_validated_without_its_adversary(tmp_path: Path) -> None:
    trainer = trained(tmp_path, 1, keys=GAN)
    (row,) = table.read_losses(tmp_path / loop.LOSSES)
    assert row["val_loss"] == pytest.approx(100 * row["val_mae"], rel=1e-5)
    assert row["adversarial"] > 0 and row["discriminator"] > 0 and row["loss"] > row["adversarial"]
    state = torch.load(tmp_path / loop.CHECKPOINT, weights_only=True)
    assert set(state["adversary"]) == {"net", "optimizer"}
    assert set(torch.load(tmp_path / loop.BEST, weights_only=True)) == set(trainer.net.state_dict())


def test_one_adversarial_step_by_hand() -> None:
    config, settings = METHOD.config(**{**GAN, "dropout": 0.0}), Settings(optimizer="sgd", lr=0.01, patch=32)
    trainer, twin = (loop.start(METHOD, config, settings, CPU) for _ in range(2))
    assert trainer.adversary is not None and twin.adversary is not None
    light, stain = torch.rand(2, 2, 1, 32, 32)
    curves = loop.train_step(trainer, (light, (stain,)), METHOD, config, settings, 0, CPU)

    judge = twin.adversary.net.train()
    (made,) = twin.net.train()(light)
    own = adversarial.of_discriminator(judge(light, stain), judge(light, made.detach()))
    gradients = torch.autograd.grad(own, list(judge.parameters()))
    with torch.no_grad():
        for each, gradient in zip(judge.parameters(), gradients, strict=True):
            each -= 0.01 * gradient
    judged = adversarial.of_generator(judge(light, made))
    loss = judged + 100 * (made - stain).abs().mean()
    gradients = torch.autograd.grad(loss, list(twin.net.parameters()))
    assert curves == pytest.approx({"loss": loss.item(), "adversarial": judged.item(), "discriminator": own.item()})
    for each, new, gradient in zip(twin.net.parameters(), trainer.net.parameters(), gradients, strict=True):
        torch.testing.assert_close(new, each - 0.01 * gradient, rtol=1e-4, atol=1e-6)
    for each, new in zip(judge.parameters(), trainer.adversary.net.parameters(), strict=True):
        torch.testing.assert_close(new, each, rtol=1e-4, atol=1e-6)


def test_a_generator_learns(tmp_path: Path) -> None:
    trained(tmp_path, 4, keys={**GAN, "dropout": 0.0, "filters": 8}, steps=10, lr=4e-3, batch=4)
    rows = table.read_losses(tmp_path / loop.LOSSES)
    assert rows[-1]["val_mae"] < 0.6 * rows[0]["val_mae"]


@pytest.mark.parametrize("half", [False, True])
def test_losses_are_in_single_precision(half: bool) -> None:
    config, settings = METHOD.config(**GAN), Settings(mixed_precision=half, patch=32, batch=1)
    trainer = loop.start(METHOD, config, settings, CPU)
    assert trainer.adversary is not None
    light = torch.rand(1, 1, 32, 32)
    (made,) = trainer.net(light)
    loss, curves = trainer.adversary.judge(light, made, torch.rand_like(made), 1e-3, half)
    assert loss.dtype == torch.float32 and all(map(math.isfinite, curves.values()))
    assert not any(each.requires_grad for each in trainer.adversary.net.parameters())


def quadratic(name: str, steps: int, **more: Any) -> float:
    """Return where an optimiser goes that starts at 1 in the parabola x²."""
    net = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        net.weight.fill_(1.0)
    optimizer = optimizers.of(net, Settings(optimizer=name, **more))
    for _ in range(steps):
        optimizer.zero_grad()
        net.weight.square().sum().backward()
        optimizer.step()
    return net.weight.item()


def test_first_steps_of_the_optimisers_by_hand() -> None:
    assert quadratic("adam", 1, lr=0.1) == pytest.approx(0.9, abs=1e-6)
    assert quadratic("sgd", 2, lr=0.1) == pytest.approx(0.8 - 0.1 * (0.9 * 2 + 1.6))
    assert quadratic("sgd", 1, lr=0.1, weight_decay=0.5) == pytest.approx(1 - 0.1 * 2.5)
    assert quadratic("adamw", 1, lr=0.1, weight_decay=0.5) == pytest.approx(1 - 0.1 * 0.5 - 0.1, abs=1e-6)
    # Zeiler's rule with Keras' figures: g = 2, step = sqrt(0 + eps) / sqrt(0.05 g² + eps) g
    expected = 1 - 1.0 * math.sqrt(1e-7) / math.sqrt(0.05 * 4 + 1e-7) * 2
    assert quadratic("adadelta", 1, lr=1.0) == pytest.approx(expected, abs=1e-7)


def test_only_convolutions_decay() -> None:
    net = labelling.build(METHOD.config(**SMALL))
    decaying, others = optimizers.of(net, Settings(weight_decay=1e-4)).param_groups
    assert decaying["weight_decay"] == 1e-4 and others["weight_decay"] == 0
    assert {each.dim() for each in decaying["params"]} == {4} and {each.dim() for each in others["params"]} == {1}
    assert len(decaying["params"]) + len(others["params"]) == len(list(net.parameters()))
    (alone,) = optimizers.of(net, Settings()).param_groups
    assert alone["betas"] == (0.9, 0.999)
    assert optimizers.of(net, Settings(), adversarial=True).param_groups[0]["betas"] == (0.5, 0.999)


def test_a_backbone_of_its_own_learns_the_stains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "OWN_STEPS", 60)
    random = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(8, 1, 6, 6, generator=random), size=24, mode="bicubic")

    def draw(number: int) -> torch.Tensor:
        return smooth[number % 4 * 2 : number % 4 * 2 + 2].clamp(0, 1)

    found = [backbones.Own(), backbones.Own()]
    errors = [backbones.learn(each, draw, 3, QuietHost()) for each in found]
    assert errors[0] == errors[1] < 0.5 * float(smooth.clamp(0, 1).var())  # better than an even grey
    assert all(torch.equal(a, b) for a, b in zip(found[0].parameters(), found[1].parameters(), strict=True))
    assert not any(each.requires_grad for each in found[0].parameters())


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for network in ("unet", "pix2pix"):
        config = METHOD.config(network=network)
        with (
            pytest.raises(BadInput, match="Train it in one process"),
            distributed.together(CPU, 4, run._batch_norm(config)),
        ):
            pass


def test_weights_to_fine_tune_leave_no_room_for_those_of_a_file() -> None:
    config = METHOD.config(**SMALL)
    weights = labelling.build(config).state_dict()
    with pytest.raises(BadInput, match="encoder_weights"):
        loop.start(METHOD, config, Settings(encoder_weights="x.pth"), CPU, weights)


def test_another_optimiser_brings_its_usual_learning_rate() -> None:
    from talanoa.training.request import TrainRequest

    def settings(**keys: Any) -> Settings:
        request = TrainRequest(method="labelling", images="x", name="y", **keys)
        return settings_from(request, {"optimizer": "adadelta", "lr": 0.7})

    assert settings().lr == 0.7 and settings(optimizer="adadelta").lr == 0.7
    assert settings(optimizer="sgd").lr == RATES["sgd"] and settings(optimizer="sgd", lr=0.3).lr == 0.3


def test_the_clock_counts_what_was_waited_for() -> None:
    clock = Clock()
    assert list(clock.watched(iter([1, 2, 3]))) == [1, 2, 3]
    first, second = clock.lap(), clock.lap()
    assert 0 < first["waiting"] <= first["seconds"] and second["waiting"] == 0
