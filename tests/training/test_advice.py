"""Advice on learning curves that were made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.training.advice import advise, smoothed

EPOCHS = 40
FALL = np.exp(-np.arange(EPOCHS) / 5)


def rows(train: np.ndarray, validation: np.ndarray) -> list[dict[str, float]]:
    return [
        {"epoch": k + 1, "loss": float(a), "val_loss": float(b)}
        for k, (a, b) in enumerate(zip(train, validation, strict=True))
    ]


def test_a_curve_that_came_to_its_level_is_finished() -> None:
    (only,) = advise(rows(0.3 + FALL, 0.32 + FALL))
    assert "levelled off" in only


def test_a_curve_that_still_falls_asks_for_more_epochs() -> None:
    slope = np.linspace(2.0, 1.0, EPOCHS)
    (only,) = advise(rows(slope, slope + 0.1))
    assert "still falls" in only and "init" in only


def test_a_rising_validation_loss_is_overfitting() -> None:
    validation = 0.3 + FALL + 0.01 * np.maximum(0, np.arange(EPOCHS) - 15)
    first, *rest = advise(rows(0.2 + FALL, validation))
    assert first.startswith("Overfitting") and "best epoch were kept" in first
    lowest = int(smoothed(validation).argmin()) + 1
    assert f"near epoch {lowest} " in first
    assert not [text for text in rest if "more epochs" in text]


def test_both_curves_rising_is_not_called_overfitting() -> None:
    rising = 0.3 + FALL + 0.02 * np.maximum(0, np.arange(EPOCHS) - 15)
    assert not [text for text in advise(rows(rising, rising)) if text.startswith("Overfitting")]


def test_a_loss_that_hardly_falls_is_underfitting() -> None:
    flat = np.linspace(1.0, 0.97, EPOCHS)
    assert advise(rows(flat, flat))[0].startswith("Underfitting: the training loss fell by 3% only")


@pytest.mark.parametrize("judged_by", ["objects", "noise"])
def test_epochs_that_improved_nothing_have_not_levelled_off(judged_by: str) -> None:
    flat = 1 + 0.002 * np.random.default_rng(1).standard_normal(18)
    flat[0] = 0.99
    texts = advise(rows(flat, flat), judged_by)
    assert any("lowest in epoch 1: the 17 epochs since have not improved the model" in text for text in texts)
    assert not [text for text in texts if "levelled off" in text or "Train longer" in text]


def test_a_loss_that_hardly_falls_has_not_levelled_off() -> None:
    flat = np.linspace(1.0, 0.97, EPOCHS)
    assert not [text for text in advise(rows(flat, flat)) if "levelled off" in text]


def test_a_gap_between_the_curves_asks_for_other_images() -> None:
    first, second = advise(rows(0.2 + FALL, 0.4 + FALL))
    assert "100% above" in first and "Annotate more images" in first and "levelled off" in second


def test_jumps_of_the_validation_loss_are_told() -> None:
    jumps = 1 + 0.4 * np.random.default_rng(0).standard_normal(EPOCHS).clip(-2, 2)
    assert "jumps" in advise(rows(0.3 + FALL, (0.3 + FALL) * jumps))[-1]
    assert not [text for text in advise(rows(0.3 + FALL, 0.3 + FALL)) if "jumps" in text]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_epochs_are_not_judged(count: int) -> None:
    (only,) = advise(rows(FALL[:count], FALL[:count]))
    assert f"Only {count} epoch" in only


def test_a_diverged_training_is_named_so() -> None:
    broken = FALL.copy()
    broken[-1] = np.nan
    (only,) = advise(rows(broken, FALL))
    assert "diverged" in only


def test_a_single_spike_does_not_change_the_advice() -> None:
    spiked = 0.3 + FALL
    spiked[-1] *= 2
    assert advise(rows(0.3 + FALL, spiked)) == advise(rows(0.3 + FALL, 0.3 + FALL))


def test_a_learning_rate_that_fell_to_zero_says_nothing_about_longer_trainings() -> None:
    curve = [{**row, "lr": 1e-3 * (1 - k / EPOCHS)} for k, row in enumerate(rows(0.3 + FALL, 0.3 + FALL))]
    assert "a longer training may still be better" in advise(curve)[0]


def test_losses_below_zero_are_judged_by_their_shape() -> None:
    assert advise(rows(FALL - 3, FALL - 3)) == advise(rows(FALL + 0.1, FALL + 0.1))


def test_what_the_data_are_called_follows_from_what_the_loss_is_measured_by() -> None:
    first, _ = advise(rows(0.1 + FALL, 0.4 + FALL), "target")
    assert "above the training loss" in first and "Add pairs of images" in first
    flat = np.linspace(1.0, 0.97, EPOCHS)
    assert not [text for text in advise(rows(flat, flat), "noise") if text.startswith("Underfitting")]


def test_a_likelihood_below_zero_has_no_gap_in_parts_of_it() -> None:
    likely = rows(FALL - 1.5, FALL - 1.2)
    assert not [text for text in advise(likely, "target") if "above the training loss" in text]
