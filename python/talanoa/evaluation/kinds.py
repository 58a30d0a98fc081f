"""The kinds of judgement: objects that were found, images restored, stains predicted. Each is a module with `judge`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.request import folders as folders_of
from talanoa.evaluation.outcome import Outcome

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest

# One line makes a kind: the module has `judge(request, host) -> Outcome`.
KINDS = {
    "objects": "talanoa.evaluation.segmentation.outcome",
    "image": "talanoa.evaluation.restoration.evaluate",
    "stains": "talanoa.evaluation.labelling.evaluate",
}
MADE = {"objects": "objects", "image": "images", "stains": "stains"}  # what models of a kind make, in words


class Judging(Protocol):
    """A module of `KINDS`."""

    def judge(self, request: EvaluateRequest, host: Host) -> Outcome:
        """Judge what a request names."""


def judging(kind: str) -> Judging:
    """Return the module that judges a kind."""
    module: Judging = import_module(KINDS[kind])
    return module


def kind_of(request: EvaluateRequest) -> str:
    """Return what a request judges: as it says, as its model makes it, or as the files of the ground truth are.

    Raises
    ------
    BadInput
        The request says another kind than its model makes.
    """
    if request.model:
        return _of_model(request)
    if request.kind != "auto":
        return request.kind
    if request.annotator:
        return "objects"
    if _holds_stains(request):
        return "stains"
    if not request.truth or _holds_intensities(Path(request.truth)):
        return "image"
    return "objects"


def _of_model(request: EvaluateRequest) -> str:
    from talanoa.models import folder, methods

    model = folder.load(str(request.model))
    made = methods.get(model.method).kind
    if request.kind not in ("auto", made):
        raise BadInput(
            f"kind: found {request.kind}, but {model.name} is a model of {model.method}, which makes "
            f"{MADE[made]}; expected kind={made}. Leave kind out."
        )
    return made


def _holds_stains(request: EvaluateRequest) -> bool:
    """Tell predicted stains from other predictions: folders of stains of equal names lie in prediction and truth."""
    from talanoa.evaluation.labelling.fields import stain_folders

    found = []
    for text in (request.prediction, request.truth or request.images):
        places = folders_of(text)
        if not places or not places[0].expanduser().is_dir():
            return False
        found.append(set(stain_folders(places[0].expanduser())))
    return bool(found[0] & found[1])


def _holds_intensities(place: Path) -> bool:
    """Tell images from label images: in labels most pixels equal their neighbour, in images few do.

    False for what is no image at all, such as ROI zips, and for what cannot be read: who reads it next says why.
    """
    from talanoa.evaluation import pairing
    from talanoa.image.folder import ROI_SUFFIXES

    try:
        if any((place / part).is_dir() for part in ("images", "masks", "rois")):
            return False
        first = next(iter(pairing.image_files(place).values()))
        if first.suffix.lower() in ROI_SUFFIXES:
            return False
        values = images.read(first).values
    except BadInput:
        return False
    return bool(values.shape[-1] > 1 and np.mean(values[..., 1:] == values[..., :-1]) < 0.5)
