"""The Python door: the tasks as functions that raise, with the keys of the menu, macros and the command line."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import image as images
from talanoa.api.results import Estimate, Predicted, Restored, Segmented, Studied
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    import xarray as xr

    from talanoa.core.host import Host


@dataclass(frozen=True, eq=False)
class Trained:
    """What `train` made: the model's name and folder, its thresholds, scores and warnings.

    With ``apply=True`` also `image`, the image restored with the new model, and of a probabilistic one `uncertainty`.
    """

    name: str
    folder: Path
    thresholds: dict[str, float]
    report: dict[str, Any]
    message: str
    warnings: list[str] = field(default_factory=list)
    image: xr.DataArray | None = None
    uncertainty: xr.DataArray | None = None


@dataclass(frozen=True, eq=False)
class Rerun:
    """What `rerun` found: whether labels or image are identical bit for bit, what differs, and the new result."""

    identical: bool
    differences: list[str]
    result: Segmented | Restored | Predicted


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What `evaluate` found.

    Attributes
    ----------
    images : DataFrame
        One row per image, the worst first: objects, TP, FP, FN, F1, AP, PQ, pixel IoU, Dice, splits, areas ... Of
        restored images SSIM, PSNR, NRMSE, FRC ... of the noisy input and of the prediction.
    overall : DataFrame
        One row per score (Judged, Level, Metric, IoU, How, Value, Low, High, N): pooled over the images and as their
        mean, with 95 % bootstrap intervals, at object IoU 0.5 to 0.95.
    comparison : DataFrame
        One row per other candidate (of restored images also the noisy input) and metric: difference, its interval,
        Wilcoxon's p.
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
        An image file, a folder of images (with ``out=``), an array, or the image form of `talanoa.image`. Of an array
        of more than two axes, ``dims="tyx"`` says what they are; `talanoa.image.from_array` also calibrates it.
    model : str or Path
        Name of a model, or its folder.
    selection : ndarray of bool (y, x), optional
        Only objects whose centre lies in it are kept.
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.segmentation.request.SegmentRequest`, such as ``prob_thresh=0.5`` or ``out="results"``.

    Returns
    -------
    Segmented

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    from talanoa import tasks

    request: dict[str, Any] = {"task": "segment", "model": str(model), **keys}
    given = _given(image, request)
    return _segmented(tasks.perform(request, host or QuietHost(), given, selection=selection))


def restore(
    image: str | Path | np.ndarray | xr.DataArray, model: str | Path, *, host: Host | None = None, **keys: Any
) -> Restored:
    """Restore an image: take its noise away with a trained model.

    Parameters
    ----------
    image : path, ndarray (y, x), or DataArray
        As for `segment`. A file that is larger than memory goes from disk to disk and needs ``out=``.
    model : str or Path
        Name of a model that restores images, or its folder.
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.restoration.request.RestoreRequest`, such as ``tta=True`` or ``dtype="uint16"``.

    Returns
    -------
    Restored

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    return Restored(**_made("restore", image, model, host, keys))


def predict_fluorescence(
    image: str | Path | np.ndarray | xr.DataArray,
    model: str | Path | Sequence[str | Path],
    *,
    host: Host | None = None,
    **keys: Any,
) -> Predicted:
    """Predict fluorescence from an image in transmitted light.

    Parameters
    ----------
    image : path, ndarray (y, x), or DataArray
        As for `segment`. A file that is larger than memory goes from disk to disk and needs ``out=``.
    model : str or Path, or several
        Names of labelling models, or their folders: single-stain models give one composite, those of the same stain
        their mean.
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.labelling.request.PredictRequest`, such as ``stains="nucleus"`` or ``planes="3,5,7"``.

    Returns
    -------
    Predicted

    Raises
    ------
    TalanoaError
        The message says what was found, what was expected and the remedy.
    """
    several = [model] if isinstance(model, str | Path) else model
    return Predicted(**_made("predict", image, "; ".join(map(str, several)), host, keys))


def train(
    image: np.ndarray | xr.DataArray | None = None,
    *,
    selection: np.ndarray | None = None,
    host: Host | None = None,
    **keys: Any,
) -> Trained:
    """Train a model.

    Parameters
    ----------
    image : ndarray (y, x), or DataArray, optional
        The noisy image that ``method="n2v"`` learns from, instead of files (``images=``).
    selection : ndarray of bool (y, x), optional
        Where in it patches have their middle.
    host : Host, optional
        Progress, warnings, ``epoch`` events and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.training.request.TrainRequest`, such as ``images="images", rois="rois", name="my cells"``.

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
    request: dict[str, Any] = {"task": "train", **keys}
    given = _given(image, request)
    reply = tasks.perform(request, host or QuietHost(), given, selection=selection)
    told = reply["message"], reply["warnings"], reply["image"], reply.get("uncertainty")
    return Trained(reply["model"], Path(reply["folder"]), reply["thresholds"], reply["report"], *told)


def estimate(
    image: np.ndarray | xr.DataArray | None = None,
    *,
    selection: np.ndarray | None = None,
    host: Host | None = None,
    **keys: Any,
) -> Estimate:
    """Tell what a training would take on this computer, and show examples of its data; nothing is trained.

    Parameters
    ----------
    image, selection
        As for `train`.
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.training.request.TrainRequest`, as for `train`.

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

    request: dict[str, Any] = {"task": "train", **keys, "dry_run": True}
    given = _given(image, request)
    reply = tasks.perform(request, host or QuietHost(), given, selection=selection)
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
        Keys of `talanoa.tasks.study.request.StudyRequest`, such as ``images="data", test="others", out="study",
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
    return Studied(reply["table"], Path(reply["folder"]), reply["message"], reply["warnings"], reply["failures"])


def rerun(result: str | Path, *, host: Host | None = None, **keys: Any) -> Rerun:
    """Run a recorded result again with everything pinned, and compare the labels, or the image, bit for bit.

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
    task, verdict = (reply["record"] or {}).get("task"), (reply["identical"], reply["differences"])
    if task == "restore":
        return Rerun(*verdict, Restored(**_of_images(reply)))
    if task == "predict":
        return Rerun(*verdict, Predicted(**_of_images(reply)))
    return Rerun(*verdict, _segmented(reply))


def evaluate(*, host: Host | None = None, **keys: Any) -> Evaluated:
    """Judge a model, or label or restored images made elsewhere, against ground truth; restored images also without.

    Parameters
    ----------
    host : Host, optional
        Progress, warnings and cancelling; omitted: warnings are logged.
    **keys
        Keys of `talanoa.evaluation.request.EvaluateRequest`, such as ``model="nuclei", images="images", truth="masks",
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
        reply["labels"],
        reply["rois"],
        reply["table"],
        reply["record"],
        folder,
        reply["message"],
        reply["warnings"],
        reply.get("failures") or [],
    )


def _made(
    task: str, image: str | Path | np.ndarray | xr.DataArray, model: str | Path, host: Host | None, keys: dict[str, Any]
) -> dict[str, Any]:
    """Do a task that makes an image from an image; return the attributes of its result."""
    from talanoa import tasks

    request: dict[str, Any] = {"task": task, "model": str(model), **keys}
    given = _given(image, request)
    return _of_images(tasks.perform(request, host or QuietHost(), given))


def _given(image: Any, request: dict[str, Any]) -> xr.DataArray | None:
    """Put an image file into a request, or return an array in the image form; its axes are those of ``dims``."""
    from talanoa.core.request import read_dims

    if image is None:
        return None
    if isinstance(image, str | os.PathLike):
        request["image"] = os.fspath(image)
        return None
    if isinstance(image, list | tuple) and any(isinstance(each, str | os.PathLike) for each in image):
        raise BadInput(
            f"Found a list of {len(image)} paths; expected one image file, a folder, or an array. Call it for each of "
            "them ([talanoa.segment(path) for path in paths], for example), or give their folder with out=<new folder>."
        )
    dims = read_dims(request.pop("dims", None))
    return images.check(image) if dims is None else images.from_array(image, dims)


def _of_images(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an image that was made."""
    kept = ("image", "table", "record", "message", "warnings")
    places = {key: Path(reply[key]) if reply.get(key) else None for key in ("folder", "path")}
    more = {"uncertainty": reply.get("uncertainty"), "failures": reply.get("failures") or []}
    return {**{key: reply[key] for key in kept}, **more, **places}
