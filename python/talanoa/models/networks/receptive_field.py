"""How a network's poolings follow from its grid, and how far its output looks: arithmetic only, without torch."""

from __future__ import annotations

from collections.abc import Sequence

STEM = (7, 3)  # sides of the first two convolutions of the residual network, which have no activation
Sides = int | Sequence[int]  # one for all axes, or one for each


def sides(given: Sides, ndim: int) -> tuple[int, ...]:
    """Return one number for each axis."""
    return (given,) * ndim if isinstance(given, int) else tuple(given)


def grid_steps(grid: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the pooling of each step that leads from full resolution to the output grid.

    >>> grid_steps((4, 2))
    [(2, 2), (2, 1)]
    """
    steps: list[tuple[int, ...]] = []
    reached = [1] * len(grid)
    while tuple(reached) != tuple(grid):
        step = tuple(2 if goal > now else 1 for goal, now in zip(grid, reached, strict=True))
        reached = [now * factor for now, factor in zip(reached, step, strict=True)]
        steps.append(step)
    return steps


def receptive_radii(
    grid: Sequence[int], depth: int, kernel: Sides = 3, pool: Sides = 2, n_conv: int = 2, head: bool = True
) -> tuple[int, ...]:
    """Return how many input pixels away from its own place an output value can depend on, for each axis.

    Each convolution reaches ``kernel // 2`` pixels of its own resolution. Pooling and repeating pixels tie a
    value to the whole cell of the coarsest level, which adds one cell less a pixel.
    """
    radii = []
    steps = grid_steps(grid)
    for axis, (side, factor) in enumerate(zip(sides(kernel, len(grid)), sides(pool, len(grid)), strict=True)):
        half, stride, reach = side // 2, 1, 0
        for step in steps:  # stem
            reach += n_conv * half * stride
            stride *= step[axis]
        strides = [stride * factor**level for level in range(depth + 1)]
        reach += n_conv * half * (2 * sum(strides[:-1]) + strides[-1])  # down, bottleneck, up
        radii.append(reach + (half * stride if head else 0) + strides[-1] - 1)  # head, cell of the coarsest level
    return tuple(radii)


def unet_radii(depth: int, kernel: Sides, ndim: int, blur_pool: bool = False) -> tuple[int, ...]:
    """Return `receptive_radii` of a U-Net at full resolution, with a convolution of one pixel as its output.

    A blurred pooling (`talanoa.models.networks.care_unet.MaxBlurPool`) looks two pixels beyond its cell.
    """
    more = 2 * (2**depth - 1) if blur_pool else 0
    return tuple(radius + more for radius in receptive_radii((1,) * ndim, depth, kernel, head=False))


def pix2pix_radius(depth: int) -> int:
    """Return how many pixels away from its own place an output of `talanoa.models.networks.pix2pix.Generator` can
    depend on.

    Each 4 x 4 convolution looks one pixel before and one behind its cell of 2 x 2. Down to the coarsest level these add
    up to ``2 ** depth - 1`` pixels, up again to as many; the cell of the coarsest level adds as many once more.
    """
    return 3 * (2**depth - 1)


def receptive_radius(grid: Sequence[int], depth: int, kernel: int = 3) -> int:
    """Return the largest of `receptive_radii`."""
    return max(receptive_radii(grid, depth, kernel))


def block_strides(grid: Sequence[int], blocks: int) -> list[tuple[int, ...]]:
    """Return the stride of each block: 2 along the axes that have not reached the grid.

    >>> block_strides((1, 4, 4), 3)
    [(1, 2, 2), (1, 2, 2), (1, 1, 1)]
    """
    reached = [1] * len(grid)
    strides = []
    for _ in range(blocks):
        stride = tuple(2 if goal > now else 1 for goal, now in zip(grid, reached, strict=True))
        reached = [now * step for now, step in zip(reached, stride, strict=True)]
        strides.append(stride)
    return strides


def resnet_radii(
    grid: Sequence[int], blocks: int, n_conv: int, kernel: Sequence[int] = (3, 3, 3), head: bool = True
) -> tuple[int, ...]:
    """Return how many input voxels away from its own place an output value can depend on, for each axis."""
    radii = []
    for axis, side in enumerate(kernel):
        half, stride = side // 2, 1
        reach = sum(first // 2 for first in STEM)
        for steps in block_strides(grid, blocks):
            step = steps[axis]
            reach += max(half, side - 1 - max(side - step, 0) // 2) * stride  # a stride reaches further after
            stride *= step
            reach += (n_conv - 1) * half * stride
        radii.append(reach + (half * stride if head else 0))
    return tuple(radii)
