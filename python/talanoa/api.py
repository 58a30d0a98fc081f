"""The Python door: the tasks as functions that raise, with the keys of the menu, macros and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.errors import BadInput
from talanoa.host import QuietHost

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from talanoa.host import Host
    from talanoa.rois import RoiSet


@dataclass(frozen=True, eq=False)
class Segmented:
    """What `segment` found.

    Attributes
    ----------
    labels : DataArray of int32 (t, 1, z, y, x) or None
        1..n in each frame, 0 = background. None for a folder of images.
    rois : RoiSet or None
        One outline per object and frame.
    table : DataFrame
        One row per object and frame; for a folder of images one row per image.
    record : dict
        Everything needed to do it again: complete request, device, tiles, thresholds, hashes, times.
    folder : Path or None
        The result folder, where `out` was given.
    message : str
        One line that sums up.
    warnings : list of str
        What looked odd.
    """

    labels: xr.DataArray | None
    rois: RoiSet | None
    table: pd.DataFrame
    record: dict[str, Any] | None
    folder: Path | None
    message: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """What `train` made: the model's name and folder, its thresholds, scores and warnings."""

    name: str
    folder: Path
    thresholds: dict[str, float]
    report: dict[str, Any]
    message: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a training would take, as `estimate` found.

    Attributes
    ----------
    seconds : float
        Of the whole training; with ``preset="long"`` at most.
    memory : int
        Bytes in use at its peak.
    details : dict
        ``parts`` of the seconds, ``facts`` of the data, ``settings``, ``device``, ``how`` it was measured.
    pictures : dict of PIL.Image
        ``pairs`` (images and their outlines) and ``patches`` (as the network will see them).
    message : str
        One line that sums up.
    warnings : list of str
        What is odd about the data.
    """

    seconds: float
    memory: int
    details: dict[str, Any]
    pictures: dict[str, Any]
    message: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Studied:
    """What `study` found: one row for each training, the folder with table and plot, the best in a sentence."""

    table: pd.DataFrame
    folder: Path
    message: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Rerun:
    """What `rerun` found: whether the labels are identical bit for bit, what differs, and the new result."""

    identical: bool
    differences: list[str]
    result: Segmented


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What `evaluate` found.

    Attributes
    ----------
    images : DataFrame
        One row per image, the worst first: objects, TP, FP, FN, F1, AP, PQ, pixel IoU, Dice, splits, areas ...
    overall : DataFrame
        One row per score (Judged, Level, Metric, IoU, How, Value, Low, High, N): pooled over the images and as their
        mean, with 95 % bootstrap intervals, at object IoU 0.5 to 0.95.
    comparison : DataFrame
        One row per other candidate and metric: difference, its interval, Wilcoxon's p.
    leaks : list of dict
        Test images that were found among the training images.
    folder, report : Path or None
        The result folder and its HTML report, where `out` was given.
    message : str
        One line that sums up.
    warnings : list of str
        What to know before believing the scores.
    """

    images: pd.DataFrame
    overall: pd.DataFrame
    comparison: pd.DataFrame
    leaks: list[dict[str, Any]]
    folder: Path | None
    report: Path | None
    message: str
    warnings: list[str] = field(default_factory=list)


def segment(
    image: str | Path | np.ndarray | xr.DataArray,
    model: str | Path = "nuclei",
    *,
    selection: np.ndarray | None = None,
    host: Host | None = None,
    **keys: Any,
) -> Segmented:
    """Find the objects of an image.

    Parameters
    ----------
    image : path, ndarray (y, x), or DataArray
        An image file, a folder of images (with ``out=``), a 2D array, or the image form of `talanoa.image`; arrays
        with more axes are named by `talanoa.image.from_array`.
    model : str or Path
        Name of a model, or its folder.
    selection : ndarray of bool (y, x), optional
        Only objects whose centre lies in it are kept.
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.requests.SegmentRequest`, such as ``prob_thresh=0.5`` or ``out="results"``.

    Returns
    -------
    Segmented

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    from talanoa import image as images
    from talanoa import tasks

    request: dict[str, Any] = {"task": "segment", "model": str(model), **keys}
    given = None
    if isinstance(image, str | Path):
        request["image"] = str(image)
    else:
        given = images.check(image)
    return _segmented(tasks.perform(request, host or QuietHost(), given, selection=selection))


def train(*, host: Host | None = None, **keys: Any) -> Trained:
    """Train a model.

    Parameters
    ----------
    host : Host, optional
        Progress, warnings, ``epoch`` events and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.requests.TrainRequest`, such as ``images="images", rois="rois", name="my cells"``.

    Returns
    -------
    Trained

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    from talanoa import tasks

    if keys.get("dry_run"):
        raise BadInput("dry_run: found it in a call of train; expected talanoa.estimate with the same keys.")
    reply = tasks.perform({"task": "train", **keys}, host or QuietHost())
    return Trained(
        reply["model"], Path(reply["folder"]), reply["thresholds"], reply["report"], reply["message"], reply["warnings"]
    )


def estimate(*, host: Host | None = None, **keys: Any) -> Estimate:
    """Tell what a training would take on this computer, and show examples of its data; nothing is trained.

    Parameters
    ----------
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.requests.TrainRequest`, as for `train`.

    Returns
    -------
    Estimate

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    import base64
    import io

    from PIL import Image

    from talanoa import tasks

    reply = tasks.perform({"task": "train", **keys, "dry_run": True}, host or QuietHost())
    found = dict(reply["estimate"])
    texts = found.pop("pictures")
    pictures = {name: Image.open(io.BytesIO(base64.b64decode(text))) for name, text in texts.items()}
    return Estimate(found["seconds"], found["memory"], found, pictures, reply["message"], reply["warnings"])


def study(*, host: Host | None = None, **keys: Any) -> Studied:
    """Train over a grid of parameters, each training in a process of its own, and judge the models on test images.

    Parameters
    ----------
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.requests_study.StudyRequest`, such as ``images="data", test="others", out="study",
        vary={"patch": [64, 128], "n_images": [2, 5, 10]}``.

    Returns
    -------
    Studied

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    from talanoa import tasks

    reply = tasks.perform({"task": "study", **keys}, host or QuietHost())
    return Studied(reply["table"], Path(reply["folder"]), reply["message"], reply["warnings"])


def rerun(result: str | Path, *, host: Host | None = None, **keys: Any) -> Rerun:
    """Run a recorded result again with everything pinned, and compare the labels bit for bit.

    Parameters
    ----------
    result : path
        A result folder or its ``result.json``.
    host : Host, optional
        Progress, warnings and cancelling.
    **keys
        ``image=`` where the image is now, ``out=`` a new folder for the results.
    """
    from talanoa import tasks

    reply = tasks.perform({"task": "rerun", "result": str(result), **keys}, host or QuietHost())
    return Rerun(reply["identical"], reply["differences"], _segmented(reply))


def evaluate(*, host: Host | None = None, **keys: Any) -> Evaluated:
    """Judge a model, or label images made elsewhere, against ground truth.

    Parameters
    ----------
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.requests_evaluate.EvaluateRequest`, such as ``model="nuclei", images="images", truth="masks",
        out="evaluation"``.

    Returns
    -------
    Evaluated

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    import pandas as pd

    from talanoa import tasks

    reply = tasks.perform({"task": "evaluate", **keys}, host or QuietHost())
    folder, report = (Path(reply[key]) if reply[key] else None for key in ("folder", "report"))
    overall, comparison = (pd.DataFrame(reply[key]) for key in ("overall", "comparison"))
    told = reply["message"], reply["warnings"]
    return Evaluated(reply["table"], overall, comparison, reply["leaks"], folder, report, *told)


def _segmented(reply: dict[str, Any]) -> Segmented:
    """Return a reply as an object."""
    folder = Path(reply["folder"]) if reply["folder"] else None
    return Segmented(
        reply["labels"], reply["rois"], reply["table"], reply["record"], folder, reply["message"], reply["warnings"]
    )
