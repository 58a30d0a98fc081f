"""What the network sees of an image in blocks equals what it sees of the image in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talanoa import image as images
from talanoa.core.host import QuietHost
from talanoa.image import lazy as image_lazy
from talanoa.image.ops import background, resample
from talanoa.models import methods
from talanoa.segmentation import predict
from talanoa.segmentation.blocks import grid as blocks_grid
from talanoa.segmentation.blocks import source
from talanoa.segmentation.request import SegmentRequest

VOLUME = methods.get("stardist3d").config(grid=(1, 2, 2), n_rays=24, unet_n_depth=1)


@pytest.mark.parametrize("step", ["rolling_ball", "clip", "none"])
@pytest.mark.parametrize("scales", [{}, {"scale": 1.4}, {"scale": 0.6, "scale_z": 2}])
def test_a_part_of_a_stack_is_seen_as_the_whole(step: str, scales: dict[str, Any]) -> None:
    random = np.random.default_rng(3)
    stack = random.poisson(100, (2, 7, 61, 80)).astype(np.uint16)
    stack[:, 2:5, 20:30, 30:45] += 400
    settings = SegmentRequest(background=step, background_radius=12, **scales)
    cleaned = predict.without_background(stack, settings)
    seeing = source.Seeing.of(settings, stack.shape[1:])
    whole = resample.resize(cleaned, seeing.size) if scales else cleaned
    lazy = image_lazy.in_memory(images.from_array(stack, "czyx"))
    pixels = blocks_grid.Pixels(lazy, 0, slice(None), None)
    grid = blocks_grid.placed(blocks_grid.plan(seeing.size, VOLUME, 32), stack.shape[1:])
    planes = [blocks_grid.Pixels(lazy, 0, slice(None), z) for z in range(7)]
    ground = source.ground_of(planes, blocks_grid.of_plane(grid), QuietHost()) if step == "clip" else None
    seen = seeing.seen(pixels, ground)
    assert seen.shape == whole.shape
    part = tuple(slice(side // 4, side // 2) for side in whole.shape[1:])
    np.testing.assert_array_equal(seen[(slice(None), *part)], whole[(slice(None), *part)])
    assert len(seen.hash_of(tuple((side.start, side.stop) for side in part))) == 64


@pytest.mark.parametrize("radius", [6, 20, 60, 150])
def test_the_ball_rolls_over_a_part_as_over_the_whole(radius: float) -> None:
    random = np.random.default_rng(4)
    plane = random.poisson(200, (301, 333)).astype(np.uint16)
    plane[100:130, 200:230] += 500
    whole = background.rolling_ball(plane, radius)
    for part in ((slice(0, 64), slice(64, 128)), (slice(130, 199), slice(250, 333)), (slice(290, 301), slice(0, 9))):
        found = background.rolling_ball_part(lambda wider: plane[wider], plane.shape, part, radius)
        np.testing.assert_array_equal(found, whole[part])


def test_placed_blocks_cover_the_image_once() -> None:
    grid = blocks_grid.plan((70, 210, 333), VOLUME, 64)
    places = blocks_grid.placed(grid, (35, 140, 500))
    covered = np.zeros((35, 140, 500), int)
    for block in range(len(places)):
        covered[blocks_grid.slices(places.box(block))] += 1
    assert covered.min() == covered.max() == 1
    for block in range(len(places)):
        assert block in places.around(places.box(block), (0, 0, 0))
