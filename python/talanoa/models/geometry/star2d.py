"""Distances from pixels to the border of their object along rays, in 2D."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.compiled import in_parts, kernel
from talanoa.core.errors import BadInput
from talanoa.models.geometry.numbering import as_int32

_LANES = 32  # neighbouring pixels that march together; also the padding left and right


class _Steps(NamedTuple):
    """Where the steps along each ray lead, (n_rays, n_steps), and the distance of a ray that ends there."""

    row: NDArray[np.int32]  # on the grid, relative to the pixel
    column: NDArray[np.int32]
    phase: NDArray[np.int32]  # which of the images shifted by less than the grid
    distance: NDArray[np.float32]  # (n_rays, n_steps + 1), 0 first


def ray_angles(n_rays: int) -> NDArray[np.float32]:
    """Return the angles of the rays in radians, counted from +x towards +y, float32 (n_rays,)."""
    return np.float32(2 * np.pi / n_rays) * np.arange(n_rays, dtype=np.float32)


def star_distances(
    labels: NDArray, n_rays: int = 32, grid: tuple[int, int] = (1, 1), threads: int | None = None
) -> NDArray[np.float32]:
    """Measure from every pixel to the border of its own object along `n_rays` rays.

    A ray goes in steps of one pixel until the nearest pixel centre has another label or lies outside, then back by the
    part of the last step that is beyond the pixel edge (Schmidt et al. 2018, doi:10.1007/978-3-030-00934-2_30; the
    steps and their rounding are those of the StarDist package). Which pixel is nearest is decided relative to the
    start, so that a shifted object has the same distances wherever it lies.

    Parameters
    ----------
    labels : ndarray of int, (y, x)
        Label image, 0 = background.
    n_rays : int
        Rays, equally spaced over the full turn, 3 at least.
    grid : (int, int)
        Measure at every grid-th pixel only.
    threads : int, optional
        Threads to work in; the result does not depend on it.

    Returns
    -------
    ndarray of float32, (ceil(y / grid), ceil(x / grid), n_rays)
        Distances in pixels; 0 in the background. In memory the rays come first: a view.

    Raises
    ------
    BadInput
        `labels` is no plane of whole numbers from 0, or the rays or the grid make no sense.
    """
    if n_rays < 3 or min(grid) < 1:
        raise BadInput(f"Found {n_rays} rays and the grid {grid}; expected 3 rays and steps of 1 at least.")
    images = _phases(as_int32(labels, 2), grid)
    steps = _steps(n_rays, int(np.hypot(*np.shape(labels))) + 3, grid)
    height, width = (-(-size // step) for size, step in zip(np.shape(labels), grid, strict=True))
    out = np.zeros((n_rays, height, width), np.float32)
    least = max(1, 40_000 // (width + 1))  # rows
    in_parts(lambda first, end: _march(images, *steps, out, first, end), height, least, threads)
    return out.transpose(1, 2, 0)


def polygon_corners(distances: NDArray, points: NDArray) -> NDArray[np.float32]:
    """Return the polygon vertices as (y, x) pixel-centre coordinates, float32 (n, rays, 2)."""
    angles = ray_angles(distances.shape[1])
    directions = np.stack([np.sin(angles), np.cos(angles)], axis=-1)  # (rays, 2)
    return (points[:, None].astype(np.float32) + distances[..., None] * directions).astype(np.float32)


def _steps(n_rays: int, n_steps: int, grid: tuple[int, int]) -> _Steps:
    """Follow each ray for `n_steps` steps, in single precision as the StarDist package does."""
    angles = ray_angles(n_rays)
    offsets, past = [], []
    directions = np.stack([np.sin(angles), np.cos(angles)])[:, :, None]  # (2, n_rays, 1): y, x
    back = np.float32(0.5) / np.abs(directions).max(axis=0) - 1  # of a step, along the ray
    for direction in directions:
        place = np.cumsum(np.broadcast_to(direction, (n_rays, n_steps)), axis=1, dtype=np.float32)
        offsets.append(np.rint(place).astype(np.int32))
        past.append(place + back * direction)
    (y, x), (grid_y, grid_x) = offsets, np.array(grid, np.int32)
    distance = np.zeros((n_rays, n_steps + 1), np.float32)
    distance[:, 1:] = np.sqrt(past[0] ** 2 + past[1] ** 2)
    return _Steps(y // grid_y, x // grid_x, y % grid_y * grid_x + x % grid_x, distance)


def _phases(labels: NDArray, grid: tuple[int, int]) -> NDArray[np.int32]:
    """Return the images of every grid-th pixel for each first pixel, padded left and right with background."""
    height, width = (-(-size // step) for size, step in zip(labels.shape, grid, strict=True))
    padded = (-(-width // _LANES) + 2) * _LANES
    images = np.zeros((grid[0] * grid[1], height, padded), np.int32)
    for phase, image in enumerate(images):
        row, column = divmod(phase, grid[1])
        part = labels[row :: grid[0], column :: grid[1]]
        image[: part.shape[0], _LANES : _LANES + part.shape[1]] = part
    return images


@kernel
def _march(images, row, column, phase, distance, out, first, end):  # type: ignore[no-untyped-def]
    """Measure rows first..end - 1; `_LANES` neighbouring pixels take the same step at once (one vector instruction)."""
    n_rays, n_steps = row.shape
    height, width = out.shape[1:]
    own = np.empty(_LANES, np.int32)
    taken = np.empty(_LANES, np.uint32)  # steps until the ray ended, 0 in the background
    for y in range(first, end):
        for x in range(0, width, _LANES):
            found = 0
            for lane in range(_LANES):
                own[lane] = images[0, y, x + _LANES + lane]
                found |= own[lane]
            if found == 0:
                continue
            for ray in range(n_rays):
                for lane in range(_LANES):
                    taken[lane] = own[lane] != 0
                for step in range(n_steps):
                    y_there, x_there = y + row[ray, step], x + column[ray, step] + _LANES
                    if y_there < 0 or y_there >= height or x_there < 0 or x_there + _LANES > images.shape[2]:
                        break
                    there = images[phase[ray, step], y_there, x_there : x_there + _LANES]
                    now = np.uint32(step + 1)
                    going = np.uint32(0)
                    for lane in range(_LANES):
                        goes = np.uint32((taken[lane] == now) & (there[lane] == own[lane]))
                        taken[lane] += goes
                        going |= goes
                    if going == 0:
                        break
                for lane in range(min(_LANES, width - x)):
                    out[ray, y, x + lane] = distance[ray, taken[lane]]
