"""Folders of the Cell Tracking Challenge: one label image for each time point, named by its number.

Segmentation truth is `man_seg000.tif` (3 or 4 digits; of single slices `man_seg_000_012.tif`), tracking truth
`man_track000.tif`, results `mask000.tif`; numbers begin at 0. Truth is often given for some time points only.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.annotation.importers.form import Imported, fitted, plane_labels
from talanoa.core.errors import BadInput
from talanoa.core.limits import check_declared
from talanoa.image import reading

KINDS = {  # best first
    "man_seg": re.compile(r"man_seg_?(\d{3,4})(?:_(\d{3,4}))?\.tiff?", re.IGNORECASE),
    "mask": re.compile(r"mask(\d{3,4})\.tiff?", re.IGNORECASE),
    "man_track": re.compile(r"man_track(\d{3,4})\.tiff?", re.IGNORECASE),
}
Place = tuple[int, int | None]


def read_folder(folder: Path, like: xr.DataArray | None = None) -> Imported:
    """Read the label images of a folder as frames.

    Parameters
    ----------
    folder : Path
        Holds the files, or a folder SEG or TRA that does.
    like : DataArray, optional
        The time-lapse that they belong to; without it there are as many frames as the highest number says.

    Raises
    ------
    BadInput
        No such files, files of several sizes, a number beyond the image's frames, or another size.
    """
    kind, files = _files(folder)
    frames = 1 + max(t for t, _ in files)
    planes = {place: _read(file) for place, file in files.items()}
    slices = max(len(stack) if z is None else z + 1 for (_, z), stack in planes.items())
    if like is not None:
        if frames > like.sizes["t"]:
            raise BadInput(
                f"{folder.name} goes up to time point {frames - 1}, counted from 0; the image has {like.sizes['t']} "
                "frames. Open the whole time-lapse."
            )
        frames, slices = int(like.sizes["t"]), max(slices, int(like.sizes["z"]))
    labels = _joined(planes, frames, slices, folder)
    notes = [f"{len({t for t, _ in files})} of {frames} frames are annotated ({kind} files of {folder.name})."]
    if kind == "man_track":
        notes.append("Tracking truth may show markers instead of whole cells; man_seg files have their outlines.")
    return Imported(fitted(plane_labels(labels), like, folder), notes=notes)


def is_ctc(folder: Path) -> bool:
    """Return True for a folder that `read_folder` can read."""
    return any(_named(place) for place in _places(folder))


def _places(folder: Path) -> list[Path]:
    """Return the folder itself and those in which the challenge keeps its truth."""
    return [folder, *(place for name in ("SEG", "TRA") if (place := folder / name).is_dir())]


def _named(folder: Path) -> dict[str, dict[Place, Path]]:
    """Return the files by kind, then by time point and slice."""
    found: dict[str, dict[Place, Path]] = {}
    for file in sorted(folder.iterdir()):
        for kind, pattern in KINDS.items():
            if match := pattern.fullmatch(file.name):
                z = match[2] if kind == "man_seg" else None
                found.setdefault(kind, {})[int(match[1]), None if z is None else int(z)] = file
    return found


def _files(folder: Path) -> tuple[str, dict[Place, Path]]:
    """Return the best kind of files there is."""
    by_kind = [_named(place) for place in _places(folder)]
    for kind in KINDS:
        for found in by_kind:
            if kind in found:
                return kind, found[kind]
    raise BadInput(
        f"{folder} holds no label images of the Cell Tracking Challenge; expected man_seg000.tif, man_track000.tif or "
        "mask000.tif, … Choose the folder that holds them (such as 01_GT/SEG or 01_RES)."
    )


def _read(file: Path) -> NDArray[np.int32]:
    """Return the labels of one time point, (z, y, x); a mask of one value is one object."""
    from talanoa.image.labels import as_labels

    with reading.as_stored():  # a file of one time point
        found = images.read(file)
    if found.sizes["z"] == 1 and found.sizes["c"] > 1 and not found.attrs["rgb"]:  # pages without names
        found = images.from_array(np.asarray(found)[:, :, 0], "tzyx")
    values = np.asarray(as_labels(found, mask="keep"))[:, 0]
    return values[0] if len(values) == 1 else values[:, 0]


def _joined(planes: dict[Place, NDArray[np.int32]], frames: int, slices: int, folder: Path) -> NDArray[np.int32]:
    """Return labels (t, z, y, x); time points and slices without a file stay empty."""
    sizes = {stack.shape[1:] for stack in planes.values()}
    depths = {len(stack) for (_, z), stack in planes.items() if z is None}
    if len(sizes) > 1 or len(depths) > 1:
        found = ", ".join(" x ".join(map(str, size[::-1])) for size in sorted(sizes))
        raise BadInput(f"The label images in {folder} differ in size ({found}); expected one size.")
    height, width = sizes.pop()
    check_declared(folder, (frames, slices, height, width), 4)
    labels = np.zeros((frames, slices, height, width), np.int32)
    for (t, z), stack in planes.items():
        if z is None:
            labels[t, : len(stack)] = stack
        else:
            labels[t, z] = stack[0]
    return labels
