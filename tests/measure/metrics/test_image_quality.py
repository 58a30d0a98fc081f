"""Metrics of image quality: beside scikit-image, by hand, and on images whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import data, metrics

from talanoa.image.ops.orientations import WAYS, turned, turned_back
from talanoa.measure.metrics.disagreement import disagreement, share_above
from talanoa.measure.metrics.error_map import root_squared_error
from talanoa.measure.metrics.fit import fitted, line_to
from talanoa.measure.metrics.nrmse import nrmse
from talanoa.measure.metrics.profiles import line_profile, telling_line
from talanoa.measure.metrics.psnr import psnr, psnr_of_type, scale_invariant_psnr
from talanoa.measure.metrics.ssim import ssim, ssim_map


def pair(shape: tuple[int, ...] = (70, 90), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 500.0, shape)
    return truth.astype(np.uint16), (truth + rng.normal(0, 200, shape)).astype(np.float32)


def similarity(truth: np.ndarray, image: np.ndarray, span: float) -> tuple[float, np.ndarray]:
    return metrics.structural_similarity(
        truth.astype(float),
        image.astype(float),
        data_range=span,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )


@pytest.mark.parametrize("shape", [(70, 90), (14, 40, 50)])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    truth, image = pair(shape)
    mean, full = similarity(truth, image, float(np.ptp(truth)))
    assert ssim(truth, image) == pytest.approx(mean, rel=1e-9)
    np.testing.assert_allclose(ssim_map(truth, image), full, rtol=1e-7, atol=1e-9)


def test_ssim_and_psnr_are_those_of_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    truth = rng.gamma(2, 500, (120, 130)).astype(np.float32)
    image = (truth + rng.normal(0, 200, truth.shape)).astype(np.float32)
    assert ssim(truth, image) == pytest.approx(0.9567875, abs=2e-5)  # torchmetrics 1.8.2, in float32
    assert psnr(truth, image) == pytest.approx(30.471651, abs=2e-5)


def test_ssim_of_a_photograph_with_another_range() -> None:
    truth = data.camera()[::2, ::2]
    image = np.clip(truth + np.random.default_rng(1).normal(0, 20, truth.shape), 0, 255).astype(np.uint8)
    assert ssim(truth, image, data_range=255) == pytest.approx(similarity(truth, image, 255)[0], rel=1e-9)


def test_ssim_of_equal_thin_and_constant_images() -> None:
    truth, image = pair((3, 40, 40))
    assert ssim(truth, truth) == 1
    assert 0 < ssim(truth, image) < 1  # 3 planes are less than the window of 11
    flat = np.full((20, 20), 7)
    assert ssim(flat, flat) == 1
    assert math.isnan(ssim(flat, flat + 1))


def test_ssim_keeps_its_digits_on_a_large_offset() -> None:
    truth, image = pair()
    far = 1e7
    centred = ssim_map(truth - truth.mean() + far, image - truth.mean() + far, 1e3)
    assert np.all(np.abs(centred) <= 1 + 1e-9)


def test_psnr_of_both_ranges_is_that_of_scikit_image() -> None:
    truth, image = pair()
    for ours, span in ((psnr, np.ptp(truth)), (psnr_of_type, 65535)):
        theirs = metrics.peak_signal_noise_ratio(truth.astype(float), image.astype(float), data_range=float(span))
        assert ours(truth, image) == pytest.approx(theirs, rel=1e-12)


def test_psnr_by_hand() -> None:
    truth, image = np.array([[0, 100]], np.uint8), np.array([[10, 100]], np.uint8)
    assert psnr(truth, image) == pytest.approx(10 * math.log10(100**2 / 50))
    assert psnr_of_type(truth, image) == pytest.approx(10 * math.log10(255**2 / 50))
    assert math.isnan(psnr_of_type(truth.astype(float), image))  # floats have no range
    assert psnr(truth, truth) == math.inf
    assert math.isnan(psnr(np.ones((2, 2)), np.zeros((2, 2))))


def test_scale_invariant_psnr_does_not_see_gain_and_offset() -> None:
    truth, image = pair()
    first = scale_invariant_psnr(truth, image)
    assert scale_invariant_psnr(truth, 0.01 * image.astype(float) - 5) == pytest.approx(first, rel=1e-9)
    assert first >= psnr(truth, image)
    r = np.corrcoef(truth.ravel(), image.ravel())[0, 1]
    assert first == pytest.approx(10 * math.log10(float(np.ptp(truth)) ** 2 / (truth.var() * (1 - r**2))), rel=1e-9)


def test_the_line_is_the_least_squares_one_and_never_falls() -> None:
    truth, image = pair()
    gain, offset = np.polyfit(image.ravel().astype(float), truth.ravel().astype(float), 1)
    assert line_to(truth, image) == pytest.approx((gain, offset), rel=1e-6)
    np.testing.assert_allclose(fitted(truth, -image), truth.mean())
    np.testing.assert_allclose(fitted(truth, np.full_like(image, 3)), truth.mean())


@pytest.mark.parametrize(("ours", "theirs"), [("range", "min-max"), ("mean", "mean"), ("euclidean", "euclidean")])
def test_nrmse_is_that_of_scikit_image(ours: str, theirs: str) -> None:
    truth, image = (each.astype(float) for each in pair())
    expected = metrics.normalized_root_mse(truth, image, normalization=theirs)
    assert nrmse(truth, image, by=ours) == pytest.approx(expected, rel=1e-12)


def test_nrmse_by_the_spread_and_without_any() -> None:
    truth, image = np.array([1.0, 3.0]), np.array([1.0, 1.0])
    assert nrmse(truth, image, by="sd") == pytest.approx(math.sqrt(2))
    assert nrmse(truth, truth, by="sd") == 0
    assert math.isnan(nrmse(np.ones(3), np.zeros(3)))


def test_error_map_by_hand_without_wrapping_round() -> None:
    found = root_squared_error(np.array([[1, 200]], np.uint8), np.array([[3, 100]], np.uint8))
    np.testing.assert_array_equal(found, [[2, 100]])


def test_a_profile_follows_a_ramp() -> None:
    rows, columns = np.mgrid[:30, :40]
    straight = line_profile(columns, (4, 3), (4, 13))
    np.testing.assert_allclose(straight.intensity, np.arange(3, 14))
    np.testing.assert_allclose(straight.distance, np.arange(11))
    slanted = line_profile(rows + columns, (0, 0), (3, 4), width=3)
    assert slanted.intensity[-1] == pytest.approx(7, abs=0.5)


def test_the_telling_line_crosses_what_changes() -> None:
    image = np.zeros((60, 300))
    image[22:26, 200:230:6] = 100
    (y, first), (_, last) = telling_line(image, 64)
    assert 21 <= y <= 26
    assert first <= 205
    assert last >= 225
    assert last - first == 63
    assert telling_line(np.zeros((5, 7)))[1][1] == 6


def test_disagreement_is_the_spread_over_the_contrast() -> None:
    base = np.linspace(0, 100, 10_000).reshape(100, 100)
    others = [base, base + 3, base - 3]
    others[0] = base.copy()
    found = disagreement(others)
    low, high = np.percentile(base, (3, 99.8))
    np.testing.assert_allclose(found, 3 / (high - low), rtol=1e-5)
    assert share_above(found, 0.02) == 1
    assert not disagreement([base, base]).any()
    with pytest.raises(ValueError, match="two"):
        disagreement([base])


@pytest.mark.parametrize("way", WAYS)
def test_turns_are_undone(way: int) -> None:
    values = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(turned_back(turned(values, way), way), values)


def test_turns_are_all_different() -> None:
    values = np.arange(9).reshape(3, 3)
    assert len({turned(values, way).tobytes() for way in WAYS}) == 8


@pytest.mark.parametrize("metric", [psnr, ssim, nrmse, root_squared_error, scale_invariant_psnr])
def test_images_of_other_shape_are_refused(metric: object) -> None:
    with pytest.raises(ValueError, match=r"\(4, 5\) and \(5, 4\)"):
        metric(np.zeros((4, 5)), np.zeros((5, 4)))  # type: ignore[operator]
