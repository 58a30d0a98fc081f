"""The evaluation itself: each image of the ground truth, each candidate, every score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.host import Share, stop_if_cancelled
from talanoa.evaluation import leaks, pairing
from talanoa.evaluation.candidates import Candidate
from talanoa.evaluation.pairing import Annotations
from talanoa.evaluation.reading import Size, is_rois, read_labels
from talanoa.evaluation.report import pictures
from talanoa.evaluation.segmentation import scores as objects
from talanoa.evaluation.segmentation import summary
from talanoa.evaluation.segmentation.measure import Case, Work
from talanoa.evaluation.segmentation.remarks import remarks
from talanoa.measure.metrics.paired import Paired, compare
from talanoa.rois import damaged

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.evaluation.request import EvaluateRequest

COMPARED = (("object", "f1"), ("object", "panoptic_quality"), ("pixel", "dice"))


@dataclass(frozen=True, eq=False)
class Judgement:
    """The scores of one candidate.

    Parameters
    ----------
    candidate : Candidate
    judged : list of Judged
        One for each image.
    scores : list of Score
    """

    candidate: Candidate
    judged: list[objects.Judged]
    scores: list[summary.Score]

    def of_images(self, level: str, metric: str, iou: float) -> NDArray[np.float64]:
        """Return one score of each image; NaN where not defined."""
        if level == "pixel":
            return np.array([getattr(each.pixels, metric) for each in self.judged], float)
        return np.array([each.score(metric, iou) for each in self.judged])


@dataclass(frozen=True, eq=False)
class Comparison:
    """Another candidate against the first one, on the same images.

    Parameters
    ----------
    name : str
        Of the other candidate.
    tests : dict of (level, metric) to Paired
        Differences other - first.
    """

    name: str
    tests: dict[tuple[str, str], Paired]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that a report tells.

    Parameters
    ----------
    kind : str
        What was judged: "objects".
    judgements : list of Judgement
        The candidate that is judged first, then those that it is compared with.
    comparisons : list of Comparison
    leaks : LeakCheck or None
        None where the check was not wanted.
    classes : tuple of str
    notes : list of str
        What the reader should know: what was left out, assumed, missing.
    unit : str
        Of areas and volumes, such as "µm²" or "pixels".
    pictures : list of Picture
        The worst images first.
    people : bool
        True where two people's annotations are compared, and none is the truth.
    """

    kind: str
    judgements: list[Judgement]
    comparisons: list[Comparison]
    leaks: leaks.LeakCheck | None
    classes: tuple[str, ...]
    notes: list[str]
    unit: str
    pictures: list[pictures.Picture] = field(default_factory=list)
    people: bool = False

    @property
    def size(self) -> str:
        """What the size of an object is, with its unit: "area (µm²)", or "volume (voxels)" in stacks."""
        return f"{'volume' if self.unit == 'voxels' or self.unit.endswith('³') else 'area'} ({self.unit})"

    @property
    def first(self) -> Judgement:
        """The candidate that is judged."""
        return self.judgements[0]


def evaluate(
    request: EvaluateRequest, truth: Annotations, candidates: Sequence[Candidate], images: dict[str, Path], host: Host
) -> Evaluation:
    """Judge candidates against the ground truth.

    Parameters
    ----------
    request : EvaluateRequest
    truth : Annotations
    candidates : sequence of Candidate
        The first one is judged, the others are compared with it.
    images : dict of str to Path
        Images by name; empty where they are not known.
    host : Host
        Progress, warnings and cancelling.

    Raises
    ------
    BadInput
        Names that do not pair, sizes that differ, files that cannot be used, no object at all.
    Cancelled
    """
    notes = list(truth.notes)
    names = _names(request, truth, candidates, images, notes)
    work = Work(request, truth, candidates)
    for number, name in enumerate(names):
        stop_if_cancelled(host)
        host.progress(number, len(names) + 1, f"Judging {name} ({number + 1} of {len(names)})")
        with damaged.all_named(
            _files(name, truth, candidates, images),
            (path for each in names[number + 1 :] for path in _files(each, truth, candidates, images)),
        ):
            work.add(_case(name, request, truth, candidates, images, Share(host, number, len(names) + 1)))
    counted = work.results()
    if not any(each.n_true for each in counted[0]):
        raise BadInput(
            f"None of the {len(names)} images of the ground truth holds an object; nothing can be judged. "
            "Annotate some, or check that these are the right files."
        )
    settings = (request.iou, request.bootstrap, request.seed, truth.classes)
    judgements = [
        Judgement(candidate, judged, summary.summarize(judged, *settings))
        for candidate, judged in zip(candidates, counted, strict=True)
    ]
    tests = {name: images[name] for name in names if name in images}
    found = leaks.for_request(request, candidates[0].training, tests, Share(host, len(names), len(names) + 1))
    notes += [*work.notes(), *remarks(judgements[0].judged, truth.classes)]
    people = candidates[0].model is None and request.prediction is None
    compared = [_compare(judgements[0], other, request) for other in judgements[1:]]
    kept = [picture for _, _, picture in work.worst]
    return Evaluation("objects", judgements, compared, found, truth.classes, notes, work.unit, kept, people)


def _names(
    request: EvaluateRequest,
    truth: Annotations,
    candidates: Sequence[Candidate],
    images: dict[str, Path],
    notes: list[str],
) -> list[str]:
    """Return the names that have everything that is needed, and note what has not."""
    names, skip = list(truth.files), request.unpaired == "skip"
    if images and not (truth.single and len(images) == 1):
        names, note = pairing.pair(names, images, "an image", skip)
        notes += [note] if note else []
    elif any(candidate.model is not None for candidate in candidates) and not images:
        raise BadInput("images is missing; expected the folder of images that the model shall segment.")
    for candidate in candidates:
        if candidate.annotations is None or (candidate.annotations.single and len(names) == 1):
            continue
        names, note = pairing.pair(names, candidate.annotations.files, f"a prediction in {candidate.place}", skip)
        notes += [note] if note else []
    return names


def _files(
    name: str, truth: Annotations, candidates: Sequence[Candidate], images: dict[str, Path]
) -> list[Path | None]:
    """Return the files of one name."""
    judged = [each.annotations.files.get(name) for each in candidates if each.annotations is not None]
    return [images.get(name), truth.files.get(name), *judged]


def _case(
    name: str,
    request: EvaluateRequest,
    truth: Annotations,
    candidates: Sequence[Candidate],
    files: dict[str, Path],
    host: Host,
) -> Case:
    """Read an image with its ground truth, and let the candidates find its objects."""
    path = files.get(name) or (next(iter(files.values())) if truth.single and files else None)
    image = images.read(path) if path is not None else None
    size = _size(image)
    if size is None and is_rois(truth.files[name]):
        size = _size_of_prediction(name, candidates, request.mask)
    labels = read_labels(truth.files[name], size, request.mask)
    founds = []
    for candidate in candidates:
        try:
            founds.append(candidate.find(name, image, _shape(labels.values), request, host))
        except BadInput as problem:
            raise BadInput(f"{name}: {problem}") from problem
    return Case(name, image, labels, founds)


def _size(image: xr.DataArray | None) -> Size | None:
    if image is None:
        return None
    return image.sizes["t"], image.sizes["z"], image.sizes["y"], image.sizes["x"]


def _shape(values: NDArray) -> Size:
    t, z, y, x = values.shape
    return t, z, y, x


def _size_of_prediction(name: str, candidates: Sequence[Candidate], mask: str) -> Size | None:
    """Return the size of a predicted label image, where the ground truth is a ROI file and there is no image."""
    for candidate in candidates:
        if candidate.annotations is not None:
            files = candidate.annotations.files
            path = next(iter(files.values())) if candidate.annotations.single else files[name]
            if not is_rois(path):
                return _shape(read_labels(path, None, mask).values)
    return None


def _compare(first: Judgement, other: Judgement, request: EvaluateRequest) -> Comparison:
    tests = {
        (level, metric): compare(
            first.of_images(level, metric, request.iou),
            other.of_images(level, metric, request.iou),
            request.bootstrap,
            request.seed,
        )
        for level, metric in COMPARED
    }
    return Comparison(other.candidate.name, tests)
