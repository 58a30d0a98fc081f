"""Fourier ring correlation and the residual test, on images whose spectrum, noise and structure are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from talanoa.measure.metrics.frc import frc, frc_of_one
from talanoa.measure.metrics.residual import residual
from talanoa.tasks.sample.noisy import draw


def field(size: int, width: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return a Gaussian random field whose power is A exp(-(f/width)²), and A."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    shape = np.exp(-((f / width) ** 2) / 2)
    values = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * shape).real
    gain = 10 / values.std()
    return values * gain, gain**2


def crossing(width: float, power: float, noise: float) -> float:
    """Return 1 / the frequency at which power / (power + noise²) is 1/7, where the signal is a sixth of the noise."""
    return 1 / (width * math.sqrt(math.log(6 * power / noise**2)))


def test_frc_of_two_is_signal_by_signal_and_noise() -> None:
    rng = np.random.default_rng(0)
    signal, power = field(512, 0.05, rng)
    noise = 4.0
    one, other = (signal + rng.normal(0, noise, signal.shape) for _ in range(2))
    found = frc(one, other)
    expected = power * np.exp(-((found.frequency / 0.05) ** 2))
    expected = ndimage.uniform_filter1d(expected / (expected + noise**2), 7)
    np.testing.assert_allclose(ndimage.uniform_filter1d(found.correlation, 7)[3:-3], expected[3:-3], atol=0.08)
    assert found.resolution == pytest.approx(crossing(0.05, power, noise), rel=0.06)
    assert found.limit == 2


@pytest.mark.parametrize("noise", [2.0, 8.0])
def test_frc_of_one_gives_the_resolution_that_the_spectrum_has(noise: float) -> None:
    rng = np.random.default_rng(3)
    signal, power = field(512, 0.04, rng)
    found = frc_of_one(signal + rng.normal(0, noise, signal.shape))
    # the parts have a quarter of the pixels: each frequency has a quarter of the signal beside the same noise
    assert found.resolution == pytest.approx(crossing(0.04, power / 4, noise), rel=0.08)


def test_frc_has_the_unit_of_the_pixels_and_pools_planes() -> None:
    rng = np.random.default_rng(1)
    signal, _ = field(128, 0.06, rng)
    one, other = (signal + rng.normal(0, 5, (6, 128, 128)) for _ in range(2))
    pooled, plane = frc(one, other), frc(one[0], other[0], pixel_size=0.1)
    assert pooled.resolution == pytest.approx(plane.resolution * 10, rel=0.25)
    assert plane.frequency[-1] == pytest.approx(5)
    same = frc(np.stack([one[0]] * 3), np.stack([other[0]] * 3), pixel_size=0.1)
    np.testing.assert_allclose(same.correlation, plane.correlation, atol=1e-12)


def test_frc_at_the_ends() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(2, 100, 64))
    assert math.isnan(frc(one, one).resolution)  # agree in everything
    np.testing.assert_allclose(frc(one, 3 * one + 7).correlation, 1)
    assert frc(one, other).resolution == math.inf  # nothing in common
    assert np.isnan(frc(np.ones((32, 32)), np.ones((32, 32))).correlation).all()
    with pytest.raises(ValueError, match="16"):
        frc_of_one(np.zeros((20, 40)))


def test_the_residual_of_a_perfect_denoiser_is_free_of_structure() -> None:
    for seed in range(12):
        sample = draw((128, 128), seed=seed)
        rng = np.random.default_rng(seed)
        low = rng.poisson(sample.light * 5 + 2) * 3.0 + rng.normal(0, 4, sample.light.shape)
        found = residual(low, sample.light * 1000 + 5)
        assert not found.structured, (seed, found[1:])
        assert max(abs(trace.deviations) for trace in found[1:]) < 4.5


def test_the_residual_shows_what_was_smoothed_away() -> None:
    sample = draw((128, 128), seed=3)
    light = sample.light / sample.light.std()
    noisy = light * 100 + np.random.default_rng(0).normal(0, 30, light.shape)
    blurred = residual(noisy, ndimage.gaussian_filter(light, 4))
    assert blurred.structured
    assert blurred.detail.found
    assert blurred.detail.correlation > 0
    assert blurred.rows.found
    untouched = residual(noisy, noisy)
    assert not untouched.structured  # nothing was taken away at all
    assert not untouched.map.any()


def test_the_residual_shows_noise_that_is_not_independent() -> None:
    rng = np.random.default_rng(0)
    light = draw((128, 128), seed=1).light
    striped = light / light.std() * 100 + 20 * ndimage.gaussian_filter1d(rng.normal(size=light.shape), 2, axis=1)
    found = residual(striped, light)
    assert found.rows.found
    assert not found.columns.found
