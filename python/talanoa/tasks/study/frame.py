"""The trainings of a study as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.tasks.study.plan import Cell

if TYPE_CHECKING:
    import pandas as pd

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # apart for every kind of colour vision
Done = Sequence[tuple[Cell, dict[str, Any]]]


def frame(done: Done) -> pd.DataFrame:
    """Return one row for each cell: what was varied, seed, scores, time, memory; or its error."""
    import pandas as pd

    rows = []
    for cell, result in done:
        row: dict[str, Any] = {"cell": cell.name, **shown(cell, result), "seed_of_cell": cell.seed}
        row |= result.get("scores", {})
        if "error" not in result:
            row |= {"seconds": result["seconds"], "peak_memory_mb": round(result["peak_memory"] / 1e6, 1)}
            row |= {"epochs_run": result["epochs"], "best_epoch": result["best_epoch"]}
        rows.append({**row, "error": result.get("error", "")})
    return pd.DataFrame(rows)


def shown(cell: Cell, result: dict[str, Any]) -> dict[str, Any]:
    """Return what was varied, with words for what was not given: how many "all" images are, "none" else."""
    values = dict(cell.values)
    if values.get("n_images", 0) is None:
        values["n_images"] = result.get("training_images")
    if values.get("init"):
        values["init"] = Path(values["init"]).name
    return {key: "none" if value is None and key != "n_images" else value for key, value in values.items()}
