"""The action `import` of `annotate`: annotations that other programs made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from talanoa.core.errors import BadInput
from talanoa.rois.given import Given
from talanoa.tasks.annotate_common import Reply, count, image_or_none, opened, progress, waiting

if TYPE_CHECKING:
    from talanoa.annotation.request import AnnotateRequest
    from talanoa.core.host import Host


def run(request: AnnotateRequest, given: Given, host: Host) -> Reply:
    """Read the annotation of one image to be looked at, or save those of a folder."""
    if request.file is None:
        raise BadInput("file is missing; expected a label image, ROI zip or GeoJSON, or a folder of them.")
    path = Path(request.file)
    if given.image is None and not request.image and request.dataset and path.is_dir():
        return _folder(request, path, host)
    return _one(request, path, given, host)


def _one(request: AnnotateRequest, path: Path, given: Given, host: Host) -> Reply:
    """Return the ROIs of a file; nothing is saved."""
    from talanoa.annotation.importers import pairing

    classes = opened(request).classes if request.dataset else ()
    like = image_or_none(request, given, host)
    found = pairing.read(path, like, classes, request.mask, request.colours)
    for note in [*found.notes, *found.objects.notes]:
        host.warn(note)
    return {
        "message": f"{count(found.objects.count, 'object')} from {path.name}",
        "rois": found.objects.rois,
        "labels": found.objects.labels,
    }


def _folder(request: AnnotateRequest, path: Path, host: Host) -> Reply:
    """Save the annotations of a folder whose names pair with images of the dataset."""
    import pandas as pd

    from talanoa.annotation.importers import pairing

    dataset = opened(request)
    pairs, files, images = pairing.pair(dataset, path)
    for names, what in ((files, "files have no image of their name"), (images, "images have no file of their name")):
        if names:
            host.warn(f"{len(names)} {what}: {', '.join(names[:10])}{', …' if len(names) > 10 else ''}.")
    who = request.who or request.annotator
    rows = pairing.import_folder(dataset, pairs, who, request.mask, request.colours, host)
    table = pd.DataFrame(rows, columns=["name", "file", "objects", "note"])
    saved = table[table["objects"] > 0]
    if not len(saved):
        raise BadInput(f"None of {count(len(rows), 'file')} was imported. {rows[0][0]}: {rows[0][3]}.")
    failures = []
    for name, file, objects, note in rows:
        if not objects:
            host.warn(f"{file} was not imported for {name}: {note}")
            failures += [] if note == pairing.DONE else [file]
    dataset = opened(request)
    return {
        "message": f"{count(len(saved), 'image')} with {count(int(saved['objects'].sum()), 'object')} imported.",
        "table": table,
        "failures": failures,
        **waiting(dataset),
        **progress(dataset),
    }
