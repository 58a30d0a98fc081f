"""Where the annotated images of a training lie: dataset folders, folders of images and annotations, several of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from talanoa.core.errors import BadInput, counted
from talanoa.core.host import Host, QuietHost, stop_if_cancelled
from talanoa.core.request import folders
from talanoa.image import folder as image_folder
from talanoa.rois import damaged
from talanoa.segmentation.dataset.folder import open_dataset
from talanoa.segmentation.dataset.form import FILE, Dataset, is_dataset
from talanoa.segmentation.train import dataset
from talanoa.segmentation.train.annotated import Annotated
from talanoa.segmentation.train.dataset import Files
from talanoa.segmentation.train.proposed import labels_by_model
from talanoa.training import copies, transfer
from talanoa.training.recipe import Loaded
from talanoa.training.request import TrainRequest


def load(request: TrainRequest, host: Host | None = None) -> Loaded:
    """Read the annotated images of a request.

    Parameters
    ----------
    request : TrainRequest
        ``images`` with ``targets``, with ``rois``, or alone (dataset folders).
    host : Host, optional
        Gets the progress of the reading.

    Raises
    ------
    BadInput
        Folders that do not pair, hold nothing that is annotated, differ in their classes; see also `dataset.load`.
    """
    files, names = find(request)
    host = host or QuietHost()
    for note in image_folder.notes(each.image.parent for each in files):
        host.warn(note)
    items: list[Annotated] = []
    normalization = transfer.normalization_of(request)
    propose = labels_by_model(request, host)
    for number, each in enumerate(files):
        stop_if_cancelled(host)
        with damaged.all_named((each.annotation,), paths_of(files[number:])):
            proposed = propose(each.annotation)
        with damaged.all_named((each.image, each.annotation), paths_of(files[number + 1 :])):
            items.append(
                dataset.read_one(
                    each, request.one_channel, request.ndim, request.mask, normalization, proposed=proposed
                )
            )
        host.progress(number + 1, len(files), "Reading images")
    if note := copies.note((item.name, item.hashes[0]) for item in items):
        host.warn(note)
    items = dataset.alike(items, files, request.ndim)
    return Loaded(items, _class_names(request, items, names), normalization)


def paths_of(files: Sequence[Files]) -> Iterator[Path]:
    """Yield images and annotations."""
    for each in files:
        yield each.image
        yield each.annotation


def find(request: TrainRequest) -> tuple[list[Files], tuple[str, ...]]:
    """Return the files of a request, and the names of the classes of its datasets."""
    if request.images is None:
        raise BadInput(f"images is missing; expected {TrainRequest.model_fields['images'].description}.")
    images = folders(request.images)
    given = request.targets or request.rois
    if given is None and request.label_model is not None:
        if request.target_channel is None:
            raise BadInput(
                f"label_model={request.label_model}, but neither targets nor target_channel; expected targets=<folder "
                "of images in which it finds the objects>, or target_channel=<channel of the same images>."
            )
        given = request.images
    if given is None:
        return _of_datasets(request, [_opened(folder) for folder in images])
    others = folders(given)
    if len(others) != len(images):
        key = "targets" if request.targets else "rois"
        raise BadInput(
            f"images has {counted(len(images), 'folder')}, {key} {len(others)}; expected as many, in the same order. "
            "Separate the folders by a semicolon."
        )
    suffixes: Sequence[str] = image_folder.ROI_SUFFIXES if request.rois else image_folder.EXACT
    if request.label_model is not None:  # it finds the objects in images
        suffixes = image_folder.SUFFIXES
    found = []
    for folder, other in zip(images, others, strict=True):
        for image, annotation in dataset.pair_files(folder, other, suffixes):
            classes = _classes_beside(annotation) if request.classes else None
            found.append(Files(image, annotation, image_folder.name_of(image), "", classes))
    return _told_apart(found), ()


def _opened(folder: Path) -> Dataset:
    """Open a dataset folder; another folder needs annotations beside it."""
    if is_dataset(folder):
        return open_dataset(folder)
    what = (
        "not a folder"
        if not folder.is_dir()
        else f"no dataset: it has no {FILE}, and no images/ beside masks/ or rois/"
    )
    raise BadInput(
        f"{folder} is {what}; expected a dataset, or a folder of images together with targets=<folder of label images> "
        "or rois=<folder of ROI zips>. Check the path, or give the annotations, too."
    )


def _of_datasets(request: TrainRequest, opened: Sequence[Dataset]) -> tuple[list[Files], tuple[str, ...]]:
    """Return the annotated images of datasets."""
    kinds = {each.classes for each in opened if each.classes}
    wanted = request.classes is not False
    if wanted and len(kinds) > 1:
        listed = "; ".join(f"{each.root.name}: {', '.join(each.classes) or 'none'}" for each in opened)
        raise BadInput(
            f"The datasets differ in their classes ({listed}); expected the same ones in the same order. "
            "Train without them (classes=false), or make them alike in dataset.json."
        )
    names = next(iter(kinds), ()) if wanted else ()
    found = [each for one in opened for each in _of_dataset(one, bool(names) or bool(request.classes))]
    return _told_apart(found), names


def _of_dataset(opened: Dataset, classes: bool) -> list[Files]:
    """Return the annotated images of one dataset; parts of one image know it."""
    found = []
    for entry in opened.entries:
        mask, rois = opened.mask_path(entry.name), opened.rois_path(entry.name)
        annotation = mask if mask.is_file() else rois
        if entry.status == "skipped" or not annotation.is_file() or (entry.status == "todo" and _guided(opened)):
            continue
        table = opened.classes_path(entry.name)
        kinds = (table if table.is_file() else rois if rois.is_file() else None) if classes else None
        source = f"{Path(entry.source).name} {entry.source_sha256[:8]}" if entry.part else ""
        found.append(Files(opened.image_path(entry.name), annotation, entry.name, source, kinds))
    if not found:
        raise BadInput(
            f"{opened.root} has {counted(len(opened.entries), 'image')}, none of them annotated; expected some "
            "that are done. "
            "Annotate them first (Plugins > Talanoa > Annotate Images), or choose another dataset."
        )
    if len({each.source for each in found}) == 1:  # all are parts of one image: it is split then, there is no other
        found = [each._replace(source="") for each in found]
    return found


def _guided(opened: Dataset) -> bool:
    """Tell whether a dataset knows which of its images are done; in a plain tree what has an annotation is."""
    return (opened.root / FILE).is_file()


def _classes_beside(annotation: Path) -> Path | None:
    """Return the table of classes that belongs to a label image, or the ROI file itself."""
    if annotation.suffix.lower() in image_folder.ROI_SUFFIXES:
        return annotation
    table = annotation.parent.with_name("classes") / f"{annotation.stem}.csv"
    return table if table.is_file() else None


def _told_apart(files: list[Files]) -> list[Files]:
    """Return files whose names are unique: those of several folders get the name of theirs before it."""
    counts = Counter(each.name for each in files)
    if max(counts.values(), default=0) == 1:
        return files
    tops = [_distinct(each.image) for each in files]
    named = [each._replace(name=f"{top}/{each.name}") for each, top in zip(files, tops, strict=True)]
    twice = [name for name, count in Counter(each.name for each in named).items() if count > 1]
    if not twice:
        return named
    if len({each.image for each in files}) < len(files):
        raise BadInput(f"{twice[0]} is given twice; expected each folder once. Leave one out.")
    return [each._replace(name=each.image.as_posix()) for each in files]


def _distinct(image: Path) -> str:
    """Return the folder that tells an image apart: that of its dataset."""
    folder = image.absolute().parent
    return folder.parent.name if folder.name == "images" else folder.name


def _class_names(request: TrainRequest, items: Sequence[Annotated], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the classes to train, made up where only numbers are known."""
    known = [item.classes for item in items if item.classes is not None]
    most = max((int(each.max(initial=0)) for each in known), default=0)
    if request.classes and not most:
        raise BadInput(
            "classes=true, but no object has a class; expected classes/<image>.csv beside the label images, or ROI "
            "groups of 1 and more. Give the objects classes, or leave the key out."
        )
    if names and most > len(names):
        raise BadInput(
            f"An object has the class {most}, but the dataset has {len(names)} ({', '.join(names)}). "
            "Correct the class, or dataset.json."
        )
    if not most:
        return ()
    seen = np.unique(np.concatenate(known))
    if len(seen[seen > 0]) < 2 and len(names) < 2:
        raise BadInput(f"All objects have the class {most}; expected at least two classes. Leave classes out.")
    return names or tuple(f"class {number}" for number in range(1, most + 1))
