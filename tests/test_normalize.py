import numpy as np
import pytest

from talanoa.normalize import normalize, percentile_limits, rescale


def test_limits_of_a_ramp_are_its_percentiles() -> None:
    ramp = np.arange(101, dtype=np.uint8)
    assert percentile_limits(ramp, 10, 90) == (10.0, 90.0)


@pytest.mark.parametrize("gain, offset", [(3.0, 0.0), (1.0, 40.0), (0.25, -7.0)])
def test_gain_and_offset_of_the_image_do_not_matter(gain: float, offset: float) -> None:
    image = np.random.default_rng(0).uniform(0, 100, (40, 50)).astype(np.float32)
    assert np.allclose(normalize(image * gain + offset), normalize(image), atol=1e-4)


def test_a_constant_image_becomes_zero() -> None:
    assert not normalize(np.full((5, 5), 7, np.uint16)).any()


def test_values_outside_the_limits_are_not_clipped() -> None:
    assert rescale(np.array([0.0, 10.0, 20.0, 30.0]), 10.0, 20.0).tolist() == [-1.0, 0.0, 1.0, 2.0]


def test_limits_of_a_large_image_come_from_a_sample_that_is_close() -> None:
    image = np.random.default_rng(1).normal(100, 10, (3000, 3000)).astype(np.float32)
    assert percentile_limits(image) == pytest.approx(np.percentile(image, (1, 99.8)), abs=0.2)
