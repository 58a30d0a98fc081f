"""The network's maps of probability and distances as images, for those who want to see what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.image.form import DIMS, from_array
from talanoa.models.runtime.tiles import Tile
from talanoa.models.runtime.types import Maps

Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]


class Collected:
    """Puts the maps of all tiles together.

    Parameters
    ----------
    shape : sequence of int
        Size of the image that the network sees.
    config : StarDistConfig or StarDist3DConfig
        Grid and rays; without rays there are no distances.
    """

    def __init__(self, shape: Sequence[int], config: Any) -> None:
        self._grid = config.grid
        places = [-(-side // step) for side, step in zip(shape, config.grid, strict=True)]
        self.arrays: Arrays = (
            np.zeros(places, np.float32),
            np.zeros((getattr(config, "n_rays", 0), *places), np.float32),
        )

    def keep(self, tile: Tile, maps: Maps) -> None:
        """Take over the maps of a tile."""
        sides = zip(tile.core, self._grid, strict=True)
        part = tuple(slice(start // step, -(-stop // step)) for (start, stop), step in sides)
        self.arrays[0][part] = maps.prob
        self.arrays[1][(slice(None), *part)] = maps.dist


def as_images(
    image: xr.DataArray, frames: Sequence[tuple[Arrays, Sequence[int]]], grid: Sequence[int]
) -> dict[str, xr.DataArray]:
    """Return maps in the image form.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        What was segmented.
    frames : sequence of ((probability, distances), seen)
        Maps of each frame on the grid, and the size of the image that the network saw.
    grid : sequence of int
        Spacing of the grid.

    Returns
    -------
    dict
        ``probability``, (t, 1, z, y, x) like the image, shown from 0 to 1; ``distances``,
        (t, rays, …) on the grid, with the pixel size of the grid, where the network has any.
    """
    flat = len(grid) == 2
    sizes = tuple(image.sizes[dim] for dim in ("yx" if flat else "zyx"))
    probability = np.stack([_enlarged(prob, sizes, seen, grid) for (prob, _), seen in frames])
    distances = np.stack([dist for (_, dist), _ in frames])
    if flat:
        probability, distances = probability[:, None], distances[:, :, None]
    attrs = {**image.attrs, "rgb": False, "channel_names": (), "luts": (), "display": ()}
    seen = frames[0][1]
    steps = [step * size / side for step, size, side in zip(grid, sizes, seen, strict=True)]
    pixel_size = tuple(np.multiply(image.attrs["pixel_size"], [1.0, *steps] if flat else steps).tolist())
    named = {**attrs, "name": f"{attrs.get('name') or 'image'} probability"}
    shown = _as_image(probability[:, None], named)
    shown.attrs["display"] = ((0.0, 1.0),)
    if not distances.shape[1]:
        return {"probability": shown}
    return {"probability": shown, "distances": _as_image(distances, {**attrs, "pixel_size": pixel_size})}


def _as_image(values: NDArray[np.float32], attrs: dict[str, Any]) -> xr.DataArray:
    known = {key: attrs[key] for key in ("pixel_size", "unit", "frame_interval", "name") if key in attrs}
    return from_array(values, DIMS, **known)


def _enlarged(
    values: NDArray[np.float32], sizes: Sequence[int], seen: Sequence[int], grid: Sequence[int]
) -> NDArray[np.float32]:
    """Return a map at the size of the image: each pixel has the value of its place on the grid."""
    for axis, (size, side, step) in enumerate(zip(sizes, seen, grid, strict=True)):
        place = ((np.arange(size) + 0.5) * side / size).astype(np.intp) // step
        values = values.take(place, axis=axis)
    return values
