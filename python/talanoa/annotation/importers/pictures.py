"""Label images from other programs: whole numbers, masks, colours, and labels that overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.annotation.importers.form import Imported, fitted
from talanoa.core.errors import BadInput
from talanoa.image import reading
from talanoa.segmentation.classical import objects

MOST_COLOURS = 4096  # more are a photograph, or colours blended at the borders
_ENCLOSED = 0.85  # part of the border of an overlap that lies on the two objects
_EACH = 0.3  # and on each of them


def read_picture(
    path: Path, like: xr.DataArray | None = None, mask: str = "refuse", colours: str = "refuse"
) -> Imported:
    """Read a label image: TIFF, OME-TIFF, OME-Zarr or PNG, from Cellpose, Labkit or any other program.

    Parameters
    ----------
    path : Path
        The file.
    like : DataArray, optional
        The image that it belongs to.
    mask : {"refuse", "split", "keep"}
        What to do with a mask of one value, see `talanoa.image.labels.as_labels`.
    colours : {"refuse", "map"}
        "map" makes an object of each connected part of one colour.

    Raises
    ------
    BadInput
        Fractions, a mask or colours where they are refused, another size than the image.
    """
    from talanoa.image.labels import as_labels

    with reading.label_images():
        found = images.read(path)
    notes = [str(note) for note in found.attrs.get("notes", ())]
    if found.attrs["rgb"]:
        labels, note = _from_colours(found, path, colours)
        notes.append(note)
    else:
        labels = as_labels(found, mask)
        if mask == "split" and _values(found) == 1:
            count = int(labels.max())
            notes.append(f"{path.name} is a mask: its {count} separate parts are the objects; touching ones are one.")
    notes += overlap_notes(np.asarray(labels))
    return Imported(fitted(labels, like, path), notes=notes)


def overlap_notes(labels: NDArray[np.int32]) -> list[str]:
    """Warn of labels (t, 1, z, y, x) that look like the overlap of two others.

    Labkit gives the pixels that belong to two overlapping labels a number of their own when it saves a TIFF.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    suspects = sorted({number for plane in planes for number in overlaps(plane)})
    if not suspects:
        return []
    some = ", ".join(map(str, suspects[:10])) + (", …" if len(suspects) > 10 else "")
    note = (
        f"{len(suspects)} label{'s' * (len(suspects) > 1)} ({some}) lie between two others like their overlap: Labkit "
        "saves overlapping labels so. If they are no objects, untick 'allow overlapping labels' there and save again, "
        "or merge them here."
    )
    return [note]


def overlaps(plane: NDArray[np.int32]) -> list[int]:
    """Return the labels of a plane that look like the overlap of two others.

    Such a part is smaller than both, and nearly all of its border lies on the two of them.
    """
    area = np.bincount(plane.ravel())
    contacts = _contacts(plane, len(area))
    found = []
    for number in np.flatnonzero(area[1:]) + 1:
        sides = contacts.get(int(number), {})
        total = sum(sides.values())
        near = sorted(((count, other) for other, count in sides.items() if other), reverse=True)
        if len(near) < 2 or not total:
            continue
        (first, one), (second, other) = near[:2]
        enclosed = first + second >= _ENCLOSED * total and second >= _EACH * total
        if enclosed and area[number] < min(area[one], area[other]):
            found.append(int(number))
    return found


def _contacts(plane: NDArray[np.int32], count: int) -> dict[int, dict[int, int]]:
    """Return for each label how many of its pixel edges lie on which other label; 0 is the background."""
    pairs = [
        np.stack([first[first != second], second[first != second]])
        for first, second in ((plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1]))
    ]
    both = np.concatenate([*pairs, *(pair[::-1] for pair in pairs)], axis=1).astype(np.int64)
    keys, times = np.unique(both[0] * count + both[1], return_counts=True)
    result: dict[int, dict[int, int]] = {}
    for key, number in zip(keys.tolist(), times.tolist(), strict=True):
        result.setdefault(key // count, {})[key % count] = number
    return result


def _values(image: xr.DataArray) -> int:
    """Return how many values above 0 an image has, at most 2."""
    values = np.asarray(image)
    largest = values.max()
    return int(largest > 0) + int(((values > 0) & (values < largest)).any())


def _from_colours(image: xr.DataArray, path: Path, colours: str) -> tuple[xr.DataArray, str]:
    """Make an object of each connected part of one colour."""
    if colours != "map":
        raise BadInput(
            f"{path.name} is a picture in colours (RGB); expected a label image with one number per object. Export the "
            'labels themselves (16 bit), or ask for an object from each coloured part with colours="map".'
        )
    values = np.asarray(image).astype(np.int32)
    code = (values[:, 0] << 16) | (values[:, 1] << 8) | values[:, 2]  # (t, z, y, x)
    found, index, times = np.unique(code, return_inverse=True, return_counts=True)
    if len(found) > MOST_COLOURS:
        raise BadInput(
            f"{path.name} has {len(found):,} colours; expected one for each object and at most {MOST_COLOURS:,}. It is "
            "a photograph, a JPEG, or its colours are blended at the borders: save it as PNG without smoothing."
        )
    background = int(np.flatnonzero(found == 0)[0]) if found[0] == 0 else int(np.argmax(times))
    index = index.reshape(code.shape)
    labels = np.zeros(code.shape, np.int32)
    for t in range(len(code)):
        for colour in np.unique(index[t]):
            if colour != background:
                parts = objects.components(index[t] == colour)
                labels[t][parts > 0] = parts[parts > 0] + labels[t].max()
    attrs = {**image.attrs, "rgb": False, "channel_names": ("",)}
    note = (
        f"{path.name}: {len(found) - 1} colours besides the background gave {int(labels.max())} objects, "
        "one for each connected part of one colour."
    )
    return xr.DataArray(labels[:, None], dims=image.dims, attrs=attrs), note
