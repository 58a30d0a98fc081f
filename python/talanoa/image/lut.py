"""The colour table of label images: neighbouring numbers get colours that are far apart.

Glasbey et al., Color Research & Application 32, 304 (2007): each further colour is the one that is farthest, in a
perceptual space, from all colours chosen before it. Computed here on a grid of sRGB colours with CIELAB distances.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_DARKEST = 35.0  # CIELAB lightness below which a label would vanish on the black background
_GRID_STEP = 17  # 0, 17, ..., 255: 4,096 candidate colours
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE_D65 = np.array([0.95047, 1.0, 1.08883])


@lru_cache(maxsize=1)
def glasbey() -> NDArray[np.uint8]:
    """Return the label colour table, computed once (about 20 ms).

    Returns
    -------
    uint8 array (256, 3)
        Red, green and blue; entry 0 is black, the other 255 are all different. The array is read-only.
    """
    levels = np.arange(0, 256, _GRID_STEP)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _to_lab(candidates)
    candidates, lab = candidates[lab[:, 0] >= _DARKEST], lab[lab[:, 0] >= _DARKEST]
    lab = np.rint(lab * 100).astype(np.int64)  # whole numbers: the same choice on every machine
    table = np.zeros((256, 3), np.uint8)
    nearest = np.full(len(lab), np.iinfo(np.int64).max)
    for index in range(1, 256):
        previous = _to_lab(table[index - 1 : index].astype(np.int64))
        distance = ((lab - np.rint(previous * 100).astype(np.int64)) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, distance)
        table[index] = candidates[np.argmax(nearest)]
    table.flags.writeable = False
    return table


def _to_lab(rgb: NDArray[np.int64]) -> NDArray[np.float64]:
    """Convert sRGB 0..255 (n, 3) to CIELAB (n, 3), D65 white."""
    value = rgb / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    relative = linear @ _XYZ.T / _WHITE_D65
    root = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
