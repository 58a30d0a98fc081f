from typing import Any

import numpy as np
import pytest

from talanoa.core.errors import BadInput
from talanoa.image.ops import background, resample
from talanoa.image.ops.normalize import (
    Levels,
    fit,
    normalize,
    percentile_limits,
    rescale,
    single,
    whole_levels,
    zscore_of,
)

PERCENTILE = {"kind": "percentile", "low": 3.0, "high": 99.8}
MINMAX, OF_IMAGE = {"kind": "minmax"}, {"kind": "zscore_image"}
NORMALIZATIONS = [PERCENTILE, {"kind": "zscore", "mean": [4.0, 900.0], "std": [3.0, 70.5]}, MINMAX, OF_IMAGE]


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


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_normalisation_is_undone_exactly(kind: Any, normalization: dict[str, Any]) -> None:
    limits = np.iinfo(kind)
    image = np.random.default_rng(2).integers(limits.min, limits.max, (2, 70, 60), kind, endpoint=True)
    levels = fit(image, normalization)
    normal = levels.apply(image)
    assert normal.dtype == np.float32 and len(levels.pairs) == 2
    assert np.array_equal(np.rint(levels.undo(normal)), image)
    assert np.allclose(levels.undo_spread(normal)[0], levels.undo(normal)[0] - levels.pairs[0][0], atol=1e-2)


def test_percentile_levels_of_an_image_become_0_and_1_in_each_channel() -> None:
    image = np.stack([np.arange(101.0), 50 - 2 * np.arange(101.0)]).reshape(2, 1, 101)
    levels = fit(image, {"low": 10, "high": 90})  # as old models record it
    assert np.allclose(levels.pairs, [(10, 90), (-130, 30)])
    assert np.allclose(levels.apply(image)[0, 0, [10, 90]], [0, 1])


def test_a_small_signal_on_a_large_offset_keeps_its_digits() -> None:
    signal = np.random.default_rng(3).normal(0, 1, (1, 50, 50))
    levels, shifted = fit(signal, PERCENTILE), fit(signal + 1e9, PERCENTILE)
    assert np.allclose(levels.apply(signal), shifted.apply(signal + 1e9), atol=1e-5)


def test_a_constant_channel_becomes_zero_and_comes_back() -> None:
    image = np.stack([np.full((8, 8), 7.0), np.arange(64.0).reshape(8, 8)]).astype(np.float32)
    levels = fit(image, PERCENTILE)
    assert levels.constant == (0,)
    assert not levels.apply(image)[0].any()
    assert np.array_equal(levels.undo(np.full((2, 8, 8), 0.3, np.float32))[0], image[0])


def test_levels_of_one_channel_serve_several_outputs_and_others_have_to_agree() -> None:
    one = Levels(((100.0, 300.0),))
    assert one.undo(np.full((3, 2, 2), 0.5, np.float32)).tolist() == np.full((3, 2, 2), 200.0).tolist()
    with pytest.raises(ValueError, match="3 channels, but levels of 2"):
        Levels(((0.0, 1.0), (0.0, 1.0))).undo(np.zeros((3, 2, 2), np.float32))


def test_a_zscore_is_that_of_all_training_pixels() -> None:
    rng = np.random.default_rng(4)
    images = [rng.normal((5, 900), (2, 30), (n, 40, 2)).transpose(2, 0, 1) for n in (10, 33, 21)]
    images.append(np.stack([np.full((3, 3), 5.0), np.full((3, 3), 900.0)]))
    pixels = np.concatenate([image.reshape(2, -1) for image in images], axis=1)
    found = zscore_of(images)
    assert np.allclose(found["mean"], pixels.mean(axis=1)) and np.allclose(found["std"], pixels.std(axis=1))
    assert zscore_of([np.full((1, 3, 3), 4)]) == {"kind": "zscore", "mean": [4.0], "std": [1.0]}


def test_what_a_record_cannot_mean_is_said() -> None:
    with pytest.raises(BadInput, match="kind 'range'; expected one of percentile, zscore"):
        fit(np.zeros((1, 4, 4)), {"kind": "range"})
    with pytest.raises(BadInput, match="found 1 means and 1 standard deviations; expected one for each of 2"):
        fit(np.zeros((2, 4, 4)), {"kind": "zscore", "mean": [1.0], "std": [1.0]})


def test_minmax_and_zscore_of_an_image_are_hand_computed_for_each_channel() -> None:
    image = np.array([[[1, 2], [3, 6]], [[-4, -4], [4, 4]]], np.int16)
    assert fit(image, MINMAX).pairs == ((1.0, 6.0), (-4.0, 4.0))
    assert fit(image, MINMAX).apply(image)[0].ravel().tolist() == pytest.approx([0, 0.2, 0.4, 1])
    levels = fit(image, OF_IMAGE)
    assert levels.pairs[1] == (0.0, 4.0)  # mean 0, standard deviation 4
    normal = levels.apply(image)
    assert normal.mean(axis=(1, 2)) == pytest.approx([0, 0], abs=1e-6)
    assert normal.std(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-6)


def test_every_pixel_counts_for_minmax_and_zscore_of_an_image() -> None:
    image = np.zeros((1, 2100, 2000), np.uint8)
    image[0, 7, 8] = 255  # every second pixel would miss it
    assert fit(image, MINMAX).pairs == ((0.0, 255.0),)
    assert fit(image, OF_IMAGE).pairs[0][0] == pytest.approx(255 / image.size)


@pytest.mark.parametrize("kind", ["minmax", "zscore_image"])
def test_images_of_a_plate_share_levels_as_if_they_were_one(kind: str) -> None:
    images = [np.random.default_rng(k).normal(k, 1 + k, (2, 9, 11)) for k in range(3)]
    joined = fit(np.concatenate(images, axis=1), {"kind": kind})
    np.testing.assert_allclose(whole_levels(images, kind).pairs, joined.pairs)


@pytest.mark.parametrize("normalization", [MINMAX, OF_IMAGE])
def test_a_blank_image_becomes_zero_by_minmax_and_zscore(normalization: dict[str, Any]) -> None:
    image = np.full((1, 4, 4), 9, np.uint8)
    assert fit(image, normalization).constant == (0,)
    assert not fit(image, normalization).apply(image).any()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.uint32, np.int64, np.float32, np.float64])
def test_ordinary_images_are_rescaled_in_single_precision_bit_for_bit(kind: type) -> None:
    values = np.random.default_rng(0).integers(0, 250, (40, 50)).astype(kind)
    lower, upper = percentile_limits(values)
    expected = (values.astype(np.float32) - np.float32(lower)) * np.float32(1.0 / (upper - lower + 1e-20))
    assert np.array_equal(rescale(values, lower, upper), expected)
    assert np.array_equal(single(values), values.astype(np.float32)) and single(values).dtype == np.float32


@pytest.mark.parametrize(
    ("offset", "span", "kind"),
    [
        (5e5, 0.5, np.float64),
        (1e9, 100, np.float64),
        (4e9, 200, np.uint32),
        (2**45, 400, np.int64),
        (0, 1e39, np.float64),
        (1e300, 1e290, np.float64),
        (0, 1e-25, np.float64),
        (-7e8, 200, np.int32),
    ],
)
def test_small_ranges_on_large_offsets_and_values_beyond_float32_are_resolved(
    offset: float, span: float, kind: type
) -> None:
    steps = np.arange(101).reshape(1, 101)
    base = kind(offset)
    values = base + (steps * kind(span / 100) if np.issubdtype(kind, np.integer) else steps * (span / 100)).astype(kind)
    found = normalize(values, 0, 100)
    assert found.dtype == np.float32
    assert found.ravel() == pytest.approx(np.linspace(0, 1, 101), abs=1e-4)


def test_single_values_beyond_float32_do_not_become_nan() -> None:
    values = np.linspace(0, 1000, 10_000)
    values[5] = 1e300
    with np.errstate(all="raise"):
        found = normalize(values)
    assert np.isfinite(found).all() and found[-1] == pytest.approx(1 / 0.998, rel=1e-3)
    assert not normalize(np.full(9, 1e39)).any()


@pytest.mark.parametrize("step", ["rolling_ball", "clip"])
def test_background_and_size_of_large_offsets(step: str) -> None:
    plane = np.random.default_rng(1).uniform(0, 100, (64, 64))
    expected = normalize(background.remove(plane, step, 20))
    assert normalize(background.remove(plane + 1e9, step, 20)) == pytest.approx(expected, abs=1e-3)
    small = resample.resize(plane[None], (32, 32))
    assert normalize(resample.resize(plane[None] + 1e9, (32, 32))) == pytest.approx(normalize(small), abs=1e-3)


def test_a_result_that_float32_cannot_hold_is_refused() -> None:
    levels = Levels(((0.0, 1e39),))
    assert levels.apply(np.array([[0.0, 1e39]]))[0].tolist() == [0, 1]
    with pytest.raises(BadInput, match="Divide the image by a constant"):
        levels.undo(np.ones((1, 2), np.float32))
