"""The task `train`: a model from images with label images or ROI files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talanoa.tasks.common import Given

if TYPE_CHECKING:
    from talanoa.host import Host
    from talanoa.requests import TrainRequest


def run(request: TrainRequest, given: Given, host: Host) -> dict[str, Any]:
    """Train, and say where the model is and how good it is; a dry run says what the training would take."""
    if request.dry_run:
        from talanoa.training.before import look

        return look(request, host, given)
    from talanoa.training.run import train

    made = train(request, host, given)
    for text in made.warnings:
        host.warn(text)
    early = f" Training was {made.early}." if made.early else ""
    return {
        "message": f"{made.summary}{early} " + " ".join(made.advice),
        "folder": str(made.model_folder),
        "model": made.name,
        "thresholds": {key: float(value) for key, value in made.thresholds.items()},
        "losses": str(made.losses),
        "report": dict(made.report),
        "advice": made.advice,
    }
