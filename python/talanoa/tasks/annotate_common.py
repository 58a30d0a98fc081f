"""What the actions of `annotate` share: dataset, image and ROIs of a request, and what every reply tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talanoa import image as images
from talanoa import rois
from talanoa.annotation.propose import display_range
from talanoa.core.errors import BadInput, naming
from talanoa.image import labels, reading
from talanoa.image.io import read_image
from talanoa.rois.given import Given
from talanoa.segmentation.dataset.folder import open_dataset
from talanoa.segmentation.dataset.journal import undo_numbers

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.annotation.request import AnnotateRequest
    from talanoa.core.host import Host
    from talanoa.rois.roi_set import RoiSet
    from talanoa.segmentation.dataset.form import Dataset
    from talanoa.segmentation.dataset.states import Entry

Reply = dict[str, Any]


def opened(request: AnnotateRequest) -> Dataset:
    """Return the dataset of a request, as the annotator sees it."""
    return open_dataset(str(request.dataset), request.annotator or None)


def name_of(request: AnnotateRequest, given: Given) -> str:
    """Return the name of the image that is meant: named, else the title of the open one."""
    from talanoa.annotation.image_parts import stem_of

    if request.image:
        return request.image
    if given.image is None:
        raise BadInput("No image is named; expected image=<name of an image of the dataset>.")
    return stem_of(str(given.image.attrs.get("name", "")))


def image_of(request: AnnotateRequest, given: Given, host: Host) -> xr.DataArray:
    """Return the open image, else that of the dataset or the file that is named."""
    found = image_or_none(request, given, host)
    if found is None:
        raise BadInput("No image is open and none is named; open one, or set image=<name or file>.")
    return found


def image_or_none(request: AnnotateRequest, given: Given, host: Host) -> xr.DataArray | None:
    """Return the image as `image_of` does, or None where there is none."""
    if given.image is not None:
        return given.image
    if not request.image:
        return None
    if request.dataset and not Path(request.image).is_file():
        dataset = opened(request)
        with reading.images_of_a_dataset():
            return read_image(dataset.image_path(dataset.entry(request.image).name), host)
    return read_image(Path(request.image), host)


def given_rois(request: AnnotateRequest, given: Given, like: xr.DataArray | None, host: Host) -> RoiSet:
    """Return the ROIs of the file that is named, else those of the door, else none."""
    if request.rois is None:
        return given.rois if given.rois is not None else rois.empty()
    shape = None if like is None else tuple(int(like.sizes[dim]) for dim in "tzyx")
    read = rois.read_zip(request.rois, shape)
    for text in read.warnings:
        host.warn(text)
    return read.rois


def labels_of_file(path: Path, mask: str, host: Host) -> xr.DataArray:
    """Read a label image; what is wrong with it is said with its name."""
    with reading.label_images():
        image = read_image(path, host)
    with naming(path.name):
        return labels.as_labels(image, mask)


def shown(dataset: Dataset, entry: Entry) -> Reply:
    """Return what a window needs to show an image."""
    path = dataset.image_path(entry.name)
    if not path.is_file():
        raise BadInput(f"The image {path} is gone; expected the images of the dataset in {path.parent}. Put it back.")
    with reading.images_of_a_dataset():
        image = images.read(path)
    return {
        "name": entry.name,
        "path": str(path),
        "status": entry.status,
        "part": entry.part,
        "objects": entry.objects,
        "index": [one.name for one in dataset.entries].index(entry.name) + 1,
        "display": None if image.attrs["rgb"] else [[float(end) for end in ends] for ends in display_range(image)],
    }


def waiting(dataset: Dataset) -> Reply:
    """Return the image that comes next, as `next` of a reply; None where none waits."""
    waits = dataset.todo()
    return {"next": shown(dataset, waits[0]) if waits else None}


def progress(dataset: Dataset) -> Reply:
    """Return how far a dataset is."""
    done = sum(entry.status == "done" for entry in dataset.entries)
    skipped = sum(entry.status == "skipped" for entry in dataset.entries)
    total = len(dataset.entries) - skipped
    return {
        "dataset": str(dataset.root),
        "status_text": f"{done} of {total}",
        "progress": {"done": done, "total": total, "skipped": skipped},
        "undo": len(undo_numbers(dataset)),
    }


def written(reply: Reply, out: str | None) -> Reply:
    """Write the ROIs, labels or table of a reply where that is asked for; return what that adds to the reply."""
    if not out:
        return {}
    from talanoa.measure import tables

    path, kind = Path(out), Path(out).suffix.lower()
    if kind in (".zip", ".roi") and reply.get("rois") is not None:
        rois.write_zip(path, reply["rois"])
    elif kind in (".tif", ".tiff") and reply.get("labels") is not None:
        images.write_labels(path, reply["labels"])
    elif kind == ".csv" and reply.get("table") is not None:
        tables.write_csv(path, reply["table"])
    else:
        known = {"rois": ".zip", "labels": ".tif", "table": ".csv"}
        fitting = [ending for key, ending in known.items() if reply.get(key) is not None]
        expected = f"a name that ends in {' or '.join(fitting)}" if fitting else "no out: this action gives no file"
        raise BadInput(f"out: found {path.name}; expected {expected}.")
    return {"message": f"{reply['message']}, saved as {out}", "folder": out}


def count(number: int, what: str) -> str:
    """Write "1 ROI", "2 ROIs"."""
    return f"{number} {what}{'s' * (number != 1)}"
