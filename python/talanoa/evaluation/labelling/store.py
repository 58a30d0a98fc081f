"""True and predicted stains of all fields, kept on the disk, and the scale of intensities that each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.labelling.data import empty as emptiness

SAMPLE = 20_000  # pixels of each image that the scale of a stain is taken from
LOW, HIGH = 1.0, 99.8  # percentiles of a stain, over all images, that become 0 and 1

Plane = NDArray[np.float32]


class Item(NamedTuple):
    """One plane of a field: its name, the number of its field, and where its stains are kept."""

    name: str
    field: int
    file: Path


class Sums(NamedTuple):
    """Sums over pixels from which the line from predicted to true intensities follows."""

    n: float
    x: float
    y: float
    xx: float
    xy: float


@dataclass(eq=False)
class Channel:
    """What is known of one stain of one source (the truth, or what a candidate predicted) over all planes.

    Parameters
    ----------
    samples : list of ndarray
        Pixels of each plane.
    contrasts : list of Contrast
        See `talanoa.labelling.data.empty`.
    sums : list of Sums
        Of each plane, for predictions.
    """

    samples: list[NDArray[np.float32]] = field(default_factory=list)
    contrasts: list[emptiness.Contrast] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)

    def add(self, plane: Plane, truth: Plane | None) -> None:
        """Look at one plane, and at the true one beside it."""
        flat = plane.ravel()
        self.samples.append(flat[:: max(1, flat.size // SAMPLE) | 1].copy())
        self.contrasts.append(emptiness.contrast(plane))
        if truth is not None:
            x, y = plane.astype(np.float64).ravel(), truth.astype(np.float64).ravel()
            self.sums.append(Sums(x.size, x.sum(), y.sum(), float(np.vdot(x, x)), float(np.vdot(x, y))))

    def levels(self) -> tuple[float, float]:
        """Return the intensities that become 0 and 1 in every image of this stain."""
        low, high = np.percentile(np.concatenate(self.samples), (LOW, HIGH))
        return float(low), float(high)

    def empty(self) -> NDArray[np.bool_]:
        """Tell which planes show nothing."""
        return emptiness.is_empty(self.contrasts, emptiness.usual(self.contrasts))

    def line_without(self, left_out: NDArray[np.bool_]) -> tuple[float, float]:
        """Return gain and offset of the least-squares line to the truth over the pixels of all planes but some."""
        rows = np.array([one for one, out in zip(self.sums, left_out, strict=True) if not out], float)
        n, x, y, xx, xy = rows.sum(axis=0) if len(rows) else np.zeros(5)
        variance = xx - x * x / n if n else 0.0
        if variance <= 1e-9 * max(xx, 1e-300):
            return 1.0, 0.0
        gain = max((xy - x * y / n) / variance, 0.0)
        return float(gain), float((y - gain * x) / n)


class Store:
    """Planes (sources, stains, y, x) of each field as files in a folder; source 0 is the truth.

    Parameters
    ----------
    folder : Path
        A folder for them, which its owner removes.
    stains : sequence of str
    sources : int
        The truth, and each candidate.
    """

    def __init__(self, folder: Path, stains: Sequence[str], sources: int) -> None:
        self.folder, self.stains = folder, list(stains)
        self.items: list[Item] = []
        self.channels = [[Channel() for _ in stains] for _ in range(sources)]

    def add(self, name: str, field: int, planes: Sequence[NDArray[np.float32]]) -> None:
        """Keep one plane: of each source its stains (stains, y, x)."""
        path = self.folder / f"{len(self.items):06d}.npy"
        np.save(path, np.stack(planes).astype(np.float32))
        self.items.append(Item(name, field, path))
        for number, (source, found) in enumerate(zip(planes, self.channels, strict=True)):
            for k, channel in enumerate(found):
                channel.add(source[k], planes[0][k] if number else None)

    def read(self, item: Item) -> NDArray[np.float32]:
        """Return the planes of an item, (sources, stains, y, x)."""
        return np.asarray(np.load(item.file, mmap_mode="r"))
