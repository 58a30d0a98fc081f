"""Labels to learn from that a model finds in other images of the same places, say nuclei in a DAPI channel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.core.request import parse
from talanoa.models import folder
from talanoa.models.select import choose
from talanoa.segmentation.request import SegmentRequest
from talanoa.training.request import TrainRequest


def labels_by_model(request: TrainRequest, host: Host) -> Callable[[Path], NDArray[np.int32] | None]:
    """Return what finds the labels (z, y, x) of an image file; without ``label_model`` it finds none.

    Parameters
    ----------
    request : TrainRequest
        ``label_model``; ``target_channel`` is the channel that it looks at, ``device`` where it runs.
    host : Host
        Cancelling.

    Raises
    ------
    BadInput
        A model that finds no objects; of the function: an image that does not fit the model.
    """
    if request.label_model is None:
        return lambda _: None
    from talanoa.segmentation import predict

    model = folder.load(request.label_model)
    folder.check_kind(model, "objects")
    keys = {"model": request.label_model, "channel": request.target_channel, "device": request.device}
    settings = parse(SegmentRequest, keys).request

    def find(path: Path) -> NDArray[np.int32]:
        """Return the objects of an image as labels."""
        stop_if_cancelled(host)
        picture = images.read(path)
        try:
            chosen = choose(picture, model.channels, settings, model.ndim)
            found = predict.segment(chosen.image, model, settings.model_copy(update={"channel": None}), QuietHost())
        except BadInput as problem:
            raise BadInput(f"{path}: {problem}") from problem
        if found.labels.sizes["t"] > 1:
            raise BadInput(f"{path} has {found.labels.sizes['t']} frames; expected one. Save the frames one by one.")
        return np.asarray(found.labels.values[0, 0], np.int32)

    return find
