"""The task `train`: a model from images with objects, pairs of images, noisy images alone, or stained cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.core.request import parse
from talanoa.image.form import DIMS
from talanoa.image.io import read_image
from talanoa.models import folder as model_folder
from talanoa.restoration.request import RestoreRequest
from talanoa.rois.given import Given

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.core.host import Host
    from talanoa.training.request import TrainRequest


def run(request: TrainRequest, given: Given, host: Host) -> dict[str, Any]:
    """Train, and say where the model is and how good it is; a dry run says what the training would take.

    With ``apply`` the image is restored with the new model, too: the reply has it as ``image``. That of a file is also
    written, into the model's folder (``path``).
    """
    if request.one_per_stain:
        return _each_stain(request, given, host)
    if request.dry_run:
        from talanoa.tasks.recipes import look

        return look(request, host, given)
    from talanoa.tasks.recipes import train

    picture = _to_restore(request, given, host) if request.apply else None
    made = train(request, host, given)
    for text in made.warnings:
        host.warn(text)
    early = f" Training was {made.early}." if made.early else ""
    reply: dict[str, Any] = {
        "message": f"{made.summary}{early} " + " ".join(made.advice),
        "folder": str(made.model_folder),
        "model": made.name,
        "thresholds": {key: float(value) for key, value in made.thresholds.items()},
        "losses": str(made.losses),
        "report": dict(made.report),
        "advice": made.advice,
    }
    if picture is None:
        return reply
    reply.update(_restored(request, picture, host))
    if given.image is None and "image" in reply:
        path = _written(made.model_folder, request, reply["image"])
        reply.update(path=str(path), message=f"{reply['message']} The restored image is {path}.")
    return reply


def _each_stain(request: TrainRequest, given: Given, host: Host) -> dict[str, Any]:
    """Train a model for each stain, one after the other; the reply is that of the first, with the names of all.

    All are split alike, by the same seed. A dry run looks at the first.
    """
    from talanoa.labelling.train import data

    asked = [data.for_stain(request, *each) for each in data.stains_of(request, given).items()]
    for each in asked:
        model_folder.check_name(each.name)  # before the first one has taken hours
    if request.dry_run:
        reply = run(asked[0], given, host)
        return {**reply, "message": f"The first of {len(asked)} models: {reply['message']}"}
    replies = [run(each, given, host) for each in asked]
    message = "\n".join(reply["message"] for reply in replies)
    return {**replies[0], "message": message, "models": [reply["model"] for reply in replies]}


def _written(folder: Path, request: TrainRequest, image: xr.DataArray) -> Path:
    """Write the restored image of a file into the model's folder; return where it is."""
    return images.write(folder / f"{Path(str(request.images)).stem}-restored.tif", image)


def _to_restore(request: TrainRequest, given: Given, host: Host) -> xr.DataArray:
    """Return the open image, or the one file that is trained on."""
    if given.image is not None:
        return given.image
    place = Path(request.images or "")
    if not place.is_file():
        raise BadInput(
            f"apply: found images={request.images} and no open image; expected one image to restore. Open it, give one "
            "file, or leave apply out and restore afterwards."
        )
    return read_image(place, host)


def _restored(request: TrainRequest, picture: xr.DataArray, host: Host) -> dict[str, Any]:
    """Return the image restored with the new model and, of a probabilistic one, its uncertainty."""
    from talanoa.restoration.predict import restore
    from talanoa.training import distributed

    if not distributed.is_first():
        return {}
    model = model_folder.load(request.name)
    if model.ndim == 3 and picture.sizes["z"] == 1:  # frames were trained on as slices
        picture = picture.rename({"t": "z", "z": "t"}).transpose(*DIMS)
    keys = {"model": model.name, "channel": request.channel, "device": request.device}
    asked = parse(RestoreRequest, {**keys, "uncertainty": request.probabilistic}).request
    host.progress(0, 1, "Restoring the image")
    made = restore(picture, model, asked, host)
    for text in made.warnings:
        host.warn(text)
    return {"image": made.image, "uncertainty": made.uncertainty, "record": made.record}
