"""Annotated images for training: find the pairs, read and check them, split by image, draw patches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talanoa.augment import Augmentation, random_patch, without_border_objects
from talanoa.errors import BadInput
from talanoa.files import file_sha256
from talanoa.normalize import normalize

IMAGE_SUFFIXES = (".tif", ".tiff", ".png")
ROI_SUFFIXES = (".zip", ".roi")


@dataclass(frozen=True, eq=False)
class Annotated:
    """One image with its objects.

    Parameters
    ----------
    name : str
        File name without suffix.
    image : ndarray of float32, (channels, y, x)
        Normalised intensities.
    labels : ndarray of int32, (y, x)
        0 = background.
    hashes : (str, str)
        SHA-256 of the image file and of the annotation file.
    pixel_size : float or None
        Width of a pixel in `unit`, None when not calibrated.
    unit : str
        Unit of the pixel size.
    notes : tuple of str
        What was left out or changed while the annotation was read.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    hashes: tuple[str, str] = ("", "")
    pixel_size: float | None = None
    unit: str = "pixel"
    notes: tuple[str, ...] = ()

    @cached_property
    def foreground(self) -> NDArray[np.intp]:
        """Flat indices of the pixels that belong to objects."""
        return np.flatnonzero(self.labels)

    @cached_property
    def surroundings(self) -> tuple[NDArray, NDArray]:
        """Image and labels to show, mirrored, beyond the border."""
        return without_border_objects(self.image, self.labels)


def pair_files(images: Path, annotations: Path, suffixes: Sequence[str]) -> list[tuple[Path, Path]]:
    """Return (image, annotation) files of equal name, sorted; a `BadInput` lists what has no partner.

    ``cells.zip`` and ``cells_RoiSet.zip`` both belong to ``cells.tif``.
    """
    found = _by_name(images, IMAGE_SUFFIXES, "images")
    partners = _by_name(annotations, suffixes, "annotations")
    lonely = sorted(found.keys() ^ partners.keys())
    if lonely:
        listed = ", ".join(lonely[:10]) + (f" and {len(lonely) - 10} more" if len(lonely) > 10 else "")
        raise BadInput(
            f"{len(lonely)} names in {images} and {annotations} have no partner: {listed}. "
            "Expected one annotation for every image, both with the same file name. Add or move the files listed."
        )
    return [(found[name], partners[name]) for name in sorted(found)]


def _by_name(folder: Path, suffixes: Sequence[str], what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder; expected a folder with {what}. Check the path.")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        # NB: "RoiSet" is the name that ImageJ's ROI Manager offers; people put the image's name before it.
        name = re.sub(r"(?<=.)[ _-]?RoiSet$", "", path.stem, flags=re.IGNORECASE)
        if name in files:
            raise BadInput(f"{files[name].name} and {path.name} in {folder} share one name. Remove one of them.")
        files[name] = path
    if not files:
        raise BadInput(f"No {what} in {folder}; expected files that end in {', '.join(suffixes)}.")
    return files


def load(
    images: Path, masks: Path | None, rois: Path | None, channel: int | None, low: float = 1.0, high: float = 99.8
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
    low, high : float
        Percentiles for the normalisation of each image.

    Raises
    ------
    BadInput
        Names that do not pair, images that are no 2D planes or differ in their channels, annotations of another
        size, no annotated object at all.
    """
    if (masks is None) == (rois is None):
        raise BadInput("Training needs either a folder of label images (targets) or of ROI files (rois), not both.")
    annotations, suffixes = (masks, IMAGE_SUFFIXES) if masks is not None else (rois, ROI_SUFFIXES)
    assert annotations is not None
    pairs = pair_files(images, annotations, suffixes)
    items = [_load_pair(image, annotation, channel, low, high) for image, annotation in pairs]
    channels = {len(item.image) for item in items}
    if len(channels) > 1:
        raise BadInput(f"The images in {images} have {sorted(channels)} channels; expected the same number in each.")
    if not any(item.labels.any() for item in items):
        raise BadInput(f"None of the {len(items)} annotations in {annotations} holds an object. Annotate some first.")
    return items


def _load_pair(image_path: Path, annotation_path: Path, channel: int | None, low: float, high: float) -> Annotated:
    from talanoa import image as images

    picture = images.read(image_path)
    planes = _channels(picture.values, image_path, channel)
    notes: tuple[str, ...] = ()
    if annotation_path.suffix.lower() in ROI_SUFFIXES:
        labels, notes = _labels_from_rois(annotation_path, planes.shape[1:])
    else:
        labels = images.read_labels(annotation_path).values
        if labels[0, 0, 0].size != labels.size:
            raise BadInput(f"{annotation_path} is a stack {labels.shape}; expected one 2D label image.")
        labels = labels[0, 0, 0]
    if labels.shape != planes.shape[1:]:
        raise BadInput(
            f"{annotation_path.name} is {labels.shape[1]} x {labels.shape[0]} pixels, its image {image_path.name} "
            f"{planes.shape[2]} x {planes.shape[1]}; they must have the same size. Export the annotation again."
        )
    calibrated = picture.attrs["unit"] != "pixel"
    return Annotated(
        image_path.stem,
        np.stack([normalize(plane, low, high) for plane in planes]),
        np.ascontiguousarray(labels, np.int32),
        (file_sha256(image_path), file_sha256(annotation_path)),
        float(picture.attrs["pixel_size"][2]) if calibrated else None,
        picture.attrs["unit"],
        notes,
    )


def _channels(values: NDArray, path: Path, channel: int | None) -> NDArray:
    """Return (channels, y, x) of a 2D image."""
    n_t, n_c, n_z = values.shape[:3]
    if n_t > 1 or n_z > 1:
        raise BadInput(f"{path} has {n_z} slices and {n_t} frames; expected a single plane. Save planes one by one.")
    if channel is not None and not 1 <= channel <= n_c:
        raise BadInput(f"{path} has {n_c} channels; channel={channel} was asked for. Give a channel from 1 to {n_c}.")
    planes = values[0, :, 0] if channel is None else values[0, channel - 1 : channel, 0]
    if not np.isfinite(planes).all():
        raise BadInput(f"{path} contains NaN or infinite values; expected finite intensities. Replace them first.")
    return planes


def _labels_from_rois(path: Path, shape: tuple[int, ...]) -> tuple[NDArray, tuple[str, ...]]:
    """Return the labels of a ROI file, and what became of ROIs that are no areas, overlap or lie outside."""
    from talanoa import roi_zip, rois

    drawn = roi_zip.read_zip(path, image_shape=(shape[0], shape[1]))
    filled = rois.to_labels(drawn.rois, (1, 1, shape[0], shape[1]))
    return filled.labels.values[0, 0, 0], (*drawn.warnings, *filled.warnings)


def split(items: Sequence[Annotated], share: float, seed: int) -> tuple[list[Annotated], list[Annotated]]:
    """Split by image into (training, validation); a seeded draw, at least one image on each side.

    Raises
    ------
    BadInput
        With fewer than two images.
    """
    if len(items) < 2:
        raise BadInput(
            f"{len(items)} annotated image found; at least 2 are needed, one to train on and one to validate on. "
            "Annotate another image, or cut a large one into several."
        )
    n_validation = min(len(items) - 1, max(1, round(share * len(items))))
    order = np.random.default_rng(seed).permutation(len(items))
    chosen = set(order[:n_validation].tolist())
    return (
        [item for k, item in enumerate(items) if k not in chosen],
        [item for k, item in enumerate(items) if k in chosen],
    )


def draw_patch(
    items: Sequence[Annotated],
    patch: tuple[int, int],
    foreground_share: float,
    config: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray]:
    """Draw one augmented (image, labels) patch.

    An image is drawn uniformly; with probability `foreground_share` the patch is centred on a random object pixel,
    otherwise anywhere.
    """
    item = items[int(rng.integers(len(items)))]
    height, width = item.labels.shape
    if len(item.foreground) and rng.random() < foreground_share:
        center = divmod(int(rng.choice(item.foreground)), width)
    else:
        center = (int(rng.integers(height)), int(rng.integers(width)))
    middle = (float(center[0]), float(center[1]))
    return random_patch((item.image, item.labels), item.surroundings, middle, patch, config, rng)
