"""From the winners of all blocks to labels, measurements and outlines, a block and its surroundings at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from talanoa.models import geometry
from talanoa.models.methods import star_convex
from talanoa.models.methods.star_convex import Candidates
from talanoa.segmentation.blocks.grid import Box, Grid, dilated, slices
from talanoa.segmentation.blocks.nms import near, reach
from talanoa.segmentation.request import SegmentRequest


@dataclass(frozen=True)
class Drawn:
    """The objects in and around a block, those that the filters will remove too.

    Parameters
    ----------
    box : Box
        The block with as much around it as its own objects can cover.
    labels : ndarray of int32
        Object k of `objects` is k + 1.
    objects : Candidates
        Whose boxes reach into `box`; more probable ones first.
    owner, rank : ndarray of int, (n,)
        Block of each object, and its place among the block's winners.
    """

    box: Box
    labels: NDArray[np.int32]
    objects: Candidates
    owner: NDArray[np.intp]
    rank: NDArray[np.intp]


def draw(grid: Grid, block: int, winners: Callable[[int], Candidates], largest: NDArray, slack: float = 0.0) -> Drawn:
    """Draw a block with its surroundings exactly as the whole image is drawn.

    Parameters
    ----------
    grid : Grid
        The blocks of the frame.
    block : int
        Which one.
    winners : function (block) -> Candidates
        What won in each block.
    largest : ndarray, (axes,)
        The largest extent of any candidate of the frame.
    slack : float
        Pixels by which centres may lie outside of their blocks.
    """
    box = dilated(grid.box(block), (reach(winners(block)) + slack).tolist(), grid.shape)
    parts, owner, rank = [], [], []
    for other in grid.around(box, largest.tolist()):
        found = winners(other)
        chosen = near(found, box, np.zeros(len(box)))
        parts.append(found.take(chosen))
        owner.append(np.full(len(chosen), other, np.intp))
        rank.append(chosen)
    objects = star_convex.joined(parts)
    order = np.argsort(-objects.probabilities, kind="stable")
    objects = objects.take(order)
    labels = _render(objects, box)
    return Drawn(box, labels, objects, np.concatenate(owner)[order], np.concatenate(rank)[order])


def _render(objects: Candidates, box: Box) -> NDArray[np.int32]:
    """Draw objects into a part of the image; corners are rounded as those of the whole image are."""
    origin = np.array([start for start, _ in box])
    shape = tuple(stop - start for start, stop in box)
    if objects.rays is not None:
        return star_convex.render(replace(objects, points=objects.points - origin.astype(np.float32)), shape)[0]
    corners = geometry.polygon_corners(objects.distances, objects.points).astype(np.float64) - origin
    return geometry.render_polygons(corners, objects.probabilities, shape)


def kept(drawn: Drawn, pixels: NDArray | None, grid: Grid, block: int, settings: SegmentRequest) -> NDArray[np.bool_]:
    """Tell which winners of a block stay: visible, and not excluded by the filters.

    Parameters
    ----------
    drawn : Drawn
        The block and its surroundings.
    pixels : ndarray or None
        Intensities of the drawn box, where the filters need them.
    grid, block
        Which block.
    settings : SegmentRequest
        Filters by size, intensity and border.

    Returns
    -------
    ndarray of bool, (winners of the block,)
    """
    count = len(drawn.objects)
    flat = drawn.labels.ravel()
    area = np.bincount(flat, minlength=count + 1)[1:]
    keep = (area > 0) & (area >= settings.min_size)
    if settings.max_size is not None:
        keep &= area <= settings.max_size
    if pixels is not None:
        mean = np.bincount(flat, pixels.ravel().astype(np.float64), count + 1)[1:] / np.maximum(area, 1)
        low = -np.inf if settings.min_intensity is None else settings.min_intensity
        high = np.inf if settings.max_intensity is None else settings.max_intensity
        keep &= (mean >= low) & (mean <= high)
    if settings.exclude_border:
        keep[_at_border(drawn, grid) - 1] = False
    own = drawn.owner == block
    result = np.zeros(int(own.sum()), bool)
    result[drawn.rank[own]] = keep[own]
    return result


def _at_border(drawn: Drawn, grid: Grid) -> NDArray[np.intp]:
    """Return the numbers of the objects that touch the border of the image."""
    rims = []
    for axis, ((start, stop), size) in enumerate(zip(drawn.box, grid.shape, strict=True)):
        if size > 1 and start == 0:
            rims.append(drawn.labels.take(0, axis).ravel())
        if size > 1 and stop == size:
            rims.append(drawn.labels.take(-1, axis).ravel())
    rim = np.unique(np.concatenate(rims)) if rims else np.zeros(0, np.int32)
    return rim[rim > 0].astype(np.intp)


def numbered(drawn: Drawn, numbers: Callable[[int], NDArray[np.int32]]) -> NDArray[np.int32]:
    """Return the labels with their final numbers.

    Parameters
    ----------
    drawn : Drawn
        The block and its surroundings.
    numbers : function (block) -> ndarray of int32
        The number of each winner of a block, 0 for those that were removed.
    """
    table = np.zeros(len(drawn.objects) + 1, np.int32)
    for other in np.unique(drawn.owner).tolist():
        of_block = drawn.owner == other
        table[1:][of_block] = numbers(other)[drawn.rank[of_block]]
    return table[drawn.labels]


def only(labels: NDArray[np.int32], first: int, last: int) -> NDArray[np.int32]:
    """Return labels without those outside of first..last."""
    return np.where((labels >= first) & (labels <= last), labels, 0)


def as_image(values: NDArray, attrs: dict[str, Any], channels: bool = False) -> xr.DataArray:
    """Return a part of a frame, (y, x), (z, y, x) or with channels before them, in the image form."""
    space = values if channels else values[None]
    space = space[:, None] if space.ndim == 3 else space
    keys = ("pixel_size", "unit", "frame_interval", "name", "grey_values")
    known = {key: attrs[key] for key in keys if key in attrs}
    return xr.DataArray(space[None], dims=("t", "c", "z", "y", "x"), attrs={**known, "rgb": False, "channel_names": ()})


def shifted(table: pd.DataFrame, box: Box, pixel_size: tuple[float, float, float]) -> pd.DataFrame:
    """Return measurements of a part with the positions that they have in the whole image."""
    origin = dict(zip("zyx"[-len(box) :], (start for start, _ in box), strict=True))
    size = dict(zip("zyx", pixel_size, strict=True))
    moved = {
        name: table[name] + origin[axis] * size[axis]
        for axis in origin
        for name in (axis.upper(), f"B{axis.upper()}")
        if name in table.columns
    }
    return table.assign(**moved)


def core_of(drawn: Drawn, values: NDArray, box: Box) -> NDArray:
    """Cut the block out of what was drawn."""
    return values[slices(box, [start for start, _ in drawn.box])]
