"""The picture of a search: the best so far over the trials, and the quality over each key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from talanoa.tasks.study.frame import COLOURS
from talanoa.tasks.study.plan import is_logarithmic

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3  # panels in a row
FEW = 6  # values that are all named at the axis


def figure_of(found: pd.DataFrame, keys: Sequence[str], quality: str) -> Figure:
    """Draw the trials of a search.

    Parameters
    ----------
    found : DataFrame
        One row for each training, see `talanoa.tasks.study.frame.frame`.
    keys : sequence of str
        What was searched among.
    quality : str
        The score that was to be as high as possible.
    """
    from matplotlib.figure import Figure

    good = found[found["error"] == ""]
    by_trial = good.groupby(list(keys), sort=False, dropna=False)[quality].mean().reset_index()
    rows = -(-(1 + len(keys)) // COLUMNS)
    figure = Figure(figsize=(11, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    numbers = range(1, len(by_trial) + 1)
    panels[0].scatter(numbers, by_trial[quality], color=COLOURS[0], s=14)
    panels[0].step(numbers, by_trial[quality].cummax(), color=COLOURS[1], where="post", label="best so far")
    panels[0].set(xlabel="trial", ylabel=quality)
    panels[0].legend(fontsize="small")
    for axes, key in zip(panels[1:], keys, strict=False):
        _key(axes, by_trial, key, quality)
    for axes in panels[1 + len(keys) :]:
        axes.set_visible(False)
    return figure


def _key(axes: Axes, found: pd.DataFrame, key: str, quality: str) -> None:
    """Draw the quality over one key; later trials are darker, the best one is marked."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(found[key])
    words = list(dict.fromkeys(found[key]))
    where = found[key].to_numpy() if numeric else [words.index(value) for value in found[key]]
    axes.scatter(
        where, found[quality], c=range(len(found)), cmap="Blues", edgecolors=COLOURS[0], s=24, vmin=-len(found)
    )
    best = int(found[quality].to_numpy().argmax())
    axes.scatter([where[best]], [found[quality].iloc[best]], facecolors="none", edgecolors=COLOURS[1], s=90)
    if numeric and is_logarithmic(found[key].tolist()):
        axes.set_xscale("log")
    elif numeric and len(words) <= FEW:
        axes.set_xticks(sorted(words))
    if not numeric:
        axes.set_xticks(range(len(words)), [str(word) for word in words])
    axes.set(xlabel=key, ylabel=quality)
