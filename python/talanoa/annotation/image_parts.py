"""What can be annotated of image files: whole images, planes of stacks, frames of time-lapses, tiles of large ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.image import lazy as image_lazy
from talanoa.image.folder import images_in, is_folder_of_images
from talanoa.image.formats import sets
from talanoa.image.lazy import LazyImage
from talanoa.segmentation.dataset.names import check_name

_LARGEST = 8192  # pixels along a side that a person can work on; larger images are cut into tiles


@dataclass(frozen=True)
class Part:
    """A part of an image file; all indices from 0, ends excluded.

    Attributes
    ----------
    source : int
        Which of the files.
    stem : str
        Name of the image it comes from.
    t, z, y, x : (int, int)
    whole : (int, int, int, int)
        Sizes of the image along t, z, y, x.
    """

    source: int
    stem: str
    t: tuple[int, int]
    z: tuple[int, int]
    y: tuple[int, int]
    x: tuple[int, int]
    whole: tuple[int, int, int, int]

    @property
    def place(self) -> str:
        """Where in the image: "T1 Z3 Y0-512 X512-1024" (frame and slice from 1, pixels from 0); "" for all of it."""
        words = [
            f"{letter}{first + 1}"
            for letter, (first, end), size in (("T", self.t, self.whole[0]), ("Z", self.z, self.whole[1]))
            if end - first < size
        ]
        if (self.y[1] - self.y[0], self.x[1] - self.x[0]) != self.whole[2:]:
            words += [f"Y{self.y[0]}-{self.y[1]}", f"X{self.x[0]}-{self.x[1]}"]
        return " ".join(words)

    @property
    def name(self) -> str:
        """Name of the copy: the image's, and where the part begins, such as cells_T0001_Z003_Y00000_X00512."""
        words = [self.stem]
        if self.t[1] - self.t[0] < self.whole[0]:
            words.append(f"T{self.t[0] + 1:04d}")
        if self.z[1] - self.z[0] < self.whole[1]:
            words.append(f"Z{self.z[0] + 1:03d}")
        if (self.y[1] - self.y[0], self.x[1] - self.x[0]) != self.whole[2:]:
            words += [f"Y{self.y[0]:05d}", f"X{self.x[0]:05d}"]
        return "_".join(words)


def files_of(source: str) -> tuple[list[Path], bool]:
    """Return the image files that a text names, several separated by ";", and whether a folder was among them.

    Raises
    ------
    BadInput
        A file or folder that is not there, a folder without images.
    """
    files: list[Path] = []
    folder = False
    for text in filter(None, (text.strip() for text in source.split(";"))):
        path = Path(text).expanduser().absolute()
        if not path.exists():
            raise BadInput(f"Found no file or folder {path}; expected images. Separate several by a semicolon.")
        if is_folder_of_images(path):
            files += [each.path for each in images_in(path)]
            folder = True
        else:
            files.append(path)
    if not files:
        raise BadInput("source names no image; expected an image file, or a folder of images.")
    return sets.one_per_image(dict.fromkeys(files)), folder


def opened(source: Path | xr.DataArray) -> AbstractContextManager[LazyImage]:
    """Open an image file, or an image in memory, to read parts of it."""
    return image_lazy.open_image(source) if isinstance(source, Path) else image_lazy.in_memory(source)


def stem_of(name: str) -> str:
    """Return the name of an image without its suffix, as a name that every system allows for a file."""
    name = re.sub(r"(?i)(\.ome)?\.(tiff?|zarr|png|jpe?g)$", "", name)
    plain = re.sub(r'[/\\:*?"<>|\x00-\x1f;]', "_", name).strip(" .")
    return plain if plain and not check_name(plain) else f"image_{plain}".rstrip("_")


def list_parts(source: int, stem: str, form: xr.DataArray, cut: str, tile: int | None) -> list[Part]:
    """Return the parts of one image.

    Parameters
    ----------
    source, stem
        As in `Part`.
    form : DataArray (t, c, z, y, x)
        Its values are not used.
    cut : {"none", "planes", "frames", "both"}
        Take the planes of stacks, the frames of time-lapses one by one.
    tile : int or None
        Side of the tiles into which larger images are cut, in pixels. A last tile is moved back so that it lies inside.

    Raises
    ------
    BadInput
        The image is too large to be annotated in one piece, and no `tile` is given.
    """
    n_t, n_z, height, width = (int(form.sizes[dim]) for dim in "tzyx")
    if tile is None and max(height, width) > _LARGEST:
        raise BadInput(
            f"{stem} has {width} x {height} pixels; expected at most {_LARGEST} a side to be annotated in one piece. "
            "Cut it into tiles, for example tile=512."
        )
    single = {"none": "", "planes": "z", "frames": "t", "both": "tz"}[cut]
    frames = [(k, k + 1) for k in range(n_t)] if "t" in single else [(0, n_t)]
    planes = [(k, k + 1) for k in range(n_z)] if "z" in single else [(0, n_z)]
    whole = (n_t, n_z, height, width)
    return [
        Part(source, stem, t, z, y, x, whole)
        for t in frames
        for z in planes
        for y in _steps(height, tile)
        for x in _steps(width, tile)
    ]


def read_part(lazy: LazyImage, part: Part) -> xr.DataArray:
    """Read a part in the image form, calibrated like the whole."""
    area = (slice(*part.z), slice(*part.y), slice(*part.x))
    values = np.stack([lazy.fetch(t, slice(None), area) for t in range(*part.t)])
    kept = ("pixel_size", "unit", "frame_interval", "rgb", "channel_names", "display", "luts")
    attrs = {key: lazy.form.attrs[key] for key in kept if key in lazy.form.attrs}
    image = images.from_array(_storable(values), images.DIMS)
    image.attrs.update(attrs, name=part.name)
    return images.check(image)


def look(lazy: LazyImage, part: Part, channel: int | None, most: int = 512) -> NDArray[np.float32]:
    """Return a plane (y, x) that stands for a part: of its middle frame, maximum over a few slices, thinned out."""
    t = (part.t[0] + part.t[1] - 1) // 2
    n_c = lazy.form.sizes["c"]
    chosen = slice(None) if channel is None else slice(min(channel, n_c) - 1, min(channel, n_c))
    slices = np.unique(np.linspace(part.z[0], part.z[1] - 1, min(3, part.z[1] - part.z[0])).round().astype(int))
    area = (slice(*part.y), slice(*part.x))
    found = [lazy.fetch(t, chosen, (slice(z, z + 1), *area)).astype(np.float32).mean(axis=0)[0] for z in slices]
    plane = np.max(found, axis=0)
    step = max(1, -(-max(plane.shape) // most))
    return np.nan_to_num(plane[::step, ::step])


def _steps(size: int, tile: int | None) -> Iterator[tuple[int, int]]:
    """Yield (first, end) of tiles along one axis."""
    if tile is None or size <= tile:
        yield 0, size
        return
    for first in range(0, size, tile):
        first = min(first, size - tile)
        yield first, first + tile


def _storable(values: NDArray) -> NDArray:
    """Return values in a type that ImageJ opens: numbers of 64 bit become 32-bit float."""
    fits: Sequence[type] = (np.uint8, np.uint16, np.int16, np.float32)
    if values.dtype.type in fits:
        return values
    if values.dtype.kind in "iu" and int(values.min()) >= 0 and int(values.max()) < 1 << 16:
        return values.astype(np.uint16)
    return values.astype(np.float32)
