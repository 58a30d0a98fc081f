"""Images made larger and smaller: as torch does it, and a part as the whole."""

from __future__ import annotations

import numpy as np
import pytest

from talanoa.image.ops import resample


@pytest.mark.parametrize("scale", [0.3, 0.5, 0.71, 1.0, 1.6, 2.0, 3.0])
def test_planes_are_resized_as_torch_does(scale: float) -> None:
    import torch

    image = np.random.default_rng(0).random((2, 53, 40), np.float32)
    size = resample.sizes(image.shape[1:], (scale, scale))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None], size=size, mode="bilinear", antialias=scale < 1
    )
    np.testing.assert_allclose(resample.resize(image, size), expected[0].numpy(), atol=1e-5)


def test_the_slices_of_a_stack_are_interpolated_as_torch_does() -> None:
    import torch

    stack = np.random.default_rng(1).random((1, 9, 20, 24), np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(stack)[None], size=(14, 40, 48), mode="trilinear")
    np.testing.assert_allclose(resample.resize(stack, (14, 40, 48)), expected[0].numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [(31, 24), (53, 40), (90, 100)])
def test_a_part_has_the_numbers_of_the_whole(size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(0, 4000, (1, 53, 40)).astype(np.uint16)
    whole = resample.resize(image, size)
    part = (slice(7, 19), slice(0, 24))
    read: list[tuple[slice, ...]] = []

    def cut(wanted: tuple[slice, ...]) -> np.ndarray:
        read.append(wanted)
        return image[(slice(None), *wanted)]

    found = resample.resize_part(cut, image.shape[1:], size, part)
    np.testing.assert_array_equal(found, whole[(slice(None), *part)])
    assert read[0][0].stop - read[0][0].start < 53  # not the whole image


def test_a_plane_of_one_intensity_keeps_it() -> None:
    for size in ((3, 50), (200, 17), (1, 1)):
        np.testing.assert_allclose(resample.resize(np.full((1, 40, 60), 7.0), size), 7.0, rtol=1e-6)
