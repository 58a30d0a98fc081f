"""Shapes of objects in a plane, and objects beside each other: which touch, which look as if one had just divided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

SMALL = 0.75  # of the median area, at most
ALIKE = 0.6  # smaller / larger area, at least
PARALLEL = 30.0  # degrees between the long axes, at most
ACROSS = 50.0  # degrees between a long axis and the line through both centres, at least
CLOSE, CLOSE_ROUND = 1.0, 0.3  # of the mean width: the gap between two long, or two round ones, at most
LONG = 1.2  # length / width from which an object has a long axis


def contacts(plane: NDArray[np.int32]) -> dict[tuple[int, int], int]:
    """Return how many pixel edges two labels share, for each pair (smaller, larger) that touches."""
    found: dict[tuple[int, int], int] = {}
    for one, other in ((plane[:, :-1], plane[:, 1:]), (plane[:-1], plane[1:])):
        differ = (one != other) & (one > 0) & (other > 0)
        pairs = np.sort(np.stack([one[differ], other[differ]]), axis=0)
        rows, count = np.unique(pairs, axis=1, return_counts=True)
        for low, high, length in zip(*rows.tolist(), count.tolist(), strict=True):
            found[low, high] = found.get((low, high), 0) + length
    return found


def solidities(plane: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return area / area of the convex hull of each label, ascending; about 1 for any disc, also a small one.

    The hull is that of the middles of the pixels' edges. Through their corners (as in the table of measurements) the
    steps of a slanted outline count as hollows, and small round objects look far from convex.
    """
    from scipy.ndimage import find_objects
    from scipy.spatial import ConvexHull

    result = []
    for label, box in enumerate(find_objects(plane), 1):
        if box is None:
            continue
        inside = plane[box] == label
        rows = np.flatnonzero(inside.any(axis=1))  # the first and last pixel of each are enough
        first = inside[rows].argmax(axis=1)
        last = inside.shape[1] - 1 - inside[rows, ::-1].argmax(axis=1)
        steps = ((first, 0, -0.5), (last, 0, 0.5), (first, -0.5, 0), (first, 0.5, 0), (last, -0.5, 0), (last, 0.5, 0))
        edges = np.concatenate([np.stack([rows + dy, columns + dx], axis=1) for columns, dy, dx in steps])
        result.append(min(1.0, int(inside.sum()) / float(ConvexHull(edges).volume)))
    return np.array(result, np.float64)


def divided(measured: pd.DataFrame, median: float) -> list[tuple[int, int]]:
    """Return pairs of labels that look like the daughters of one cell.

    Both are smaller than usual and alike in size, lie close together, and if they are elongated their long axes are
    parallel and lie across the line through their centres, as the plates of chromosomes do after a division. Of several
    such neighbours the closest one counts.

    Parameters
    ----------
    measured : DataFrame
        `tables.measure` of one plane, in pixels.
    median : float
        The usual area.
    """
    from scipy.spatial import cKDTree

    if len(measured) < 2:
        return []
    center = measured[["X", "Y"]].to_numpy(float)
    area, major, minor, angle = (measured[key].to_numpy(float) for key in ("Area", "Major", "Minor", "Angle"))
    label = measured["Label"].to_numpy(int)
    # ImageJ's angle counts against the clock, y points down
    axis = np.stack([np.cos(np.radians(angle)), -np.sin(np.radians(angle))], axis=1)
    found: dict[tuple[int, int], float] = {}
    for one, other in cKDTree(center).query_pairs(float(1.5 * major.max())):
        pair = np.array([one, other])
        line = center[other] - center[one]
        length = float(np.hypot(*line))
        if length == 0 or area[pair].max() > SMALL * median or area[pair].min() < ALIKE * area[pair].max():
            continue
        turned = np.degrees(np.arccos(np.clip(np.abs(axis[pair] @ (line / length)), 0, 1)))
        reach = np.hypot(major[pair] * np.cos(np.radians(turned)), minor[pair] * np.sin(np.radians(turned))) / 2
        between = np.degrees(np.arccos(np.clip(abs(float(axis[one] @ axis[other])), 0, 1)))
        elongated = (major[pair] / minor[pair] > LONG).all()
        fits = not elongated or (between <= PARALLEL and turned.min() >= ACROSS)
        if fits and length - reach.sum() <= (CLOSE if elongated else CLOSE_ROUND) * minor[pair].mean():
            found[one, other] = length - reach.sum()
    nearest = {k: min((gap, both) for both, gap in found.items() if k in both)[1] for both in found for k in both}
    mutual = [pair for pair in found if nearest[pair[0]] == nearest[pair[1]] == pair]
    return sorted((int(min(label[list(pair)])), int(max(label[list(pair)]))) for pair in mutual)
