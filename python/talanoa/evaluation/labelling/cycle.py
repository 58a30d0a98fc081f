"""In which stage of the cell cycle is each object, by its true and by its predicted stains: G1 against S/G2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.measure.metrics.classes import confusion
from talanoa.measure.metrics.matching import Matching, match_objects
from talanoa.measure.metrics.overlap import overlaps
from talanoa.measure.metrics.two_groups import two_groups

Labels = NDArray[np.int32]
Plane = NDArray[np.float32]
G1, S_G2 = 1, 2
NAMES = ("no stage", "G1", "S/G2", "no partner")


class Reporters(NamedTuple):
    """Which stains tell the stage.

    Attributes
    ----------
    objects : str
        Stain whose objects are the cells.
    g1, s_g2 : str
        Two reporters, one bright in each stage; both empty: the total intensity of `objects` itself, its DNA.
    """

    objects: str
    g1: str = ""
    s_g2: str = ""


def read(text: str, stains: tuple[str, ...]) -> Reporters:
    """Read "nucleus" (DNA content), or "cy3, gfp, nucleus": reporters of G1 and of S/G2, and the stain of the objects.

    Raises
    ------
    BadInput
        Another number of stains, or one that there is not.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [name for name in names if name not in stains]
    if len(names) not in (1, 3) or wrong:
        what = f'the stain "{wrong[0]}"' if wrong else f"{len(names)} stains"
        raise BadInput(
            f"cycle: found {what}; expected one stain of DNA, or three: the reporter of G1, that of S/G2, and the "
            f"stain whose objects are the cells, from {', '.join(stains)}."
        )
    return Reporters(names[0]) if len(names) == 1 else Reporters(names[2], names[0], names[1])


@dataclass(eq=False)
class Cells:
    """The objects of all images, true and predicted, matched image by image; stages come from all of them together.

    Parameters
    ----------
    reporters : Reporters
    iou : float
        Object IoU from which two objects are the same cell.
    """

    reporters: Reporters
    iou: float
    matchings: list[Matching] = field(default_factory=list)
    true: list[NDArray[np.float64]] = field(default_factory=list)
    predicted: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, true: Labels, predicted: Labels, true_tells: list[Plane], predicted_tells: list[Plane]) -> None:
        """Add the objects of one image with what tells their stage: one plane (DNA), or those of G1 and S/G2."""
        graph = overlaps(true, predicted)
        self.matchings.append(match_objects(graph, self.iou))
        self.true.append(told(true, graph.true_ids, true_tells))
        self.predicted.append(told(predicted, graph.predicted_ids, predicted_tells))

    def table(self) -> NDArray[np.int64] | None:
        """Return true stages (rows) against predicted ones (columns) as `talanoa.measure.metrics.classes.confusion`.

        The cut between both stages is that between two groups of the true values, and is used for the predicted
        values, too. None where the true values have no two groups.
        """
        cut = two_groups(np.concatenate(self.true)) if self.true else np.nan
        if not np.isfinite(cut):
            return None
        tables = [
            confusion(matching, np.where(true > cut, S_G2, G1), np.where(predicted > cut, S_G2, G1), 2)
            for matching, true, predicted in zip(self.matchings, self.true, self.predicted, strict=True)
        ]
        return np.sum(tables, axis=0)


def told(labels: Labels, ids: NDArray[np.integer], planes: list[Plane]) -> NDArray[np.float64]:
    """Return what tells the stage of each object: its DNA (total intensity), or log2 of S/G2's over G1's intensity.

    Parameters
    ----------
    planes : list of ndarray, (y, x)
        On a scale whose 0 is the background: the DNA, or the reporters of G1 and S/G2.
    """
    sums = [
        np.bincount(labels.ravel(), plane.astype(np.float64).ravel(), minlength=int(labels.max()) + 1)[ids]
        for plane in planes
    ]
    if len(sums) == 1:
        return sums[0]
    least = 1e-3
    return np.log2(np.maximum(sums[1], least) / np.maximum(sums[0], least))


def accuracy(table: NDArray[np.int64]) -> float:
    """Return the share of the matched objects whose stage is the true one; NaN without any."""
    inner = table[1:3, 1:3]
    return float(np.trace(inner) / inner.sum()) if inner.sum() else float("nan")
