"""Corruptions: their values, their ranges, and that severity 0 is the image itself."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.core.errors import BadInput
from talanoa.image.ops import corruptions

IMAGE = np.random.default_rng(0).integers(60, 200, (2, 40, 50)).astype(np.uint8)


@pytest.mark.parametrize("kind", corruptions.SEVERITIES)
def test_severity_0_changes_nothing(kind: str) -> None:
    np.testing.assert_array_equal(corruptions.corrupt(IMAGE, kind, 0), IMAGE)


@pytest.mark.parametrize("kind", corruptions.SEVERITIES)
def test_a_higher_severity_is_farther_from_the_image(kind: str) -> None:
    for way in (1, -1):
        steps = [s for s in sorted(corruptions.SEVERITIES[kind], key=abs) if s * way >= 0]
        if len(steps) == 1:
            continue
        far = [np.abs(corruptions.corrupt(IMAGE, kind, s) - IMAGE).mean() for s in steps]
        assert far == sorted(far) and len(set(far)) == len(far)


def test_gain_and_bias_by_hand() -> None:
    image = np.array([[0, 100, 200]], np.uint8)
    np.testing.assert_allclose(corruptions.corrupt(image, "gain", 4), [[0, 50, 100]])
    np.testing.assert_allclose(corruptions.corrupt(image, "gain", -2), [[0, 200, 255]])  # clipped
    np.testing.assert_allclose(corruptions.corrupt(image, "bias", 1), [[50, 150, 250]])
    np.testing.assert_allclose(corruptions.corrupt(image, "bias", -1), [[0, 50, 150]])


def test_the_scale_is_that_of_the_camera() -> None:
    eight = corruptions.corrupt(IMAGE, "bias", 3)
    unit = corruptions.corrupt(IMAGE / 255, "bias", 3)
    counts = corruptions.corrupt(100 + 10.0 * IMAGE, "bias", 3, black=100, white=2650)
    np.testing.assert_allclose(eight / 255, unit, atol=1e-6)
    np.testing.assert_allclose((counts - 100) / 10, eight, atol=1e-3)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_a_point_out_of_focus_is_an_even_disk(severity: int) -> None:
    radius = corruptions.DEFOCUS[severity]
    point = np.zeros((31, 31), np.float32)
    point[15, 15] = 1
    blurred = corruptions.corrupt(point, "defocus", severity)
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(blurred, blurred.T, atol=1e-7)
    np.testing.assert_allclose(blurred, blurred[::-1], atol=1e-7)
    rows, columns = np.mgrid[-15:16, -15:16]
    away = np.hypot(rows, columns)
    assert not blurred[away > radius + 1.42].any()
    inner = blurred[away < radius - 1.42]
    assert not len(inner) or (np.ptp(inner) < 1e-6 and inner[0] == pytest.approx(1 / (np.pi * radius**2), rel=0.02))


def test_planes_are_blurred_one_by_one() -> None:
    whole = corruptions.corrupt(IMAGE, "defocus", 4)
    np.testing.assert_array_equal(whole[1], corruptions.corrupt(IMAGE[1], "defocus", 4))


def test_unknown_faults_are_told() -> None:
    for kind, severity, match in (
        ("blur", 1, "defocus, gain, bias"),
        ("defocus", -1, "0 to 5"),
        ("gain", 6, "-5 to 5"),
    ):
        with pytest.raises(BadInput, match=match):
            corruptions.corrupt(IMAGE, kind, severity)
