"""Where annotations, predictions and images are, by the names of the images; what does not pair is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from talanoa.core import foreign_files
from talanoa.core.errors import BadInput
from talanoa.image import folder as image_folder
from talanoa.image import pairing
from talanoa.image.folder import ROI_SUFFIXES, name_of

RESULT_LABELS = "labels.tif"
RESULT_ROIS = "rois.zip"
RESULT_IMAGE = "restored.tif"
RESULT_STAINS = "predicted.tif"
RESULTS = (RESULT_LABELS, RESULT_IMAGE, RESULT_STAINS)


@dataclass(frozen=True)
class Annotations:
    """Label images or ROI files of images.

    Parameters
    ----------
    place : Path
        The folder or file that was named.
    files : dict of str to Path
        Label image or ROI file by the image's name.
    images : dict of str to Path
        The images beside them, where the folder is a dataset.
    class_files : dict of str to Path
        Classes of the objects (label, class), where there are any.
    classes : tuple of str
        Names of the classes; class k is ``classes[k - 1]``.
    notes : tuple of str
        What was left out, and why.
    """

    place: Path
    files: dict[str, Path]
    images: dict[str, Path] = field(default_factory=dict)
    class_files: dict[str, Path] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def single(self) -> bool:
        """True for one file that was named itself: its name need not be that of its image."""
        return is_single(self.place)


def is_single(place: Path) -> bool:
    """Return True for one file, and for an OME-Zarr image, which is a folder."""
    return place.is_file() or place.suffix.lower() == ".zarr"


def find_annotations(place: Path, what: str) -> Annotations:
    """Find label images or ROI files.

    Parameters
    ----------
    place : Path
        A dataset folder, a folder of label images or of ROI zips, a folder of result folders (or one of them), or one
        file.
    what : str
        How messages call it, such as "truth".

    Raises
    ------
    BadInput
        There is nothing there, or both label images and ROI zips lie side by side.
    """
    place = place.expanduser()
    if not place.exists():
        raise BadInput(
            f"{what}: found nothing at {place}; expected a folder of label images or ROI zips. Check the path."
        )
    if foreign := foreign_files.hint(place):
        raise BadInput(f"{what}: {place.name} is {foreign}.")
    if is_single(place):
        return Annotations(place, {name_of(place): place})
    if (place / RESULT_LABELS).is_file():
        return Annotations(place, {result_name(place): place / RESULT_LABELS})
    if _has(place, "images") and (_has(place, "masks") or _has(place, "rois")):
        return _of_dataset(place, "", what)
    if _has(place, "masks") or _has(place, "rois"):
        return _of_tree(place, what)
    results = _by_image([one for one in _folders(place) if (one / RESULT_LABELS).is_file()])
    if results:
        return Annotations(place, {name: one / RESULT_LABELS for name, one in results.items()})
    return Annotations(place, _flat(place, what))


def named_like(annotations: Annotations, known: Collection[str]) -> Annotations:
    """Return annotations under the names of `known` that they belong to; see `pairing.renamed`."""
    classes = {name: path for name, path in annotations.class_files.items() if name in annotations.files}
    files = pairing.renamed(annotations.files, known)
    place = {path: name for name, path in files.items()}
    moved = {place[annotations.files[name]]: path for name, path in classes.items() if annotations.files[name] in place}
    return replace(annotations, files=files, class_files=moved)


def find_person(dataset: Path, person: str) -> Annotations | None:
    """Return the set of a further person in a dataset folder, or None where there is none of that name."""
    if not person or Path(person).name != person or not (dataset / "annotators" / person).is_dir():
        return None
    return _of_dataset(dataset, person, "annotator")


def image_files(place: Path, what: str = "images") -> dict[str, Path]:
    """Return images by name: of a folder, of a dataset folder, or one file; messages call it `what`."""
    place = place.expanduser()
    if is_single(place) and place.exists():
        return {name_of(place): place}
    if not place.is_dir():
        raise BadInput(f"{what}: found no folder {place}; expected a folder of images. Check the path.")
    folder = place / "images" if _has(place, "images") else place
    files = _by_name(folder, image_folder.SUFFIXES)
    if not files:
        raise BadInput(f"{what}: no images in {folder}; expected files that end in {', '.join(image_folder.SUFFIXES)}.")
    return files


def find_images(place: Path, what: str, result: str = RESULT_IMAGE) -> dict[str, Path]:
    """Return images by name: of a folder, of a folder of result folders (with a `result`), one of them, or one file."""
    place = place.expanduser()
    if place.is_dir() and not is_single(place):
        if (place / result).is_file():
            return {result_name(place): place / result}
        found = [each for each in _folders(place) if (each / result).is_file()]
        if found:
            return {name: each / result for name, each in _by_image(found).items()}
    return image_files(place, what)


def pair(needed: Collection[str], there: Collection[str], what: str, skip: bool) -> tuple[list[str], str]:
    """Return the names that pair, sorted, and a note on the others.

    Parameters
    ----------
    needed, there : collections of str
        Names of the ground truth, and of what must be there for each of them.
    what : str
        What must be there, such as "a prediction in <folder>".
    skip : bool
        Leave out what has no partner, instead of refusing.

    Raises
    ------
    BadInput
        No name pairs, or some do not and `skip` is False.
    """
    both = sorted(set(needed) & set(there))
    lonely = sorted(set(needed) - set(there))
    if not both:
        raise BadInput(
            f"No name of the ground truth ({some(sorted(needed))}) has {what} ({some(sorted(there))}). "
            "Expected files of equal names (the suffix may differ). Rename them."
        )
    if not lonely:
        return both, ""
    told = f"{len(lonely)} of {len(needed)} images of the ground truth lack {what}: {some(lonely)}."
    if not skip:
        raise BadInput(f"{told} Expected one for each. Add or rename them, or leave these images out: unpaired=skip.")
    return both, f"{told} They were left out."


def some(names: Sequence[str], most: int = 10) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _has(place: Path, name: str) -> bool:
    return (place / name).is_dir()


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def result_name(folder: Path) -> str:
    """Return the name of the image that a result folder is of: its own name (folders of images), or as recorded."""
    from talanoa.core.record import RECORD, read_record

    source = read_record(folder).get("image", {}).get("source") if (folder / RECORD).is_file() else None
    return name_of(Path(str(source))) if source else folder.name


def _by_image(results: Sequence[Path]) -> dict[str, Path]:
    """Return result folders by the name of their image; where two images share one, by the name of the folder."""
    names = [result_name(folder) for folder in results]
    often = Counter(names)
    return {name if often[name] == 1 else folder.name: folder for name, folder in zip(names, results, strict=True)}


def _of_dataset(root: Path, person: str, what: str) -> Annotations:
    """Return what is done in a dataset folder, or what pairs in a tree of images/ and masks/ or rois/."""
    from talanoa.segmentation.dataset import form

    dataset = form.read(root, person)
    files, notes, waiting = {}, [], []
    for entry in dataset.entries:
        place = next(
            (each for each in (dataset.mask_path(entry.name), dataset.rois_path(entry.name)) if each.is_file()), None
        )
        if place is None or ((root / form.FILE).is_file() and entry.status != "done"):
            waiting.append(entry.name)
        else:
            files[entry.name] = place
    if waiting:
        notes.append(f"{len(waiting)} images of {root.name} are not annotated yet and were left out: {some(waiting)}.")
    if not files:
        raise BadInput(f"{what}: {root} has no image that is done; expected annotated ones. Annotate some first.")
    classes = {name: path for name in files if (path := dataset.classes_path(name)).is_file()}
    images = {name: path for name in files if (path := dataset.image_path(name)).exists()}
    return Annotations(root, files, images, classes, tuple(dataset.classes), tuple(notes))


def _of_tree(place: Path, what: str) -> Annotations:
    """Return the annotations of a folder with masks/ or rois/ and no images/: a further person's set."""
    folder = place / "masks" if _has(place, "masks") else place / "rois"
    files = _flat(folder, what)
    found = {name: path for name in files if (path := place / "classes" / f"{name}.csv").is_file()}
    return Annotations(place, files, {}, found)


def _flat(folder: Path, what: str) -> dict[str, Path]:
    labels, rois = _by_name(folder, image_folder.EXACT), _by_name(folder, ROI_SUFFIXES)
    if labels and rois:
        raise BadInput(
            f"{what}: {folder} holds {len(labels)} images and {len(rois)} ROI files; expected one kind. Put them into "
            "two folders (masks and rois)."
        )
    if not labels and not rois:
        held = some(sorted(path.name for path in folder.iterdir()), 5) or "nothing"
        foreign = foreign_files.hint_of(sorted(folder.iterdir()))
        raise BadInput(f"{what}: {folder} holds no label image and no ROI zip (found {held}).{foreign} Check the path.")
    return labels or rois


def _by_name(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    return {name: each.path for name, each in image_folder.by_name(folder, suffixes).items()}
