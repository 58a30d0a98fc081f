"""The charts of a report, as SVG: colours that colour-blind people tell apart, and another mark or line for each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from talanoa.measure.metrics.bland_altman import bland_altman

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito 2008: told apart by colour-blind people, and each curve has a line of its own besides
STYLES = (("#0072b2", "-", "o"), ("#d55e00", "--", "s"), ("#009e73", "-.", "^"), ("#cc79a7", ":", "D"))


def agreement(pairs: Sequence[tuple[float, float]] | NDArray[np.float64], what: str, sides: tuple[str, str]) -> bytes:
    """Draw truth against prediction, and the differences over the means with bias and limits (Bland-Altman)."""
    values = np.asarray(pairs, float).reshape(-1, 2)
    figure = new_figure(7.4, 3.2)
    left, right = figure.subplots(1, 2)
    colour = STYLES[0][0]
    left.plot(*values.T, "o", color=colour, alpha=0.6, ms=4)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    left.plot([low, high], [low, high], color="#555555", linewidth=1)
    left.set(xlabel=f"{what}: {sides[0]}", ylabel=f"{what}: {sides[1]}")
    found = bland_altman(*values.T)
    right.plot(values.mean(axis=1), values[:, 1] - values[:, 0], "o", color=colour, alpha=0.6, ms=4)
    for level, line in ((found.bias, "-"), (found.low, "--"), (found.high, "--")):
        if np.isfinite(level):
            right.axhline(level, color=STYLES[1][0], linestyle=line, linewidth=1.2)
    right.set(xlabel=f"{what}: mean of both", ylabel=f"{sides[1]} - {sides[0]}")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return as_svg(figure)


def comparison(names: Sequence[str], scores: Sequence[NDArray[np.float64]], label: str, share: bool = True) -> bytes:
    """Draw the score of each image by each candidate; a line joins the same image; a share lies between 0 and 1."""
    figure = new_figure(max(3.6, 1.3 * len(names) + 1.5), 3.4)
    axes = figure.add_subplot()
    table = np.stack(scores)
    for image in table.T:
        axes.plot(range(len(names)), image, color="#999999", linewidth=0.7, marker="o", ms=3)
    means = [float(np.nanmean(row)) if np.isfinite(row).any() else np.nan for row in table]
    axes.plot(range(len(names)), means, color=STYLES[1][0], marker="D", ms=6, linewidth=0, label="mean")
    axes.set(ylabel=label, xlim=(-0.4, len(names) - 0.6), **({"ylim": (0, 1.03)} if share else {}))
    axes.set_xticks(range(len(names)), [name if len(name) < 24 else name[:22] + "…" for name in names])
    axes.grid(alpha=0.3, axis="y")
    axes.legend(loc="lower left")
    return as_svg(figure)


def violins(parts: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]], what: str) -> bytes:
    """Draw true (left) and predicted values of each group as violins with their median and every value.

    Parameters
    ----------
    parts : mapping of str to (true, predicted)
        Values of the images of each group.
    what : str
        Label of the axis.
    """
    figure = new_figure(max(4.0, 1.5 * len(parts) + 1.2), 3.2)
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)  # only where the points lie beside each other
    for at, pair in enumerate(parts.values()):
        for side, values in enumerate(pair):
            place, colour = at + (-0.2, 0.2)[side], STYLES[side][0]
            if len(values) > 1 and np.ptp(values) > 0:
                drawn = axes.violinplot(values, [place], widths=0.36, showextrema=False, showmedians=True)
                for body in cast(Sequence[Any], drawn["bodies"]):
                    body.set(facecolor=colour, edgecolor=colour, alpha=0.35)
                cast(Any, drawn["cmedians"]).set_color(colour)
            jitter = place + rng.uniform(-0.07, 0.07, len(values))
            label = ("truth", "prediction")[side] if at == 0 else None
            axes.plot(jitter, values, STYLES[side][2], color=colour, ms=3, alpha=0.7, linewidth=0, label=label)
    axes.set_xticks(range(len(parts)), list(parts))
    axes.set(ylabel=what, xlim=(-0.6, len(parts) - 0.4))
    axes.grid(alpha=0.3, axis="y")
    axes.legend(loc="best", fontsize=8)
    return as_svg(figure)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, always the same bytes for the same figure."""
    import matplotlib

    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "talanoa"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
