"""Annotated images for training: find the pairs, read and check them, split by image, draw patches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core import foreign_files
from talanoa.core.errors import BadInput
from talanoa.core.files import file_sha256
from talanoa.image import folder as image_folder
from talanoa.image import pairing
from talanoa.image.folder import ROI_SUFFIXES, name_of
from talanoa.image.formats import sets
from talanoa.image.formats.sets import ImageSet
from talanoa.image.ops.normalize import fit, normalize
from talanoa.rois import objects
from talanoa.segmentation.train.annotated import Annotated
from talanoa.training import augment3d, copies
from talanoa.training.augment import Augmentation, random_patch


class Files(NamedTuple):
    """What belongs to one annotated image.

    Parameters
    ----------
    image, annotation : Path
        The image, and its label image or ROI file.
    name : str
        What it is called in records and reports; empty: the image's file name.
    source : str
        Name of the image of which it is a part.
    classes : Path or None
        CSV of labels and their classes, or the ROI file whose groups are the classes.
    """

    image: Path
    annotation: Path
    name: str = ""
    source: str = ""
    classes: Path | None = None


def pair_files(
    images: Path, annotations: Path, suffixes: Collection[str], what: str = "annotation"
) -> list[tuple[Path, Path]]:
    """Return (image, annotation) files of equal name, sorted; a `BadInput` lists what has no partner.

    `what` names the partners in messages. ``cells.zip`` and ``cells_RoiSet.zip`` both belong to ``cells.tif``.
    """
    found = _by_name(images, image_folder.SUFFIXES, "images")
    partners = pairing.renamed(_by_name(annotations, suffixes, f"{what}s"), found)
    lonely = sorted(found.keys() ^ partners.keys())
    if lonely:
        listed = ", ".join(lonely[:10]) + (f" and {len(lonely) - 10} more" if len(lonely) > 10 else "")
        together = sets.sentence([*found.values(), *partners.values()])
        raise BadInput(
            f"{len(lonely)} names in {images} and {annotations} have no partner: {listed}. "
            f"Expected one {what} for every image, both with the same file name. Add or move the files listed."
            f"{' ' if together else ''}{together}"
        )
    return [(found[name].path, partners[name].path) for name in sorted(found)]


def _by_name(folder: Path, suffixes: Collection[str], what: str) -> dict[str, ImageSet]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder; expected a folder with {what}. Check the path.")
    files = image_folder.by_name(folder, suffixes)
    if not files:
        foreign = foreign_files.hint_of(sorted(folder.iterdir()))
        raise BadInput(f"No {what} in {folder}; expected files that end in {', '.join(suffixes)}.{foreign}")
    return files


def load(
    images: Path,
    masks: Path | None,
    rois: Path | None,
    channel: int | None,
    ndim: int | None = None,
) -> list[Annotated]:
    """Read a training folder.

    Parameters
    ----------
    images : Path
        Folder of images.
    masks, rois : Path or None
        Folder of label images, or of ImageJ ROI files; exactly one of them.
    channel : int or None
        Channel to use, counted from 1; None: all of them.
    ndim : int or None
        3 for volumes, 2 for planes (the slices of stacks one by one); None: what the images are.

    Raises
    ------
    BadInput
        Names that do not pair, planes and stacks in one folder, time-lapses, images that differ in their channels,
        annotations of another size, no annotated object at all.
    """
    if (masks is None) == (rois is None):
        raise BadInput("Training needs either a folder of label images (targets) or of ROI files (rois), not both.")
    annotations, suffixes = (masks, image_folder.EXACT) if masks is not None else (rois, ROI_SUFFIXES)
    assert annotations is not None
    files = [Files(image, annotation) for image, annotation in pair_files(images, annotations, suffixes)]
    return alike([read_one(each, channel, ndim) for each in files], files, ndim)


def alike(items: list[Annotated], files: Sequence[Files], ndim: int | None) -> list[Annotated]:
    """Return the images of a training, slice by slice for ``ndim=2``, or say in what they differ; see `load`."""
    where = ", ".join(str(folder) for folder in dict.fromkeys(each.image.parent for each in files))
    if len({item.ndim for item in items}) > 1:
        stacks = [item.name for item in items if item.ndim == 3]
        raise BadInput(
            f"{len(stacks)} of the {len(items)} images in {where} are stacks ({', '.join(stacks[:5])}), the others "
            "single planes; expected one kind. Give ndim=2 to train on all planes one by one, or separate them."
        )
    channels = {len(item.image) for item in items}
    if len(channels) > 1:
        raise BadInput(f"The images in {where} have {sorted(channels)} channels; expected the same number in each.")
    if not any(item.labels.any() for item in items):
        raise BadInput(f"None of the {len(items)} annotations of {where} holds an object. Annotate some first.")
    return [plane for item in items for plane in slices_of(item)] if ndim == 2 else items


def slices_of(item: Annotated) -> list[Annotated]:
    """Return the slices of a volume as images of their own; a plane is the only one of itself."""
    if item.ndim == 2:
        return [item]
    return [
        replace(item, name=f"{item.name} Z{z + 1:03d}", source=item.file, image=item.image[:, z], labels=item.labels[z])
        for z in range(len(item.labels))
    ]


def read_one(
    files: Files,
    channel: int | None = None,
    ndim: int | None = None,
    mask: str = "refuse",
    normalization: Mapping[str, Any] | None = None,
    proposed: NDArray | None = None,
) -> Annotated:
    """Read one annotated image; see `load`.

    `mask` says what to do with a black-and-white mask, see `talanoa.image.labels.as_labels`; `normalization` is another
    one
    than by the percentiles 1 and 99.8, see `talanoa.image.ops.normalize.fit`; `proposed` are labels (z, y, x) to take
    instead of
    those of the annotation's file, which is then what they were made from.
    """
    image_path, annotation_path = files.image, files.annotation
    picture = images.read(image_path)
    volume = _volume(picture.values, image_path, channel, ndim)
    notes: tuple[str, ...] = ()
    if proposed is not None:
        labels = proposed
    elif annotation_path.suffix.lower() in ROI_SUFFIXES:
        labels, notes = objects.labels_of(annotation_path, volume.shape[1:])
    else:
        labels = _label_volume(_read_labels(annotation_path, mask), annotation_path)
    if len(labels) == 1 < volume.shape[1] and labels.shape[1:] == volume.shape[2:]:
        raise BadInput(
            f"{annotation_path.name} is a plane, its image {image_path.name} has {volume.shape[1]} slices; expected as "
            "many in both. Of focal planes, take a slice or a projection of each image (in ImageJ: Image > Stacks > Z "
            "Project), or give all of them to the network as channels: set dims=cyx here, and again when segmenting "
            "(images of one channel and time)."
        )
    if labels.shape != volume.shape[1:]:
        raise BadInput(
            f"{annotation_path.name} is {_sizes(labels.shape)}, its image {image_path.name} "
            f"{_sizes(volume.shape[1:])}; they must have the same size. Export the annotation again."
        )
    flat = len(labels) == 1 and ndim != 3
    calibrated = picture.attrs["unit"] != "pixel"
    deep = calibrated and not flat and not picture.attrs.get("depth_unknown")
    item = Annotated(
        files.name or name_of(image_path),
        _normalized(volume, ndim == 2, normalization),
        np.ascontiguousarray(labels, np.int32),
        (file_sha256(image_path), file_sha256(annotation_path)),
        float(picture.attrs["pixel_size"][2]) if calibrated else None,
        picture.attrs["unit"],
        notes,
        float(picture.attrs["pixel_size"][0]) if deep else None,
        files.source,
        None if files.classes is None else _classes(files.classes, labels),
    )
    return replace(item, image=item.image[:, 0], labels=item.labels[0]) if flat else item


def _read_labels(path: Path, mask: str) -> NDArray:
    """Return the values of a label image; what it is not is said with its name."""
    try:
        return images.read_labels(path, mask=mask).values
    except BadInput as problem:
        if str(path) in str(problem):
            raise
        raise BadInput(f"{path}: {problem}") from problem


def _classes(path: Path, labels: NDArray) -> NDArray[np.int32]:
    """Return the class of each label: from a table, or the groups of ROIs; 0 where none is given."""
    from talanoa.segmentation.dataset.folder import read_classes

    if path.suffix.lower() in ROI_SUFFIXES:
        return objects.groups_of(path, labels)
    given = read_classes(path)
    found = np.zeros(int(labels.max()) + 1, np.int32)
    for label, number in given.items():
        if 0 < label < len(found):
            found[label] = number
    return found


def _normalized(volume: NDArray, by_plane: bool, normalization: Mapping[str, Any] | None) -> NDArray[np.float32]:
    """Return (channels, z, y, x) normalised as a prediction will: the whole stack, or plane by plane."""
    if normalization is not None:
        parts = np.split(volume, volume.shape[1], axis=1) if by_plane else [volume]
        return np.concatenate([fit(part, normalization).apply(part) for part in parts], axis=1)
    if by_plane:
        return np.stack([[normalize(plane) for plane in channel] for channel in volume])
    return np.stack([normalize(channel) for channel in volume])


def _sizes(shape: Sequence[int]) -> str:
    """Return the size (z, y, x) of a volume in words."""
    slices = f" x {shape[0]} slices" if shape[0] > 1 else ""
    return f"{shape[2]} x {shape[1]} pixels{slices}"


def _volume(values: NDArray, path: Path, channel: int | None, ndim: int | None) -> NDArray:
    """Return (channels, z, y, x) of an image of one time point."""
    n_t, n_c, n_z = values.shape[:3]
    if ndim == 3 and n_z == 1 and n_t > 1:  # the user says that these are slices
        values, n_t = values.swapaxes(0, 2), 1
    if n_t > 1:
        raise BadInput(
            f"{path} has {n_z} slices and {n_t} frames; expected one plane or one stack. Save the frames one by one; "
            "if they are the slices of a stack, set ndim=3, or dims=zyx."
        )
    if channel is not None and not 1 <= channel <= n_c:
        raise BadInput(f"{path} has {n_c} channels; channel={channel} was asked for. Give a channel from 1 to {n_c}.")
    chosen = values[0] if channel is None else values[0, channel - 1 : channel]
    if not np.isfinite(chosen).all():
        raise BadInput(f"{path} contains NaN or infinite values; expected finite intensities. Replace them first.")
    return chosen


def _label_volume(labels: NDArray, path: Path) -> NDArray:
    """Return (z, y, x) of a label image; frames count as slices, because label images are often saved so."""
    if labels.shape[0] > 1 and labels.shape[2] > 1:
        raise BadInput(f"{path} has {labels.shape[0]} frames of {labels.shape[2]} slices; expected one stack.")
    return labels[:, 0, 0] if labels.shape[0] > 1 else labels[0, 0]


def split(items: Sequence[Annotated], share: float, seed: int) -> tuple[list[Annotated], list[Annotated]]:
    """Split by image file into (training, validation); a seeded draw, at least one file on each side.

    Copies of a file are on the same side. A single volume is on both sides: it is worth a training, and the report
    says what its scores are.

    Raises
    ------
    BadInput
        With fewer than two images.
    """
    group = copies.groups(items)
    files = list(dict.fromkeys(group.values()))
    if len(items) == 1 and items[0].ndim == 3:
        return list(items), list(items)
    if len(files) < 2:
        same = f" {len(group)} files are copies of each other and count as one." if len(group) > 1 else ""
        raise BadInput(
            f"{len(files)} annotated image found; at least 2 are needed, one to train on and one to validate on. "
            f"Annotate another image, or cut a large one into several.{same}"
        )
    n_validation = min(len(files) - 1, max(1, round(share * len(files))))
    order = np.random.default_rng(seed).permutation(len(files))
    chosen = {files[k] for k in order[:n_validation].tolist()}
    return (
        [item for item in items if group[item.file] not in chosen],
        [item for item in items if group[item.file] in chosen],
    )


def draw_patch(
    items: Sequence[Annotated],
    patch: tuple[int, ...],
    foreground_share: float,
    config: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray]:
    """Draw one augmented (image, labels) patch of this size, (y, x) or (z, y, x).

    An image is drawn uniformly; with probability `foreground_share` the patch is centred on a random object pixel,
    otherwise anywhere.
    """
    return patch_of(drawn_item(items, rng), patch, foreground_share, config, rng)


def drawn_item(items: Sequence[Annotated], rng: np.random.Generator) -> Annotated:
    """Draw one of the images, each as likely as the others."""
    return items[int(rng.integers(len(items)))]


def patch_of(
    item: Annotated, patch: tuple[int, ...], foreground_share: float, config: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray]:
    """Draw one augmented (image, labels) patch of an image; see `draw_patch`."""
    if len(item.foreground) and rng.random() < foreground_share:
        center = [int(k) for k in np.unravel_index(int(rng.choice(item.foreground)), item.labels.shape)]
    else:
        center = [int(rng.integers(size)) for size in item.labels.shape]
    middle = [float(place) for place in center]
    pair = (item.image, item.labels)
    if len(patch) == 3:
        z, y, x = middle
        return augment3d.random_patch(pair, item.surroundings, (z, y, x), (patch[0], patch[1], patch[2]), config, rng)
    y, x = middle
    return random_patch(pair, item.surroundings, (y, x), (patch[0], patch[1]), config, rng)
