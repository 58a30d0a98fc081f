"""What looks wrong in an annotation: overlaps, merged or tiny objects, outlines outside the image, gaps in stacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa import rois as module
from talanoa.annotation.neighbours import contacts, divided, solidities
from talanoa.measure import tables
from talanoa.rois.linking import object_numbers
from talanoa.rois.roi_set import RoiSet

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("roi", "index", "kind", "value", "hint", "fix", "indices")
_ORDER = (
    "outside", "empty", "overlap", "merged", "parts", "hole", "tiny", "gap", "clipped", "duplicate", "unnamed", "class",
    "divided", "touching",
)  # fmt: skip
_FEW = 5  # objects are needed to say what is usual
_SMALLEST = 30  # pixels below which the shape says nothing
_LARGE = 2.5  # times the median area
_USUAL, _HOLLOW = 0.9, 0.15  # smaller objects than usual look merged only when they are that much less convex


class Finding(NamedTuple):
    """One thing to look at.

    Parameters
    ----------
    roi : int
        Its index, from 0.
    kind : str
        One of `_ORDER`.
    value : float
        How much: pixels, a ratio, a slice; the hint says which.
    hint : str
        What it may be.
    fix : str
        The repair that helps mostly, "" for none.
    also : int
        A second ROI, -1 for none.
    """

    roi: int
    kind: str
    value: float
    hint: str
    fix: str = ""
    also: int = -1


def check(
    rois: RoiSet,
    like: xr.DataArray | None = None,
    classes: Sequence[str] = (),
    tiny: int | None = None,
    convex: float = 0.9,
) -> pd.DataFrame:
    """List what looks wrong in a set of ROIs.

    Parameters
    ----------
    rois : RoiSet
    like : DataArray (t, c, z, y, x), optional
        The image; without it nothing is outside.
    classes : sequence of str
        Classes of the dataset; with them each ROI should have a group.
    tiny : int or None
        Smallest usual area in pixels; None: a tenth of the median.
    convex : float
        Area / area of the convex hull below which an object looks like several.

    Returns
    -------
    DataFrame
        roi (name), index (from 0), kind, value, hint, fix (the repair that helps mostly, or empty), indices (of all
        ROIs meant, separated by commas), worst kinds first.
    """
    import pandas as pd

    found = list(_found(rois, like, classes, tiny, convex)) if len(rois) else []
    unique = {(one.roi, one.kind, one.also): one for one in reversed(found)}
    rows = [
        (rois.names[one.roi], one.roi, one.kind, round(one.value, 3), one.hint, one.fix, _indices(one))
        for one in sorted(unique.values(), key=lambda one: (_ORDER.index(one.kind), one.roi))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _found(
    rois: RoiSet, like: xr.DataArray | None, classes: Sequence[str], tiny: int | None, convex: float
) -> Iterator[Finding]:
    """Yield everything, in any order."""
    yield from _names(rois)
    yield from _groups(rois, classes)
    yield from _several_paths(rois)
    if rois.position[:, 1].any():
        yield from _gaps(rois)
    # painted under their indices as names, so that what is said of them tells which ROI is meant
    numbered = replace(rois, names=tuple(map(str, range(len(rois)))), label=np.arange(1, len(rois) + 1, dtype=np.int32))
    filled = module.to_labels(numbered, None if like is not None else _shape(rois), like)
    yield from _places(filled)
    planes = _planes(filled.labels.values)
    measured = _measured(planes)
    measured["Solidity"] = np.concatenate([[], *(solidities(plane) for plane in planes)])
    yield from _sizes(measured, tiny, convex)
    yield from _neighbours(planes, measured)


def _names(rois: RoiSet) -> Iterator[Finding]:
    """Yield ROIs without a name, and equal names in one plane."""
    position = np.maximum(rois.position[:, 1:], 1).tolist()
    places = [(name, *place) for name, place in zip(rois.names, position, strict=True)]
    times, first = Counter(places), dict[tuple, int]()
    for k, place in enumerate(places):
        if not place[0].strip():
            yield Finding(k, "unnamed", 0, "It has no name; it gets one when the image is saved.")
        elif times[place] > 1 and place in first:
            hint = f"{times[place]} ROIs are called so here; in stacks they count as one object."
            yield Finding(k, "duplicate", times[place], hint, "", first[place])
        first.setdefault(place, k)


def _groups(rois: RoiSet, classes: Sequence[str]) -> Iterator[Finding]:
    """Yield ROIs without a class, and groups that are no class."""
    for k, group in enumerate(rois.group.tolist() if classes else ()):
        if group == 0:
            yield Finding(k, "class", 0, f"It has no class; set its group to 1..{len(classes)}.")
        elif group > len(classes):
            yield Finding(k, "class", group, f"Group {group} is no class; the dataset has {len(classes)}.")


def _several_paths(rois: RoiSet) -> Iterator[Finding]:
    """Yield ROIs with holes or several parts."""
    for k in np.flatnonzero(np.diff(rois.roi_start) > 1).tolist():
        areas = [_signed_area(path) for path in rois.paths(k)]
        outer = areas[int(np.argmax(np.abs(areas)))]
        holes = sum(area * outer < 0 for area in areas)
        parts = len(areas) - holes
        if holes:
            yield Finding(k, "hole", holes, f"It has {holes} hole{'s' * (holes != 1)}.", "fill")
        if parts > 1:
            yield Finding(k, "parts", parts, f"It has {parts} separate parts.", "simplify")


def _gaps(rois: RoiSet) -> Iterator[Finding]:
    """Yield objects that are missing in slices between two of theirs."""
    number = object_numbers(rois)
    for one in np.unique(number):
        rows = np.flatnonzero(number == one)
        rows = rows[np.argsort(rois.position[rows, 1], kind="stable")]
        for low, high in zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True):
            first, last = (int(rois.position[k, 1]) for k in (low, high))
            if last - first > 1:
                missing = f"slice {first + 1}" if last - first == 2 else f"slices {first + 1} to {last - 1}"
                yield Finding(low, "gap", first + 1, f"The object has no outline in {missing}.", "interpolate", high)


def _places(filled: module.Filled) -> Iterator[Finding]:
    """Yield overlaps, and what lies outside the image or holds no pixel."""
    for name in filled.outside:
        yield Finding(int(name), "outside", 0, "It lies outside the image.", "delete")
    for name in filled.clipped:
        yield Finding(int(name), "clipped", 0, "It reaches beyond the image.", "clip")
    for name in filled.empty:
        yield Finding(int(name), "empty", 0, "It encloses no pixel.", "delete")
    covered = {int(name) for name in filled.covered}
    table = filled.overlaps
    for one, other, pixels in zip(table["Earlier"], table["Later"], table["Pixels"], strict=True):
        earlier, later = int(one), int(other)
        if earlier in covered:
            yield Finding(earlier, "overlap", float(pixels), "Later ROIs cover all of it.", "delete", later)
        else:
            hint = f"It shares {pixels} pixels with a later ROI, which gets them; or both are one object."
            yield Finding(earlier, "overlap", float(pixels), hint, "merge", later)


def _planes(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the planes (n, y, x) that hold objects."""
    planes = values.reshape(-1, *values.shape[-2:])
    return planes[planes.any(axis=(1, 2))]


def _measured(planes: NDArray[np.int32]) -> pd.DataFrame:
    """Measure all outlines, in pixels; Frame is the number of the plane, Label the index of the ROI + 1."""
    if not len(planes):
        return tables.measure(images.from_array(np.zeros((1, 1), np.int32), "yx"))
    return tables.measure(images.from_array(planes, "tyx"))


def _sizes(measured: pd.DataFrame, tiny: int | None, convex: float) -> Iterator[Finding]:
    """Yield objects that are tiny, or look like several."""
    median = float(measured["Area"].median()) if len(measured) else 0.0
    usual = _USUAL * median if len(measured) >= _FEW else 0.0
    smallest = tiny if tiny is not None else median / 10 if len(measured) >= _FEW else 0
    for label, area, solidity in zip(measured["Label"], measured["Area"], measured["Solidity"], strict=True):
        index = int(label) - 1
        if area < smallest:
            yield Finding(index, "tiny", area, f"{area:.0f} pixels; the median is {median:.0f}.", "delete")
        elif solidity < convex and area >= _SMALLEST and (solidity < convex - _HOLLOW or area >= usual):
            yield Finding(index, "merged", solidity, f"Solidity {solidity:.2f}: perhaps several objects.", "split")
        elif len(measured) >= _FEW and area > _LARGE * median:
            hint = f"{area / median:.1f} times the median area: perhaps several objects."
            yield Finding(index, "merged", area / median, hint, "split")


def _neighbours(planes: NDArray[np.int32], measured: pd.DataFrame) -> Iterator[Finding]:
    """Yield objects that touch, and pairs that look as if one had just divided."""
    for number, plane in enumerate(planes, 1):
        pairs = {(one - 1, other - 1): length for (one, other), length in contacts(plane).items()}
        here = measured[measured["Frame"] == number]
        twins = {(one - 1, other - 1) for one, other in divided(here, float(measured["Area"].median()))}
        for one, other in sorted(twins):
            hint = "Two small objects side by side, as after a division: two if divided, merge them if not."
            yield Finding(one, "divided", pairs.get((one, other), 0), hint, "", other)
        for (one, other), length in sorted(pairs.items()):
            if (one, other) not in twins:
                hint = f"They touch along {length} pixels: two objects, or one cut in two (merge)?"
                yield Finding(one, "touching", length, hint, "", other)


def _shape(rois: RoiSet) -> tuple[int, int, int, int]:
    """Return sizes (t, z, y, x) that hold all ROIs."""
    _, high = module.bounds(rois)
    x, y = np.maximum(np.ceil(high.max(axis=0)), 1).astype(int).tolist()
    z, t = np.maximum(rois.position[:, 1:].max(axis=0), 1).tolist()
    return t, z, y, x


def _signed_area(path: NDArray[np.float32]) -> float:
    """Return the area of a closed path, its sign telling the direction."""
    x, y = path[:, 0].astype(float), path[:, 1].astype(float)
    return float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2


def _indices(one: Finding) -> str:
    return f"{one.roi},{one.also}" if one.also >= 0 else str(one.roi)
