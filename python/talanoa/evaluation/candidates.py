"""What is judged: a model that segments the images, or label images that were made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.evaluation import pairing
from talanoa.evaluation.reading import read_labels
from talanoa.models.checks import check_pixels

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest
    from talanoa.models.folder import Model

Classes = Sequence[Mapping[int, int]]  # class of each label, for each frame (or slice, where those are judged)
USED = (
    "channel",
    "prob_thresh",
    "nms_thresh",
    "norm_low",
    "norm_high",
    "scale",
    "scale_z",
    "min_size",
    "device",
    "backend",
)


@dataclass(frozen=True, eq=False)
class Found:
    """Objects of one image: labels (t, z, y, x), their classes where known, and what should be told."""

    labels: NDArray[np.int32]
    classes: Classes = ()
    notes: tuple[str, ...] = ()
    used: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A model, or annotations made elsewhere.

    Parameters
    ----------
    name : str
        How the report calls it.
    model : Model, optional
    annotations : Annotations, optional
        One of both is there.
    """

    name: str
    model: Model | None = None
    annotations: pairing.Annotations | None = None

    @cached_property
    def place(self) -> str:
        """Where it is: a folder."""
        if self.annotations is not None:
            return str(self.annotations.place.absolute())
        return str(self.model.folder) if self.model is not None else ""

    @cached_property
    def training(self) -> Mapping[str, Any]:
        """What the model recorded of its training; of result folders, what their copy of the model's record says."""
        from talanoa.models import record

        if self.model is not None:
            return self.model.training
        files = self.annotations.files.values() if self.annotations is not None else ()
        for folder in {path.parent for path in files if path.name in pairing.RESULTS}:
            if (folder / record.RECORD).is_file():
                return record.read_record(folder).get("training") or {}
        return {}

    def find(
        self,
        name: str,
        image: xr.DataArray | None,
        size: tuple[int, int, int, int],
        request: EvaluateRequest,
        host: Host,
    ) -> Found:
        """Return the objects of an image.

        Parameters
        ----------
        name : str
            Of the image.
        image : DataArray (t, c, z, y, x) or None
            The image; a model needs it.
        size : (t, z, y, x)
            Of the ground truth.
        """
        if self.annotations is not None:
            return _read(self.annotations, name, size, request.mask)
        assert self.model is not None and image is not None
        return find_objects(self.model, image, request, host)


def from_word(word: str) -> Candidate:
    """Return a model, by name or folder, or a folder (or file) of label images or ROI zips.

    Raises
    ------
    BadInput
        It is neither.
    """
    place = Path(word).expanduser()
    if place.exists() and not holds_model(place):
        return from_annotations(word, "compare")
    return from_model(word)


def holds_model(place: Path) -> bool:
    """Return True for the folder of a model."""
    from talanoa.models import record

    return (place / record.RECORD).is_file()


def from_model(word: str) -> Candidate:
    """Return a model by name or folder."""
    from talanoa.models import folder as model_folder

    model = model_folder.load(word)
    return Candidate(model.name, model)


def from_annotations(word: str, what: str) -> Candidate:
    """Return a folder (or file) of label images or ROI zips."""
    found = pairing.find_annotations(Path(word), what)
    return Candidate(found.place.name or str(found.place), None, found)


def named_like(candidate: Candidate, truth: pairing.Annotations) -> Candidate:
    """Return a candidate whose annotations have the names of the ground truth: a_cp_masks belongs to a."""
    if candidate.annotations is None or candidate.annotations.single:
        return candidate
    return Candidate(candidate.name, candidate.model, pairing.named_like(candidate.annotations, truth.files))


def with_unique_names(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Tell candidates of one name apart by the folder that they lie in, then by numbers."""
    names = [candidate.name for candidate in candidates]
    for k, candidate in enumerate(candidates):
        if names.count(candidate.name) > 1:
            names[k] = f"{Path(candidate.place).parent.name}/{candidate.name}"
    for k, name in enumerate(names):
        if names.index(name) != k:
            names[k] = f"{name} ({k + 1})"
    return [Candidate(name, each.model, each.annotations) for name, each in zip(names, candidates, strict=True)]


def _read(annotations: pairing.Annotations, name: str, size: tuple[int, int, int, int], mask: str) -> Found:
    path = next(iter(annotations.files.values())) if annotations.single else annotations.files[name]
    labels = read_labels(path, size, mask)
    return Found(labels.values, classes_of(annotations, name), labels.notes)


def classes_of(annotations: pairing.Annotations, name: str) -> Classes:
    """Return the classes of annotated objects: the same for all frames; empty where there are none."""
    from talanoa.segmentation.dataset.folder import read_classes

    path = annotations.class_files.get(name)
    return (read_classes(path),) if path is not None else ()


def find_objects(model: Model, image: xr.DataArray, request: EvaluateRequest, host: Host) -> Found:
    """Segment an image as the task `segment` does; a stack for a model of planes goes slice by slice."""
    from talanoa.models.select import choose
    from talanoa.segmentation import predict
    from talanoa.segmentation.request import SegmentRequest

    n_t, n_z = image.sizes["t"], image.sizes["z"]
    seen = as_frames(image) if model.ndim == 2 and n_z > 1 else image
    settings = SegmentRequest(model=str(model.folder or model.name), **_used(request))
    chosen = choose(seen, model.channels, settings, model.ndim)
    check_pixels(chosen.image)
    found = predict.segment(chosen.image, model, settings.model_copy(update={"channel": None}), host)
    labels = np.asarray(found.labels.values[:, 0], np.int32).reshape(n_t, n_z, *image.shape[-2:])
    return Found(labels, _classes(found.objects, seen.sizes["t"]), tuple(found.warnings), found.record)


def _used(request: EvaluateRequest) -> dict[str, Any]:
    """Return the keys that a segmentation takes over; what is not given is its own default."""
    return {key: value for key in USED if (value := getattr(request, key)) is not None}


def as_frames(image: xr.DataArray) -> xr.DataArray:
    """Return every slice of a stack as a frame of its own."""
    values = image.values.swapaxes(1, 2)  # (t, z, c, y, x)
    flat = values.reshape(-1, image.sizes["c"], 1, *image.shape[-2:])
    return xr.DataArray(flat, dims=image.dims, attrs=dict(image.attrs))


def _classes(objects: Any, frames: int) -> Classes:
    if "Class" not in objects:
        return ()
    found: list[dict[int, int]] = [{} for _ in range(frames)]
    for frame, label, number in zip(objects["Frame"], objects["Label"], objects["Class"], strict=True):
        found[int(frame) - 1][int(label)] = int(number)
    return found


def check_kind(model: Model, kind: str) -> None:
    """Refuse a model that makes something else than what is judged: "objects", "image" or "stains"."""
    from talanoa.models import methods

    made = methods.get(model.method).kind
    if made != kind:
        words = {
            "objects": "finds objects (stardist)",
            "image": "restores images (care, n2v)",
            "stains": "predicts stains (labelling)",
        }
        raise BadInput(f"{model.name} is a model of {model.method}; expected one that {words[kind]}.")
