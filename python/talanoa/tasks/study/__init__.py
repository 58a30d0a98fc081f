"""The task `study`: trainings over a grid of parameters, judged on test images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talanoa.core.errors import BadInput
from talanoa.rois.given import Given
from talanoa.tasks.study import frame, table
from talanoa.tasks.study.execute import run as do

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.tasks.study.request import StudyRequest


def run(request: StudyRequest, given: Given, host: Host) -> dict[str, Any]:
    """Do what is left of the study; say which cell was best and where table and plot are."""
    import numpy as np

    out, done = do(request, host)
    found = frame.frame(done)
    failed = [(cell.name, result["error"]) for cell, result in done if "error" in result]
    for name, text in failed:
        host.warn(f"{name}: {text}")
    if len(failed) == len(done):
        anew = "" if request.search == "optuna" else " The same request tries them anew."
        raise BadInput(
            f"None of the {len(done)} trainings could be done. {failed[0][0]}: {failed[0][1]} All are listed in "
            f"{out / table.TABLE}.{anew}"
        )
    message = f"{len(done)} trainings"
    if request.across != "none":
        message += f", each tested on every {request.across}: matrix.csv, matrix.png"
    else:
        quality = table.quality_of(done)
        scores = found[quality].to_numpy(float)
        if not np.isnan(scores).all():
            best = found.iloc[int(np.nanargmax(scores))]
            values = ", ".join(f"{key}={best[key]}" for key in done[0][0].values)
            message += f"; the best {quality}, {best[quality]:.3f}, is that of {best['cell']} ({values})"
    if failed:
        message += f"; {len(failed)} could not be done ({', '.join(name for name, _ in failed)})"
    message = f"{message}. Table and plot: {out}."
    return {"message": message, "folder": str(out), "table": found, "failures": [name for name, _ in failed]}
