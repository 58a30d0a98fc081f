"""The task `models`: which models there are, where they are, and a model folder taken into the user's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.core import files
from talanoa.core.errors import BadInput
from talanoa.core.request import key_value
from talanoa.models import archive
from talanoa.models import folder as model_folder
from talanoa.models import record as model_record
from talanoa.models.keras import importer
from talanoa.rois.given import Given

if TYPE_CHECKING:
    from talanoa.core.host import Host
    from talanoa.models.folder import Model
    from talanoa.tasks.request import ModelsRequest


def run(request: ModelsRequest, given: Given, host: Host) -> dict[str, Any]:
    """List, show, say where, or import."""
    actions = {"list": _list, "show": _show, "where": _where, "import": _import}
    return actions[request.action](request)


def _list(request: ModelsRequest) -> dict[str, Any]:
    """Return the models found, the user's first."""
    found = model_folder.available()
    rows = [
        {
            "name": one.name,
            "method": one.method,
            "kind": _kind(one.method),
            "shipped": one.shipped,
            "folder": str(one.folder),
            "description": one.description,
        }
        for one in found
    ]
    return {
        "message": f"{len(rows)} model{'s' * (len(rows) != 1)}; yours are in {model_folder.user_models()}",
        "models": rows,
    }


def _kind(method: str) -> str:
    """Return what a method makes, "objects", "image" or "stains"; an empty text for a method of a newer version."""
    from talanoa.models import methods

    return methods.METHODS[method].kind if method in methods.METHODS else ""


def _show(request: ModelsRequest) -> dict[str, Any]:
    """Return what a model's folder says about it; checks it by loading."""
    model = model_folder.load(request.model or "nuclei")
    shown = {
        "name": model.name,
        "method": model.method,
        "kind": _kind(model.method),
        "folder": str(model.folder),
        "description": model.description,
        "channels": model.channels,
        "thresholds": dict(model.thresholds),
        "normalization": dict(model.normalization),
        "pixel_size": model.pixel_size,
        "unit": model.unit,
        "sha256": model.sha256,
        **_labelling(model),
    }
    return {"message": f"Model {model.name} in {model.folder}", "models": [shown]}


def _labelling(model: Model) -> dict[str, Any]:
    """Return what a labelling model takes and predicts, in words; nothing for other models."""
    if model.labelling is None:
        return {}
    from talanoa.labelling.inputs import described
    from talanoa.labelling.record import record_of

    record = record_of(model.labelling)
    return {
        "lights": [described(light) for light in record.lights],
        "stains": [f"{stain.name} (mask)" if stain.mask else stain.name for stain in record.stains],
    }


def _where(request: ModelsRequest) -> dict[str, Any]:
    """Return the folder of a model, or of the user's models."""
    folder = model_folder.find(request.model) if request.model else model_folder.user_models()
    return {"message": str(folder), "folder": str(folder)}


def _import(request: ModelsRequest) -> dict[str, Any]:
    """Take a model of ours or of the original StarDist, CARE or n2v, in a folder or zip, into the user's models.

    It has to load with its weights; a name that is taken is an error.
    """
    place = request.folder or request.model
    if not place:
        raise BadInput("folder: found none; expected the model folder, or a zip of it, to import.")
    with archive.opened(Path(place).resolve()) as source:
        if (source / model_record.RECORD).is_file():
            target, notes = _copy(source, request.name or source.name), []
        else:
            target = model_folder.check_name(request.name or source.name)
            imported = importer.read(source, target.name)
            model_folder.save(target, imported.model, imported.weights)
            notes = imported.notes
    verb = model_folder.VERBS[_kind(str(model_record.read_record(target)["method"])) or "objects"]
    ready = f"Model {target.name} is ready; {verb} with {key_value('model', target.name)}."
    return {
        "message": "\n- ".join([ready, *notes]),
        "folder": str(target),
        "notes": notes,
    }


def _copy(source: Path, name: str) -> Path:
    """Copy a model folder of ours, once it has loaded with its weights."""
    model_folder.load(str(source)).network()
    target = model_folder.check_name(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with files.write_aside(target) as aside:
        shutil.copytree(source, aside, symlinks=True)
    return target
