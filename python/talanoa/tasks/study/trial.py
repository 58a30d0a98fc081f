"""One cell of a study, as a process of its own: python -m talanoa.tasks.study.trial REQUEST.json RESULT.json

A process of its own makes the peak of memory that of one training, and a crash that of one cell. Progress is written to
the standard output, one JSON line for each.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from talanoa.core import devices
from talanoa.core.errors import TalanoaError
from talanoa.core.files import write_aside
from talanoa.core.host import QuietHost
from talanoa.core.request import parse
from talanoa.models import folder
from talanoa.training.request import TrainRequest

log = logging.getLogger(__name__)
EVERY = 0.5  # seconds between two lines of progress


class Telling(QuietHost):
    """Writes progress as lines of JSON."""

    def __init__(self) -> None:
        self._next = 0.0

    def progress(self, done: float, total: float, text: str) -> None:
        """Write a line now and then."""
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + EVERY
        sys.stdout.write(json.dumps({"done": done, "total": total, "text": text}) + "\n")
        sys.stdout.flush()

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Say nothing of epochs: they are in the model's table."""


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Train, judge, and return what is to be remembered.

    Parameters
    ----------
    request : mapping
        ``train`` (keys of the training), ``test`` (keys ``images``, ``targets``, ``rois``), ``values`` (what was
        varied, to be remembered); ``across``, where a model is tested on several parts of plates.

    Returns
    -------
    dict
        ``seconds`` and ``peak_memory`` (bytes) of the training, ``epochs``, ``best_epoch``, ``training_images`` (how
        many) and ``scores`` on the test images, among others; or ``error``.
    """
    from talanoa.tasks.recipes import recipe_for, train
    from talanoa.training import estimate

    asked = parse(TrainRequest, request["train"]).request
    host = Telling()
    started = time.perf_counter()
    with estimate.peak_memory(devices.choose(asked.device)) as peak:
        made = train(asked, host)
    seconds = time.perf_counter() - started
    model = folder.load(made.name)
    test = {"name": "test", "channel": asked.channel, "ndim": asked.ndim, **request["test"], **_of_method(asked)}
    if request.get("across"):
        from talanoa.tasks.study import across

        place = str(model.folder or model.name)
        scores = across.scores(
            place, **request["across"], transmitted=asked.transmitted, device=asked.device, host=host
        )
    else:
        scores = recipe_for(asked.method).score(model, parse(TrainRequest, test).request, asked.device, host)
    return {
        "seconds": round(seconds, 1),
        "peak_memory": peak.bytes,
        "epochs": int(model.training["epochs_run"]),
        "best_epoch": made.best_epoch,
        "cost": model.training["cost"],
        "training_images": len(model.training["training_images"]),
        "values": request.get("values", {}),
        "settings": model.training["settings"],
        "thresholds": made.thresholds,
        "warnings": made.warnings,
        "advice": made.advice,
        "scores": scores,
    }


def _of_method(asked: TrainRequest) -> dict[str, Any]:
    """Return the keys by which the test images are read: of restoration against clean ones, of stains as trained."""
    if asked.method == "stardist":
        return {"classes": False}
    if asked.method == "segmentation":
        return {"method": "segmentation"}
    if asked.method == "labelling":
        return {key: getattr(asked, key) for key in ("method", "transmitted", "stains", "target_channels", "controls")}
    return {"method": "care"}


def main(arguments: Sequence[str]) -> int:
    """Read the request, write the result whole; 0 also for an error that is the request's own."""
    source, target = (Path(each) for each in arguments)
    request = json.loads(source.read_text(encoding="utf-8"))
    try:
        result = run(request)
    except TalanoaError as error:
        result = {"error": str(error), "values": request.get("values", {})}
    with write_aside(target, overwrite=True) as aside:
        aside.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
