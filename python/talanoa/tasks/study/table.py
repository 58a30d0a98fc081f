"""Table and plot of a study: quality, time and peak memory of each cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from talanoa.core.files import write_aside
from talanoa.tasks.study.frame import COLOURS, Done, frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLE, PLOT = "study.csv", "study"
MARKS = "osD^vP"
TIME, MEMORY = "training time (min)", "peak memory (GB)"


def write(out: Path, done: Done, search: str = "grid") -> None:
    """Write ``study.csv``, ``study.png`` and ``study.svg``; the ones before are replaced.

    `search` other than "grid" draws what a search found, see `talanoa.tasks.study.search_plot`.
    """
    from talanoa.measure.tables import write_csv

    if not done:
        return
    found = frame(done)
    write_csv(out / TABLE, found, overwrite=True)
    if any("error" not in result for _, result in done):
        keys, quality = list(done[0][0].values), quality_of(done)
        if search == "grid":
            _save(out, _figure(found, keys, quality))
        else:
            from talanoa.tasks.study import search_plot

            _save(out, search_plot.figure_of(found, keys, quality))


def quality_of(done: Done) -> str:
    """Return the name of the first score: what the plot shows as quality."""
    return next(next(iter(result["scores"])) for _, result in done if result.get("scores"))


def _save(out: Path, figure: Figure) -> None:
    """Write a figure as ``study.png`` and ``study.svg``."""
    for suffix in ("png", "svg"):
        with write_aside(out / f"{PLOT}.{suffix}", overwrite=True) as aside:
            figure.savefig(aside, dpi=130, format=suffix)


def _figure(found: pd.DataFrame, keys: Sequence[str], quality: str) -> Figure:
    """Draw quality, time and memory over the first key; the other keys are lines of their own."""
    from matplotlib.figure import Figure

    good = found[found["error"] == ""].copy()
    good[TIME], good[MEMORY] = good["seconds"] / 60, good["peak_memory_mb"] / 1e3
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, column in zip(panels, (quality, TIME, MEMORY), strict=True):
        _panel(axes, good, keys, column)
    if good[quality].min() >= 0 and good[quality].max() <= 1:
        panels[0].set_ylim(-0.02, 1.02)
    if len(keys) > 1:
        panels[0].legend(title=", ".join(keys[1:]), fontsize="small")
    return figure


def _panel(axes: Axes, good: pd.DataFrame, keys: Sequence[str], column: str) -> None:
    """Draw one quantity: a point for each cell, a line through the means of the repeats, their deviation as a band."""
    import pandas as pd

    first, others = keys[0], list(keys[1:])
    numeric = pd.api.types.is_numeric_dtype(good[first])
    places = {value: value if numeric else k for k, value in enumerate(dict.fromkeys(good[first]))}
    groups = [("", good)] if not others else good.groupby(others, sort=False, dropna=False)
    for number, (label, part) in enumerate(groups):
        text = ", ".join(str(one) for one in label) if isinstance(label, tuple) else str(label)
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        repeats = part.groupby(first, sort=False)[column].agg(["mean", "std"]).fillna({"std": 0.0})
        repeats = repeats.sort_index() if numeric else repeats
        where, mean, spread = [places[value] for value in repeats.index], repeats["mean"], repeats["std"]
        axes.plot(where, mean.to_numpy(), color=colour, marker=mark, label=text)
        axes.fill_between(where, (mean - spread).to_numpy(), (mean + spread).to_numpy(), color=colour, alpha=0.15, lw=0)
        axes.scatter([places[value] for value in part[first]], part[column], color=colour, s=12, alpha=0.6)
    if numeric:
        low, high = good[first].min(), good[first].max()
        if low > 0 and high / low >= 8:
            axes.set_xscale("log")
        axes.set_xticks(sorted(places.values()), [f"{value:g}" for value in sorted(places.values())])
        axes.minorticks_off()
    else:
        axes.set_xticks(list(places.values()), [str(value) for value in places])
    axes.set(xlabel=first, ylabel=column)
    if column in (TIME, MEMORY):
        axes.set_ylim(0, 1.08 * good[column].max())
