"""Read images to learn from: folders of low and high SNR, channels of one stack, files or the open image alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput, counted
from talanoa.core.files import file_sha256
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.core.request import folders
from talanoa.image import folder
from talanoa.image.ops import anisotropy
from talanoa.image.reading import axes_remedy
from talanoa.restoration.train import check
from talanoa.rois import damaged
from talanoa.segmentation.train import dataset
from talanoa.training import copies

if TYPE_CHECKING:
    import xarray as xr

    from talanoa.rois.given import Given
    from talanoa.training.request import TrainRequest

OPEN = "the open image"
# Which faults of an image matter: noise that a blind spot cannot remove; what a low-SNR image and a target share.
NOISE = ("saturated", "cut", "jpeg", "smoothed", "rows", "columns", "pattern")
PAIRED = ("saturated", "cut", "jpeg")
TARGET = ("saturated", "jpeg")
MOST_VALUES = 2**28  # of one file: 1 GB once they are normalised


@dataclass(frozen=True, eq=False)
class Recording:
    """One file, or one file and its target.

    Parameters
    ----------
    name : str
        File name without suffix.
    image : ndarray, (channels, frames, [z], y, x)
        Intensities as they were read. Slices that are planes of their own count as frames.
    target : ndarray, (channels, frames, [z], y, x), or None
        The same of the target.
    hashes : tuple of str
        SHA-256 of the files.
    pixel_size, pixel_depth : float or None
        Calibration in `unit`.
    unit : str
        "pixel" when not calibrated.
    notes : tuple of str
        Warnings.
    selection : ndarray of bool (y, x), or None
        Where patches are drawn.
    anisotropy : float or None
        How many pixels wide the distance of two slices is, where the slices stand for the sides of a stack.
    """

    name: str
    image: NDArray
    target: NDArray | None
    hashes: tuple[str, ...]
    pixel_size: float | None
    unit: str
    pixel_depth: float | None
    notes: tuple[str, ...] = ()
    selection: NDArray[np.bool_] | None = None
    anisotropy: float | None = None


def read(request: TrainRequest, host: Host, given: Given | None) -> list[Recording]:
    """Return what a request names, checked.

    Raises
    ------
    BadInput
        Names that do not pair, sizes that differ, images that cannot be learned from; see
        `talanoa.restoration.train.check`.
    """
    if request.images is None:
        return [_open_image(request, given)]
    found = []
    files = _files(request)
    for note in folder.notes([*folders(request.images), *folders(request.targets)]):
        host.warn(note)
    for number, (low, high) in enumerate(files):
        stop_if_cancelled(host)
        with damaged.all_named((low, high), (path for pair in files[number + 1 :] for path in pair)):
            found.append(_recording(request, low, high))
        host.progress(number + 1, len(files), "Reading images")
    found = [replace(each, name=name) for each, name in zip(found, _names([low for low, _ in files]), strict=True)]
    if note := copies.note((each.name, each.hashes[0]) for each in found):
        host.warn(note)
    return _alike(found)


def _names(files: Sequence[Path]) -> list[str]:
    """Return a name for each file; those of equal name are told apart by their folder, else by the whole path."""
    plain = [folder.name_of(path) for path in files]
    longer = [f"{path.absolute().parent.name}/{name}" for path, name in zip(files, plain, strict=True)]
    often, often_longer = Counter(plain), Counter(longer)
    return [
        name if often[name] == 1 else more if often_longer[more] == 1 else path.as_posix()
        for path, name, more in zip(files, plain, longer, strict=True)
    ]


def _files(request: TrainRequest) -> list[tuple[Path, Path | None]]:
    """Return the files, with their targets where there are any of their own."""
    images, targets = folders(request.images), folders(request.targets)
    if targets and len(targets) != len(images):
        raise BadInput(
            f"images has {counted(len(images), 'folder')}, targets {len(targets)}; expected as many, in the same "
            "order. "
            "Separate the folders by a semicolon."
        )
    if targets:
        return [pair for low, high in zip(images, targets, strict=True) for pair in _paired(low, high)]
    if request.projection:
        raise BadInput(
            "targets is missing: a projection learns from stacks and planes. Give targets=<folder of planes with the "
            "names of the stacks>."
        )
    if request.method == "care" and request.target_channel is None and not request.isotropic:
        raise BadInput(
            "targets is missing: care learns from pairs. Give targets=<folder of high-SNR images with the same names>, "
            "or for images that hold both as channels, channel= (low) and target_channel= (high). For noisy images "
            "alone train method=n2v."
        )
    return [(path, None) for place in images for path in _alone(place)]


def _paired(low: Path, high: Path) -> list[tuple[Path, Path | None]]:
    """Return the pairs of two folders, or of two files."""
    if low.is_file() and high.is_file():
        return [(low, high)]
    return [(one, other) for one, other in dataset.pair_files(low, high, folder.SUFFIXES, "target")]


def _alone(place: Path) -> list[Path]:
    """Return the images of a folder, or the file itself."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise BadInput(f"{place} is neither a file nor a folder; expected noisy images. Check the path.")
    found = folder.list_images(place)
    if not found:
        raise BadInput(f"No images in {place}; expected files that end in {', '.join(folder.SUFFIXES)}.")
    return [each.path for each in found]


def _open_image(request: TrainRequest, given: Given | None) -> Recording:
    """Return the open image with its selection."""
    if given is None or given.image is None:
        raise BadInput(
            "images is missing, and no image is open; expected a noisy image. Open one, or give images= (file, folder)."
        )
    picture = given.image
    values = _values(picture, request, OPEN)
    selection = given.selection
    if selection is not None:
        if not selection.any():
            raise BadInput("The selection is empty; expected an area. Draw one, or remove it: then all is trained on.")
        where = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(selection))
        values, selection = values[..., where[0], where[1]], selection[where]
        selection = None if selection.all() else selection
    image, thinned = _thinned(_channels(values, request.one_channel, OPEN), OPEN)
    check.check_values(image, OPEN)
    notes = thinned + _faults(picture, request.one_channel, NOISE)
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
    name = Path(str(picture.attrs.get("name") or "image")).stem
    factor = _anisotropy(picture, request, OPEN)
    return Recording(name, image, None, (digest,), *_calibration(picture, image, factor), notes, selection, factor)


def _recording(request: TrainRequest, low: Path, high: Path | None) -> Recording:
    """Read a file and, where it has one, its target."""
    picture = images.read(low)
    values = _values(picture, request, low.name)
    factor = _anisotropy(picture, request, low.name)
    image = _channels(values, request.one_channel, low.name)
    check.check_values(image, low.name)
    target, hashes = None, [file_sha256(low)]
    kinds = NOISE if request.method == "n2v" else PAIRED
    looked_at = request.one_channel or (1 if request.target_channel and high is None else None)
    notes = tuple(f"{low.name}: {text}" for text in _faults(picture, looked_at, kinds))
    if high is not None:
        of_target = images.read(high)
        notes += tuple(f"{high.name} (target): {text}" for text in _faults(of_target, request.target_channel, TARGET))
        other = _plane(of_target, high.name) if request.projection else _axes(of_target.values, request.ndim, high.name)
        target = _channels(other, request.target_channel, f"the target {high.name}")
        hashes.append(file_sha256(high))
    elif request.target_channel is not None:
        if request.target_channel == (request.one_channel or 1):
            raise BadInput(f"channel and target_channel are both {request.target_channel}; expected two channels.")
        image = _channels(values, request.one_channel or 1, low.name)
        target = _channels(values, request.target_channel, low.name)
    if target is None:
        image, thinned = _thinned(image, low.name)
        notes += thinned
    else:
        called = f"the target of {low.name}" if high is None else f"{high.parent.name}/{high.name}"
        check.check_values(target, called)
        check.check_sizes(image, target, f"{low.parent.name}/{low.name}", called, request.projection)
        image, target, more = check.register(image, target, low.name, request.registration == "correct")
        notes += more
    calibration = _calibration(picture, image, factor)
    return Recording(folder.name_of(low), image, target, tuple(hashes), *calibration, notes, anisotropy=factor)


def _faults(picture: xr.DataArray, channel: int | None, kinds: Collection[str]) -> tuple[str, ...]:
    """Return warnings of some kinds about an image as it was read, see `talanoa.image.ops.noise_checks`."""
    from talanoa.image.ops import noise_checks

    if channel is not None and channel <= picture.sizes["c"]:
        picture = picture.isel(c=slice(channel - 1, channel))
    return tuple(fault.text for fault in noise_checks.find(picture) if fault.kind in kinds)


def _calibration(
    picture: xr.DataArray, image: NDArray, anisotropy: float | None
) -> tuple[float | None, str, float | None]:
    """Return pixel width, unit and slice distance of what was read."""
    if picture.attrs["unit"] == "pixel":
        return None, "pixel", None
    size = picture.attrs["pixel_size"]
    deep = (image.ndim == 5 or anisotropy is not None) and not picture.attrs.get("depth_unknown")
    return float(size[2]), picture.attrs["unit"], float(size[0]) if deep else None


def _values(picture: xr.DataArray, request: TrainRequest, name: str) -> NDArray:
    """Return an image to learn from as (channels, frames, [z], y, x), see `_axes`; checked where it must be a stack."""
    if (request.projection or request.isotropic) and picture.sizes["z"] == 1:
        key = "projection" if request.projection else "isotropic"
        raise BadInput(
            f"{name} is a single plane; expected a stack for {key}. If its frames are slices, "
            f"{axes_remedy(picture.sizes, 'z')}."
        )
    return _axes(picture.values, 2 if request.isotropic else request.ndim, name)


def _anisotropy(picture: xr.DataArray, request: TrainRequest, name: str) -> float | None:
    """Return how far apart the slices are, in pixel widths, where that is learned from: as asked, or as calibrated."""
    if not request.isotropic:
        return None
    if request.anisotropy is not None:
        return anisotropy.checked(request.anisotropy, f"anisotropy={request.anisotropy:g}")
    return round(anisotropy.of_calibration(picture.attrs, name), 3)


def _plane(picture: xr.DataArray, name: str) -> NDArray:
    """Return the target of a projection, (channels, frames, 1, y, x)."""
    if picture.sizes["z"] > 1:
        raise BadInput(
            f"The target {name} has {picture.sizes['z']} slices; expected a plane for projection. Project it first (in "
            "ImageJ: Image > Stacks > Z Project), or train without projection, from stacks to stacks."
        )
    return picture.values.swapaxes(0, 1)


def _thinned(values: NDArray, name: str) -> tuple[NDArray, tuple[str, ...]]:
    """Return (channels, frames, [z], y, x) with as many frames as memory holds well, evenly spread, and a note."""
    frames, pixels = values.shape[1], values.size // max(1, values.shape[1])
    most = max(1, MOST_VALUES // pixels)
    if frames <= most:
        return values, ()
    chosen = np.linspace(0, frames - 1, most).round().astype(np.intp)
    return values[:, chosen], (f"{name}: {most} of its {frames} frames or slices are trained on, evenly spread.",)


def _axes(values: NDArray, ndim: int | None, name: str) -> NDArray:
    """Return (channels, frames, [z], y, x) of (t, c, z, y, x): z is kept for volumes, slices of planes are frames."""
    if ndim == 3 and values.shape[2] == 1 and values.shape[0] > 1:  # the user says that these are slices
        values = values.swapaxes(0, 2)
    if ndim == 3 and values.shape[2] == 1:
        raise BadInput(f"{name} is a plane; expected a stack for ndim=3. Leave ndim out.")
    moved = values.swapaxes(0, 1)
    if values.shape[2] > 1 and ndim != 2:
        return moved
    return moved.reshape(moved.shape[0], -1, *moved.shape[-2:])


def _channels(values: NDArray, channel: int | None, name: str) -> NDArray:
    """Return the channel asked for, or all."""
    if channel is None:
        return values
    if channel > len(values):
        raise BadInput(
            f"{name} has {counted(len(values), 'channel')}; channel {channel} was asked for. Give a channel from 1 to "
            f"{len(values)}."
        )
    return values[channel - 1 : channel]


def _alike(found: Sequence[Recording]) -> list[Recording]:
    """Return recordings that fit together, or say in what they differ."""
    first = found[0]
    for each in found[1:]:
        if each.image.ndim != first.image.ndim:
            kinds = {True: "a stack", False: "a plane"}
            raise BadInput(
                f"{each.name} is {kinds[each.image.ndim == 5]}, {first.name} {kinds[first.image.ndim == 5]}; expected "
                "one kind. Give ndim=2 to train on all planes one by one, or separate them."
            )
        if each.anisotropy != first.anisotropy:
            raise BadInput(
                f"The slices of {each.name} are {each.anisotropy:g} pixel widths apart, those of {first.name} "
                f"{first.anisotropy:g}; expected the same distance in each. Train on them apart, or give anisotropy."
            )
        for one, other in ((each.image, first.image), (each.target, first.target)):
            if one is not None and other is not None and len(one) != len(other):
                raise BadInput(
                    f"{each.name} has {counted(len(one), 'channel')}, {first.name} {len(other)}; expected the "
                    "same number in "
                    "each. Give a channel."
                )
    return list(found)
