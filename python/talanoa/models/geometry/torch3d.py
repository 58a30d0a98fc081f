"""Star distances and drawing in 3D on tensors, for labels and polyhedra that are on a GPU already.

The same definitions as in `star3d` and `render3d`, and the same results up to single precision; every function works
on whatever device its tensors are on. On processors the compiled kernels are faster.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talanoa.core.errors import BadInput
from talanoa.models.geometry.rays3d import Rays3D
from talanoa.models.geometry.solid3d import ON_SURFACE, SMALLEST, WIDEST_TABLE, cones
from talanoa.models.geometry.star3d import ray_steps

AT_ONCE = 1 << 24  # elements of a temporary tensor: 128 MiB of indices
SLACK = 1e-5  # of single precision, for voxels on the surface


def star_distances3d(labels: Tensor, rays: Rays3D, grid: tuple[int, int, int] = (1, 1, 1)) -> Tensor:
    """Measure from every voxel to the end of its own object along each ray.

    Parameters
    ----------
    labels : Tensor of int, (z, y, x)
        Label image, 0 = background, on any device.
    rays : Rays3D
        Directions.
    grid : (int, int, int)
        Measure at every grid-th voxel only.

    Returns
    -------
    Tensor of float32, (ceil(z / grid), ceil(y / grid), ceil(x / grid), rays)
        As `talanoa.models.geometry.star_distances3d`, on the device of `labels`.

    Raises
    ------
    BadInput
        Where `labels` has not three axes or is not of whole numbers.
    """
    if labels.ndim != 3 or labels.is_floating_point():
        raise BadInput(f"The labels are {labels.dtype} {tuple(labels.shape)}; expected whole numbers (z, y, x).")
    given = labels[:: grid[0], :: grid[1], :: grid[2]]
    out = torch.zeros((*given.shape, len(rays)), dtype=torch.float32, device=labels.device)
    voxels = given.nonzero()
    if not len(voxels):
        return out
    steps = ray_steps(rays, 1, max(labels.shape))
    padded = torch.nn.functional.pad(labels, (1, 1, 1, 1, 1, 1))
    strides = torch.tensor(padded.stride(), device=labels.device)
    places = ((voxels * torch.tensor(grid, device=labels.device) + 1) * strides).sum(1)
    offsets = torch.from_numpy(steps.offsets[..., [0, 1, 3]]).to(labels.device)
    lengths = torch.from_numpy(steps.lengths).to(labels.device)
    found = torch.empty((len(voxels), len(rays)), device=labels.device)
    few = max(1, AT_ONCE // len(voxels))
    for first in range(0, len(rays), few):
        some = slice(first, first + few)
        found[:, some] = _march(padded.reshape(-1), places, (offsets[some] * strides).sum(-1), lengths[some])
    out[tuple(voxels.T)] = found
    return out


def _march(labels: Tensor, places: Tensor, offsets: Tensor, lengths: Tensor) -> Tensor:
    """Return where each ray (rays, steps) first leaves the object of each place (n,): lengths (n, rays)."""
    own = labels[places][:, None]
    inside = torch.ones((len(places), len(offsets)), dtype=torch.bool, device=labels.device)
    count = torch.zeros(inside.shape, dtype=torch.int64, device=labels.device)
    for step in range(offsets.shape[1]):
        at = (places[:, None] + offsets[:, step]).clamp_(0, len(labels) - 1)  # rays that have ended may be anywhere
        inside &= labels[at] == own
        count += inside
        if step % 4 == 3 and not bool(inside.any()):  # asking makes the processor wait for the GPU
            break
    return lengths.gather(1, count.T).T


def render_polyhedra(
    distances: Tensor, points: Tensor, rays: Rays3D, probabilities: Tensor, shape: tuple[int, int, int]
) -> Tensor:
    """Draw polyhedra into a label image; where they overlap, the more probable one is on top.

    Parameters
    ----------
    distances : Tensor of float, (n, rays)
        Distances in voxels, up to 47.
    points : Tensor of int, (n, 3)
        Centres (z, y, x).
    rays : Rays3D
        Directions and faces.
    probabilities : Tensor of float, (n,)
        Drawing order.
    shape : (int, int, int)
        Size of the label image.

    Returns
    -------
    Tensor of int32, (z, y, x)
        1..n in the order given, as `talanoa.models.geometry.render_polyhedra`, on the device of `distances`.

    Raises
    ------
    BadInput
        Where a distance is no number or longer than the table of faces reaches.
    """
    device = distances.device
    ranks = torch.zeros(shape, dtype=torch.int64, device=device)
    if not len(distances):
        return ranks.int()
    longest = float(distances.max())
    if not longest < WIDEST_TABLE - 1:
        raise BadInput(
            f"The longest distance is {longest:.4g} voxels; expected less than {WIDEST_TABLE - 1}. Draw larger "
            "polyhedra with talanoa.models.geometry.render_polyhedra."
        )
    tables = cones(rays, longest)
    reach = int(np.ceil(longest)) + 1
    window, edge = slice(tables.radius - reach, tables.radius + reach + 1), 2 * tables.radius + 1
    near = tables.towards.reshape(edge, edge, edge)[window, window, window]
    towards = torch.from_numpy(near.astype(np.int64)).to(device).reshape(-1)
    side = torch.arange(-reach, reach + 1, device=device)
    vectors = torch.cartesian_prod(side, side, side)  # (voxels, 3)
    inverses = torch.from_numpy(tables.inverses.astype(np.float32)).to(device)
    shares = 1 / distances.float().clamp(min=SMALLEST)
    planes = torch.einsum("nfc,fca->nfa", shares[:, torch.from_numpy(tables.faces).to(device)], inverses)
    order = torch.argsort(probabilities, stable=True)
    few = max(1, AT_ONCE // (3 * len(vectors)))
    for first in range(0, len(order), few):
        some = order[first : first + few]
        heights = (planes[some][:, towards] * vectors).sum(-1)  # (some, voxels)
        which, voxel = (heights <= ON_SURFACE + SLACK).nonzero(as_tuple=True)
        _paint(ranks, points[some[which]].long() + vectors[voxel], first + 1 + which)
    return torch.cat([order.new_zeros(1), order + 1])[ranks].int()


def _paint(ranks: Tensor, places: Tensor, values: Tensor) -> None:
    """Raise `ranks` (z, y, x) at these places (n, 3) to the values (n,); places outside are left out."""
    sizes = torch.tensor(ranks.shape, device=ranks.device)
    within = ((places >= 0) & (places < sizes)).all(dim=1)
    flat = (places[within] * torch.tensor(ranks.stride(), device=ranks.device)).sum(1)
    ranks.view(-1).scatter_reduce_(0, flat, values[within], "amax")
