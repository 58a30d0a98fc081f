"""The chart of the scores of objects over the object IoU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talanoa.evaluation.report.charts import STYLES, as_svg, new_figure
from talanoa.evaluation.segmentation.summary import Score

SHOWN = {"f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy (AP)"}


def over_iou(rows: Sequence[Score]) -> bytes:
    """Draw the pooled object scores over the object IoU, with the interval of F1."""
    figure = new_figure(5.6, 3.4)
    axes = figure.add_subplot()
    for (metric, label), (colour, line, mark) in zip(SHOWN.items(), STYLES, strict=True):
        chosen = [row for row in rows if (row.level, row.metric, row.how) == ("object", metric, "pooled")]
        chosen = [row for row in chosen if "-" not in row.iou]
        at = [float(row.iou) for row in chosen]
        axes.plot(at, [row.value for row in chosen], color=colour, linestyle=line, marker=mark, ms=4, label=label)
        if metric == "f1" and np.isfinite([row.low for row in chosen]).any():
            axes.fill_between(at, [row.low for row in chosen], [row.high for row in chosen], color=colour, alpha=0.15)
    axes.set(xlabel="object IoU from which an object counts as found", ylabel="score", ylim=(0, 1.03))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    return as_svg(figure)
