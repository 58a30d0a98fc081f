"""The picture of one image: of each stain the truth, the objects of both, and the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa.evaluation.labelling.measures import Measured
from talanoa.evaluation.report.page import number
from talanoa.evaluation.report.pictures import GAP, Picture, resized
from talanoa.evaluation.segmentation import scores
from talanoa.evaluation.segmentation.pictures import draw as draw_objects

Labels = NDArray[np.int32]


class Row(NamedTuple):
    """One stain of an image: true and predicted (calibrated) intensities on one scale, and the objects of both."""

    stain: str
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]
    levels: tuple[float, float]
    true_labels: Labels | None
    labels: Labels | None
    measured: Measured


def draw(name: str, rows: Sequence[Row], iou: float) -> Picture:
    """Draw an image: a row for each stain with truth, prediction and, where it is segmented, the objects."""
    drawn = [_row(row, iou) for row in rows]
    width = max(each.shape[1] for each in drawn)
    sheet = [np.pad(each, ((0, GAP), (0, width - each.shape[1]), (0, 0)), constant_values=255) for each in drawn]
    told = "; ".join(_scores(row) for row in rows)
    return Picture(name, f"{name}: {told}", np.concatenate(sheet)[:-GAP])


def _row(row: Row, iou: float) -> NDArray[np.uint8]:
    low, high = row.levels
    greys = [np.clip((plane - low) / max(high - low, 1e-12), 0, 1) for plane in (row.truth, row.predicted)]
    parts = [np.repeat(resized((grey * 255).astype(np.uint8))[..., None], 3, axis=2) for grey in greys]
    if row.true_labels is not None and row.labels is not None:
        _, compared = scores.judge("", "", row.true_labels, row.labels, iou)
        both, _ = draw_objects(greys[0], row.true_labels, row.labels, compared)
        parts.append(both[:, -parts[0].shape[1] :])
    gap = np.full((len(parts[0]), GAP, 3), 255, np.uint8)
    return np.concatenate([piece for part in parts for piece in (part, gap)][:-1], axis=1)


def _scores(row: Row) -> str:
    one = row.measured
    words = "truth empty" if one.empty else f"PCC {number(one.pixel['pcc'])}"
    if one.true is not None and one.predicted is not None:
        words += f", {one.true.count} true and {one.predicted.count} predicted objects"
    return f"{row.stain} {words}"
