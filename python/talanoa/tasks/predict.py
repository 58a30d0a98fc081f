"""The task `predict`: stains of an image in transmitted light, by models that learnt them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.labelling.request import PredictRequest
from talanoa.tasks.folder_input import Doing, register
from talanoa.tasks.image_task import ImageTask

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.image.lazy import LazyImage
    from talanoa.labelling.models import Models
    from talanoa.models.runtime.frames import ImageWork


def _load(text: str) -> Models:
    """Read one labelling model, or several."""
    from talanoa.labelling import models

    return models.load(text)


def _work(image: LazyImage, models: Models, request: PredictRequest, host: Host) -> ImageWork:
    from talanoa.labelling.predict import StainPrediction

    return StainPrediction(image, models, request, host)


def _facts(models: Models) -> dict[str, Any]:
    from talanoa.labelling.models import facts

    return facts(models)


def _attached(models: Models, copy: bool) -> dict[str, Path]:
    from talanoa.labelling.models import attached

    return attached(models, copy)


PREDICT: ImageTask = ImageTask("predict", "prediction", _load, _work, _facts, _attached)
run: Any = PREDICT.run
register("predict", Doing(PredictRequest, PREDICT.load, PREDICT.on_file, "predicted"))
