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

        return look(request, host)
    from talanoa.training.run import train

    made = train(request, host)
    for text in made.warnings:
        host.warn(text)
    thresholds = {key: float(value) for key, value in made.thresholds.items()}
    early = f" Training was {made.early}." if made.early else ""
    message = (
        f"Model {made.name} is trained; its best epoch is {made.best_epoch} (probability {thresholds['prob']:.2f}, "
        f"overlap {thresholds['nms']:.2f}).{early} Segment with model={made.name}. " + " ".join(made.advice)
    )
    return {
        "message": message,
        "folder": str(made.model_folder),
        "model": made.name,
        "thresholds": thresholds,
        "losses": str(made.losses),
        "report": dict(made.report),
        "advice": made.advice,
    }
