"""The task `annotate`: a dataset is made, filled image by image, and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa.annotation import autosave, objects
from talanoa.core.errors import BadInput
from talanoa.core.files import check_new
from talanoa.image.units import normal_unit
from talanoa.rois.given import Given
from talanoa.segmentation.dataset import folder, form, journal
from talanoa.segmentation.dataset.folder import open_dataset
from talanoa.tasks import annotate_edit, annotate_import
from talanoa.tasks.annotate_common import (
    Reply,
    count,
    given_rois,
    labels_of_file,
    name_of,
    opened,
    progress,
    shown,
    waiting,
    written,
)

if TYPE_CHECKING:
    from talanoa.annotation.objects import Objects
    from talanoa.annotation.request import AnnotateRequest
    from talanoa.core.host import Host

_one_writer = threading.RLock()  # the window's autosaves and saves come from several threads of one process
UNLOCKED = ("propose", "check", "fix", "interpolate", "rank")  # write nothing, or take long before they do


def run(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Do the action that the request names."""
    action = ACTIONS[request.action]
    if request.out:
        check_new(Path(request.out))
    if request.action in UNLOCKED:
        reply = action(request, given, host)
    else:
        with _one_writer:
            reply = action(request, given, host)
    return {**reply, **written(reply, request.out)}


def _new(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Make a dataset folder, or take over images/ and masks/."""
    classes = [name for name in request.classes.split(",") if name.strip()]
    size = request.pixel_size
    if size is not None and size <= 0:
        raise BadInput(f"pixel_size: found {size:g}; expected more than 0.")
    known = None if size is None else (size, size, size)
    made = folder.create(str(request.dataset), classes, known, normal_unit(request.unit), request.who)
    taken = f" with {count(len(made.entries), 'image')} that {_were(made.entries)} there" if made.entries else ""
    return {"message": f"Dataset {made.name}{taken}: {made.root}", "folder": str(made.root), **progress(made)}


def _pick(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Copy chosen images into the dataset."""
    import pandas as pd

    from talanoa.annotation import pick

    source = request.source or given.image
    if source is None:
        raise BadInput("No image is open and none is named; expected source=<image files or folder>.")
    dataset = open_dataset(str(request.dataset))
    found = pick.pick(dataset, source, request.count, request.cut, request.tile, request.channel, host)
    for note in found.notes:
        host.warn(note)
    rows = [(entry.name, entry.source, entry.part) for entry in found.entries]
    dataset = opened(request)
    return {
        "message": f"{count(len(rows), 'image')} added to {dataset.name}.",
        "table": pd.DataFrame(rows, columns=["name", "source", "part"]),
        "picked": [entry.name for entry in found.entries],
        **waiting(dataset),
        **progress(dataset),
    }


def _next(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Open the image named, the one after another, or the first that waits."""
    dataset = opened(request)
    if request.image:
        entry = dataset.entry(request.image)
    else:
        waits = dataset.todo()
        names = [entry.name for entry in waits]
        place = names.index(request.after) + 1 if request.after in names else 0
        if not waits:
            return {"message": f"No image of {dataset.name} waits any more.", "next": None, **progress(dataset)}
        entry = waits[place % len(waits)]
    saved = autosave.read_rois(dataset.rois_path(entry.name))
    return {
        "message": f"{entry.name} ({progress(dataset)['status_text']})",
        "next": shown(dataset, entry),
        "rois": saved if len(saved) else None,
        "autosave": autosave.find(dataset, entry.name),
        **progress(dataset),
    }


def _save(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Save the annotation of an image, and name the next."""
    from talanoa.annotation import save

    dataset = opened(request)
    entry = dataset.entry(name_of(request, given))
    objects = _objects(request, given, save.image_form(dataset, entry), host)
    if not objects.count and not request.empty:
        raise BadInput(
            f"{entry.name} has no objects; expected ROIs in the ROI Manager. If the image is really without objects, "
            "say so: empty=true."
        )
    dataset, notes = save.save(dataset, entry.name, objects, request.who or request.annotator)
    for note in [*objects.notes, *notes]:
        host.warn(note)
    mask, rois = dataset.mask_path(entry.name), dataset.rois_path(entry.name)
    return {
        "message": f"{entry.name} is saved with {count(objects.count, 'object')} ({progress(dataset)['status_text']}).",
        "saved": {"name": entry.name, "objects": objects.count, "mask": str(mask), "rois": str(rois)},
        "rois": objects.rois,
        **waiting(dataset),
        **progress(dataset),
    }


def _objects(request: AnnotateRequest, given: Given, like: Any, host: Host) -> Objects:
    """Return the objects to save: of a label image, or of ROIs."""
    if request.labels:
        return objects.from_labels(labels_of_file(Path(request.labels), request.mask, host), request.border)
    drawn = given_rois(request, given, like, host)
    return objects.from_rois(drawn, like, request.border)


def _skip(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Leave an image out."""
    from talanoa.annotation import save

    dataset = opened(request)
    name = dataset.entry(name_of(request, given)).name
    dataset = save.skip(dataset, name)
    return {"message": f"{name} is skipped.", **waiting(dataset), **progress(dataset)}


def _undo(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Take back the last save."""
    from talanoa.annotation import save

    dataset, entry, work = save.undo(opened(request))
    return {
        "message": f"The last save, {entry.name} with {count(len(work), 'ROI')}, is taken back.",
        "undone": {"name": entry.name, "objects": len(work)},
        "next": shown(dataset, entry),
        "rois": work,
        **progress(dataset),
    }


def _autosave(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Keep the unsaved ROIs of an image."""
    from talanoa.annotation import autosave, save

    dataset = opened(request)
    name = dataset.entry(name_of(request, given)).name
    like = save.image_form(dataset, dataset.entry(name))
    kept = autosave.write(dataset, name, given_rois(request, given, like, host))
    return {"message": f"Unsaved work on {name} is kept.", "autosave": kept}


def _restore(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Bring back the unsaved ROIs of an image."""
    dataset = opened(request)
    entry = dataset.entry(name_of(request, given))
    work = autosave.restore(dataset, entry.name)
    return {
        "message": f"{count(len(work), 'ROI')} of unsaved work on {entry.name}.",
        "rois": work,
        "next": shown(dataset, entry),
        **progress(dataset),
    }


def _status(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Say how far the dataset is."""
    import pandas as pd

    dataset = opened(request)
    columns = ["name", "status", "objects", "who", "when", "part", "uncertainty"]
    rows = [[getattr(entry, column) for column in columns] for entry in dataset.entries]
    table = pd.DataFrame(rows, columns=columns).astype({"objects": float, "uncertainty": float})
    unsaved = autosave.find_all(dataset)
    if unsaved:
        names = ", ".join(one["name"] for one in unsaved)
        host.warn(f"There is unsaved work on {names}; action=restore brings it back.")
    return {
        "message": f"{dataset.name}: {progress(dataset)['status_text']} images are done.",
        "table": table,
        "folder": str(dataset.root),
        "classes": list(dataset.classes),
        "autosave": unsaved or None,
        "annotators": dataset.annotators(),
        **progress(dataset),
    }


def _rank(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Let a model say of which waiting images it is most unsure; these are offered first."""
    import pandas as pd

    from talanoa.annotation import ranking

    dataset = folder.open_dataset(str(request.dataset))
    waits = opened(request).todo()
    if not waits:
        raise BadInput(f"No image of {dataset.name} waits; expected some that are neither done nor skipped. Pick more.")
    found = ranking.rank(dataset, waits, request.model, request.device, host)

    def ranked(current: form.Dataset) -> form.Dataset:
        for entry in current.entries:
            value = float(found[entry.name]) if entry.name in found else None
            current = current.with_entry(entry.model_copy(update={"uncertainty": value}))
        return current

    with _one_writer:
        journal.update(dataset, ranked)
    rows = sorted(found.items(), key=lambda row: -row[1])
    dataset = opened(request)
    return {
        "message": f"{count(len(rows), 'image')} ranked by {request.model}; first {rows[0][0]}.",
        "table": pd.DataFrame(rows, columns=["name", "uncertainty"]),
        **waiting(dataset),
        **progress(dataset),
    }


def _were(some: Any) -> str:
    return "was" if len(some) == 1 else "were"


ACTIONS: dict[str, Callable[[AnnotateRequest, Given, Host], Reply]] = {
    "new": _new,
    "pick": _pick,
    "next": _next,
    "save": _save,
    "skip": _skip,
    "undo": _undo,
    "autosave": _autosave,
    "restore": _restore,
    "status": _status,
    "rank": _rank,
    "import": annotate_import.run,
    **annotate_edit.ACTIONS,
}
