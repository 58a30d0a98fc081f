"""The 2D geometry on tensors: the same functions as on the CPU, for data that is on a GPU already.

Written with torch's own operations only, so that they run on every device; the CPU is faster with the compiled kernels.
Results agree with those except where single precision decides (distances and corners are float32, areas float32 on
devices without float64).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import max_pool2d, pad

from talanoa.models.geometry.nms2d import _NUDGE
from talanoa.models.geometry.star2d import _steps, ray_angles

_SYNC = 8  # steps between two looks at whether anything is left to do
_CHUNK = 1 << 25  # numbers in one intermediate tensor
_SAME = 1e-12  # pixels, see render2d


def star_distances(labels: torch.Tensor, n_rays: int = 32, grid: tuple[int, int] = (1, 1)) -> torch.Tensor:
    """Measure from every pixel to the border of its own object; see `geometry.star_distances`.

    Parameters
    ----------
    labels : integer tensor (y, x)
        0 = background.
    n_rays, grid : int, (int, int)
        Rays, and the spacing of the output.

    Returns
    -------
    float32 tensor (n_rays, ceil(y / grid), ceil(x / grid))
        Rays first, as networks have them.
    """
    height, width = labels.shape
    steps = _steps(n_rays, int(np.hypot(height, width)) + 3, (1, 1))
    row, column = (torch.from_numpy(part.T.copy()).to(labels.device) for part in (steps.row, steps.column))
    distance = torch.from_numpy(steps.distance).to(labels.device)
    flat = pad(labels, (1, 1, 1, 1)).ravel()  # a ring of background: rays that leave the image end on it
    y = torch.arange(0, height, grid[0], device=labels.device)[:, None] + 1
    x = torch.arange(0, width, grid[1], device=labels.device)[None, :] + 1
    own = labels[:: grid[0], :: grid[1]]
    going = (own != 0).expand(n_rays, *own.shape)
    taken = going.to(torch.int32)
    for step in range(len(row)):
        there_y = (y + row[step, :, None, None]).clamp(0, height + 1)
        there_x = (x + column[step, :, None, None]).clamp(0, width + 1)
        going = going & (flat[there_y * (width + 2) + there_x] == own)
        taken += going
        if step % _SYNC == 0 and not bool(going.any()):
            break
    return distance.gather(1, taken.view(n_rays, -1).long()).view(n_rays, *own.shape)


def edge_probability(labels: torch.Tensor) -> torch.Tensor:
    """Return the distance to the object's border divided by the object's largest one, 0 outside; float32 (y, x).

    A pixel with another label is at height 0 of its row's parabolas, so that what lies behind it cannot be nearer.
    """
    if not labels.numel() or not bool((labels != 0).any()):
        return torch.zeros(labels.shape, device=labels.device)
    if bool((labels == labels[0, 0]).all()):
        return edge_probability(pad(labels, (1, 1, 1, 1)))[1:-1, 1:-1].contiguous()
    down = _to_other_label(labels).square()
    squared = down.clone()
    for step in range(1, labels.shape[1]):
        for one, other in ((slice(step, None), slice(None, -step)), (slice(None, -step), slice(step, None))):
            height = torch.where(labels[:, one] == labels[:, other], down[:, other], 0) + step * step
            squared[:, one] = torch.minimum(squared[:, one], height)
        if step % _SYNC == 0 and step * step >= float(squared[labels != 0].max()):
            break
    distance = torch.where(labels != 0, squared, 0).sqrt()
    number = torch.unique(labels, return_inverse=True)[1]
    peak = torch.zeros(int(number.max()) + 1, device=labels.device)
    peak = peak.scatter_reduce(0, number.ravel(), distance.ravel(), "amax")
    return distance / peak[number].clamp_min(1e-10)


def _to_other_label(labels: torch.Tensor) -> torch.Tensor:
    """Return the distance along the column to the next other label, float32; infinite where there is none."""
    found = torch.full(labels.shape, torch.inf, device=labels.device)
    for step in range(1, labels.shape[0]):
        differs = labels[step:] != labels[:-step]
        for side in (slice(step, None), slice(None, -step)):
            found[side] = torch.where(differs & (found[side] > step), step, found[side])
        if step % _SYNC == 0 and not bool((torch.isinf(found) & (labels != 0)).any()):
            break
    return found


class _Polygons(NamedTuple):
    """Candidates, most probable first."""

    corner: torch.Tensor  # (n, rays, 2) int64: y, x
    low: torch.Tensor  # (n, 2) first corner of the box
    high: torch.Tensor  # (n, 2) last corner of the box
    area: torch.Tensor  # (n,)

    def take(self, index: torch.Tensor) -> _Polygons:
        """Return the chosen ones."""
        return _Polygons(*(part[index] for part in self))


def suppress_overlaps(
    distances: torch.Tensor, probabilities: torch.Tensor, points: torch.Tensor, threshold: float
) -> torch.Tensor:
    """Choose candidates by greedy non-maximum suppression; see `geometry.suppress_overlaps`.

    In each round, candidates that are the most probable ones far and wide win, all at once, and drop those around them:
    the same winners as one after the other.

    Parameters
    ----------
    distances, probabilities, points : float tensors (n, rays), (n,), (n, 2)
        Ray lengths, probability and centre (y, x) of each candidate.
    threshold : float
        Largest overlap with a winner, as a share of the smaller polygon.

    Returns
    -------
    int64 tensor (k,)
        Indices of the winners, most probable first.
    """
    order = torch.argsort(probabilities, descending=True, stable=True)
    if not len(order):
        return order
    polygons = _polygons(distances[order], points[order])
    cell = int((polygons.high - polygons.low).max()) + 1
    place = (polygons.low - polygons.low.amin(0)) // cell
    columns = int(place[:, 1].max()) + 3  # an empty one on both sides
    bucket = (place[:, 0] + 1) * columns + place[:, 1] + 1
    n_buckets = (int(place[:, 0].max()) + 3) * columns
    limit = float(np.float32(threshold))
    winners, open_ = [], torch.arange(len(order), device=order.device)
    while len(open_):
        first = torch.full((n_buckets,), len(order), device=order.device)
        first = first.scatter_reduce(0, bucket[open_], open_, "amin").view(1, 1, -1, columns)
        around = -max_pool2d(-first.to(torch.float32), 3, 1, 1).long().view(-1)  # whole numbers to 2**24
        wins = open_ == around[bucket[open_]]
        won, open_ = open_[wins], open_[~wins]
        winners.append(won)
        open_ = open_[~_dropped(polygons, bucket, columns, won, open_, limit)]
    return order[torch.cat(winners).sort().values]


def _polygons(distances: torch.Tensor, points: torch.Tensor) -> _Polygons:
    """Move the corners to whole pixels and measure the polygons."""
    angles = ray_angles(distances.shape[1])
    direction = torch.from_numpy(np.stack([np.sin(angles), np.cos(angles)], axis=1)).to(distances)
    place = points.to(_exact(distances))[:, None] + (distances[..., None] * direction).to(_exact(distances))
    corner = (place + _NUDGE * place.sign()).long()  # towards 0
    following = corner.roll(-1, 1)
    twice = (corner[..., 1] * following[..., 0] - corner[..., 0] * following[..., 1]).sum(1)
    return _Polygons(corner, corner.amin(1), corner.amax(1), twice.abs().to(_exact(distances)) / 2)


def _exact(like: torch.Tensor) -> torch.dtype:
    """Return the most exact type of the device."""
    return torch.float32 if like.device.type == "mps" else torch.float64


def _dropped(
    polygons: _Polygons, bucket: torch.Tensor, columns: int, won: torch.Tensor, open_: torch.Tensor, limit: float
) -> torch.Tensor:
    """Tell which open candidates overlap a winner by more than `limit`; no two winners are within one bucket."""
    there = torch.full((int(bucket.max()) + columns + 2,), -1, device=won.device)
    there[bucket[won]] = won
    dropped = torch.zeros(len(open_), dtype=torch.bool, device=won.device)
    for step in [row * columns + column for row in (-1, 0, 1) for column in (-1, 0, 1)]:
        winner = there[bucket[open_] + step]
        place = torch.nonzero((winner >= 0) & ~dropped).ravel()
        for part in _parts(place, 4096):
            dropped[part] = _overlap_more(polygons.take(winner[part]), polygons.take(open_[part]), limit)
    return dropped


def _overlap_more(one: _Polygons, other: _Polygons, limit: float) -> torch.Tensor:
    """Tell of each pair whether it shares more than `limit` of the smaller polygon's area."""
    least = limit * torch.minimum(one.area, other.area)
    size = torch.minimum(one.high, other.high) - torch.maximum(one.low, other.low)
    possible = (size > 0).all(1) & (size.prod(1).to(least) > least)
    result = torch.zeros_like(possible)
    index = torch.nonzero(possible).ravel()
    if not len(index):
        return result
    top = torch.maximum(one.low, other.low)[index, 0]
    height = int(size[index, 0].max())
    for part in _parts(torch.arange(len(index), device=index.device), _CHUNK // (height * one.corner.shape[1])):
        chosen = index[part]
        pieces = [_pieces(polygon.corner[chosen], top[part], size[chosen, 0], least.dtype) for polygon in (one, other)]
        result[chosen] = _shared_area(*pieces) > least[chosen]
    return result


def _parts(index: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Yield pieces of a list."""
    size = max(1, size)
    for start in range(0, len(index), size):
        yield index[start : start + size]


def _pieces(
    corner: torch.Tensor, top: torch.Tensor, rows: torch.Tensor, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cut edges into strips of one row from `top` on; return x above, x below and direction, (n, strips, pieces).

    Direction is 1 of an edge that goes down, -1 of one that goes up, 0 of no edge.
    """
    y0, x0 = corner[:, None, :, 0], corner[:, None, :, 1].to(dtype)  # (n, 1, rays)
    y1, x1 = corner.roll(-1, 1)[:, None, :, 0], corner.roll(-1, 1)[:, None, :, 1].to(dtype)
    strip = torch.arange(int(rows.max()), device=corner.device)[None, :, None]
    y = top[:, None, None] + strip
    crosses = (torch.minimum(y0, y1) <= y) & (y < torch.maximum(y0, y1)) & (strip < rows[:, None, None])
    slope = (x1 - x0) / torch.where(y1 == y0, 1, y1 - y0)
    above = x0 + (y - y0) * slope
    direction = torch.where(crosses, torch.where(y1 > y0, 1, -1), 0).to(dtype)
    most = int(crosses.sum(2).max())
    chosen = crosses.to(torch.int8).argsort(2, descending=True)[..., :most]
    slope = slope.expand_as(above).gather(2, chosen)
    above = above.gather(2, chosen)
    return above, above + slope, direction.gather(2, chosen)


def _shared_area(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the area that polygons in strips share; see `nms2d._shared_area`."""
    total = torch.zeros(len(one[0]), dtype=one[0].dtype, device=one[0].device)
    for above, below, direction in zip(*(part.unbind(2) for part in one), strict=True):
        left, right = above[..., None] - other[0], below[..., None] - other[1]
        high, low = torch.maximum(left, right), torch.minimum(left, right)
        whole = (high + low.clamp_min(0)) / 2
        cut = high.clamp_min(0).square() / (2 * (high - low).clamp_min(1e-30))
        part = torch.where(low >= 0, whole, cut)
        total += (direction[..., None] * other[2] * part).sum((1, 2))
    return total.abs()


def render_polygons(
    corners: torch.Tensor, probabilities: torch.Tensor, shape: tuple[int, int], ids: torch.Tensor | None = None
) -> torch.Tensor:
    """Draw polygons into a label image, the more probable one on top; see `geometry.render_polygons`.

    Parameters
    ----------
    corners, probabilities : float tensors (n, rays, 2), (n,)
        Vertices (y, x) and drawing order.
    shape : (int, int)
        Size of the label image.
    ids : integer tensor (n,), optional
        Label of each polygon; 1..n when left out.

    Returns
    -------
    int32 tensor, `shape`
    """
    device, n = corners.device, len(corners)
    ids = torch.arange(1, n + 1, device=device) if ids is None else ids
    top = torch.zeros(shape[0] * shape[1], dtype=torch.long, device=device)  # place in the drawing order, from 1
    order = torch.argsort(probabilities, stable=True)
    corners = corners.to(_exact(corners))[order]
    low = corners.amin(1).ceil().clamp_min(0).long() if n else corners.new_zeros((0, 2), dtype=torch.long)
    rest = corners.amax(1).floor().long() - low + 1 if n else low
    side = int(rest.max()) if n else 0
    for part in _parts(torch.arange(n if side > 0 else 0, device=device), _CHUNK // max(1, side * side * 8)):
        steps = torch.arange(side, device=device)
        y, x = low[part, :1] + steps, low[part, 1:] + steps  # (n, side)
        inside = _inside(corners[part], y.to(corners), x.to(corners))
        inside &= (y < shape[0])[:, :, None] & (x < shape[1])[:, None, :]
        polygon, row, column = torch.nonzero(inside, as_tuple=True)
        place = y[polygon, row] * shape[1] + x[polygon, column]
        top.scatter_reduce_(0, place, part[polygon] + 1, "amax")
    label = torch.cat([ids.new_zeros(1), ids[order]])
    return label[top].view(shape).to(torch.int32)


def _inside(corners: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Tell which pixels (n, rows, columns) belong to each polygon: inside, on an edge or on a corner."""
    right = torch.zeros((len(y), y.shape[1], x.shape[1]), dtype=torch.bool, device=y.device)
    left, corner = right.clone(), right.clone()
    before = corners[:, -1]
    for now in corners.unbind(1):
        y0, y1 = now[:, :1] - y, before[:, :1] - y  # (n, rows)
        x0, x1 = (now[:, 1:] - x)[:, None], (before[:, 1:] - x)[:, None]  # (n, 1, columns)
        above, below = ((y0 > 0) != (y1 > 0))[..., None], ((y0 < 0) != (y1 < 0))[..., None]
        crossing = (x0 * y1[..., None] - x1 * y0[..., None]) / (y1 - y0)[..., None]
        right ^= above & (crossing > 0)
        left ^= below & (crossing < 0)
        corner |= (y0.abs() < _SAME)[..., None] & (x0.abs() < _SAME)
        before = now
    return right | left | corner
