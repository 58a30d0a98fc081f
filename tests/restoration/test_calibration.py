"""Restored images have the intensities of the image that they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.image.ops.normalize import fit
from talanoa.restoration import calibration
from talanoa.tasks.sample import noisy

PERCENTILES = {"kind": "percentile", "low": 3.0, "high": 99.8}


def test_block_means_by_hand() -> None:
    image = np.arange(2 * 32 * 48, dtype=float).reshape(2, 32, 48)
    means = calibration.block_means(image)
    assert (
        means.shape == (2, 6) and means[0, 0] == image[0, :16, :16].mean() and means[1, 5] == image[1, 16:, 32:].mean()
    )
    stack = calibration.block_means(np.stack([image, image + 1], axis=1))
    assert stack.shape == (2, 12) and stack[0, 6] == means[0, 0] + 1
    assert calibration.block_means(np.full((1, 5, 40), 3.0)).tolist() == [[3.0, 3.0]]


def test_a_line_is_found_in_spite_of_noise() -> None:
    rng = np.random.default_rng(0)
    made = rng.random((2, 8, 8)).repeat(32, axis=1).repeat(32, axis=2)
    given = np.stack([0.6 * made[0] + 0.1, 2.0 * made[1] - 0.3]) + rng.normal(0, 0.5, made.shape)
    found = calibration.fit([(given, made)])
    assert found["gain"] == pytest.approx([0.6, 2.0], abs=0.03)
    assert found["offset"] == pytest.approx([0.1, -0.3], abs=0.03)
    line = calibration.applied(made.astype(np.float32), found)
    np.testing.assert_allclose(line[1], 2.0 * made[1] - 0.3, atol=0.05)
    np.testing.assert_allclose(
        calibration.applied_to_spread(made.astype(np.float32), found)[0], 0.6 * made[0], atol=0.03
    )


def test_where_nothing_can_be_fitted_nothing_changes() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (1, 64, 64))
    for made in (np.zeros((1, 64, 64)), -noise):
        assert calibration.fit([(noise, made)]) == {"gain": [1.0], "offset": [0.0]}
    image = noise.astype(np.float32)
    assert calibration.applied(image, PERCENTILES) is image and calibration.applied_to_spread(image, {}) is image


def test_a_perfect_network_gives_the_truth_back() -> None:
    pairs = [noisy.draw((128, 128), 3, number) for number in range(3)]
    levels = [(fit(low[None], PERCENTILES), fit(high[None], PERCENTILES)) for low, high, _ in pairs]
    perfect = [own.apply(pair.high[None]) for pair, (_, own) in zip(pairs, levels, strict=True)]
    given = [own.apply(pair.low[None]) for pair, (own, _) in zip(pairs, levels, strict=True)]
    line = calibration.fit(zip(given[:2], perfect[:2], strict=True))
    before = levels[2][0].undo(perfect[2])
    after = levels[2][0].undo(calibration.applied(perfect[2], line))
    truth = pairs[2].high[None]
    assert np.abs(after - truth).mean() < 0.4 * np.abs(before - truth).mean()
    assert after.mean() == pytest.approx(truth.mean(), rel=0.03)
