"""Images that stay on disk: sizes and metadata at once, pixels a part at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from talanoa.core.errors import BadInput
from talanoa.image import form as images
from talanoa.image import io as image_io
from talanoa.image import reading
from talanoa.image.formats import metadata, picture, tiff, tiff_open
from talanoa.image.formats import zarr as image_zarr
from talanoa.image.reading import Reading

Part = tuple[slice, slice, slice]  # z, y, x
Reader = Callable[[tuple[slice, ...]], NDArray[Any]]
Guard = Callable[[str], AbstractContextManager[None]]
_LARGEST_PIECE = 1 << 30  # bytes that one compressed piece of a TIFF may have


class LazyImage:
    """An image of which only the parts that are asked for are in memory; a context manager that closes its file.

    Parameters
    ----------
    form : DataArray (t, c, z, y, x)
        Sizes, type and attributes of the image form; its values are zeros that take no memory.
    reader : function of slices
        Gives a part of the stored array.
    axes : str
        Axes of the stored array, letters of "tczyxs".
    files : ExitStack, optional
        What is open.
    guard : function of text, optional
        Turns what the library raises on a damaged part of the file into `BadInput`; the text names the part.
    """

    def __init__(
        self,
        form: xr.DataArray,
        reader: Reader,
        axes: str,
        files: ExitStack | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.form = form
        self._reader, self._axes, self._files, self._guard = (
            reader,
            axes.lower(),
            files or ExitStack(),
            guard or nullcontext,
        )

    def __enter__(self) -> LazyImage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.close()

    def fetch(self, t: int, channels: slice, part: Part) -> NDArray[Any]:
        """Return the pixels (channels, z, y, x) of a part of frame `t` (counted from 0)."""
        names = self._axes.replace("s", "c")
        these = slice(*channels.indices(self.form.sizes["c"]))
        chosen = dict(zip("tczyx", (slice(t, t + 1), these, *part), strict=True))
        with self._guard(f"frame {t + 1}"):
            values = np.asarray(self._reader(tuple(chosen[name] for name in names)))
        there = [name for name in "tczyx" if name in names]
        values = values.transpose([names.index(name) for name in there])
        values = values.reshape([values.shape[there.index(name)] if name in there else 1 for name in "tczyx"])
        return np.ascontiguousarray(_plain(values, self.form.dtype)[0])


def open_image(
    path: str | os.PathLike[str],
    dims: str | None = None,
    missing: str | None = None,
    series: int | None = None,
) -> LazyImage:
    """Open an image file without reading its pixels.

    Parameters
    ----------
    path : path
        TIFF or OME-Zarr; other kinds are read at once, being small.
    dims, missing, series
        As for `talanoa.image.read`.

    Raises
    ------
    BadInput
        As for `talanoa.image.read`; a TIFF that is compressed in very large pieces.
    """
    path = Path(path).expanduser()
    if not path.exists() or path.suffix.lower() in picture.SUFFIXES:
        return in_memory(image_io.read(path, dims, missing, series))
    how = reading.wanted(dims, series, missing=missing)
    with image_io.errors_named(path):
        lazy = _zarr(path, how) if path.is_dir() else _tiff(path, how)
    lazy.form.attrs["source"] = str(path)
    lazy.form.attrs["name"] = lazy.form.attrs["name"] or path.name
    return lazy


def in_memory(image: xr.DataArray) -> LazyImage:
    """Return an image (t, c, z, y, x) that is in memory already, in the same form."""
    image = images.check(image)
    values = np.asarray(image)
    return LazyImage(image, lambda part: values[part], "tczyx")


def size_of(path: Path) -> int:
    """Return how many pixels the first image of a file has, all frames, slices and channels together; 0: not known.

    Only headers are read. Of files that cannot be read 0 is returned: whoever reads them says what is wrong.
    """
    if path.is_dir() or path.suffix.lower() in (".tif", ".tiff"):
        try:
            with open_image(path) as lazy:
                return int(lazy.form.size)
        except BadInput:
            return 0
    return 0


def _zarr(path: Path, how: Reading) -> LazyImage:
    """Open OME-Zarr."""
    if not any((path / name).is_file() for name in (".zgroup", ".zattrs", "zarr.json")):
        return in_memory(image_zarr.read(path, how))  # says what is wrong
    with image_zarr.damage_explained(path):
        array, named, form, attrs = image_zarr.opened(path, how)
        image = images.from_array(_zeros(array.shape, np.dtype(array.dtype)), named, **form)
    image.attrs.update(attrs)
    letters = "".join(images.axis_letter(name) for name in named)
    return LazyImage(image, lambda part: array[part], letters, guard=partial(image_zarr.damage_explained, path))


def _tiff(path: Path, how: Reading) -> LazyImage:
    """Open TIFF: parts of pixels that are stored as they are come from the file, of others through its tiles."""
    with ExitStack() as files:
        tif = files.enter_context(tiff_open.opened(path))
        with tiff_open.damage_explained(path):
            found = tiff.find(path, tif, how)
            series = found.series
            tiff.check_size(path, series, in_memory=False)
            signed = metadata.is_signed(tif) and series.dtype == np.uint16
            stored = np.dtype(np.int16) if signed else np.dtype(series.dtype)
            form = tiff.described(path, tif, _zeros(series.shape, stored), found)
            reader = _stored_as_is(path, tif, series) or _through_tiles(path, series)
        kept = files.pop_all()  # open until the image is closed
    guard = partial(tiff_open.damage_explained, path)
    return LazyImage(form, _signed(reader) if signed else reader, found.axes, kept, guard)


def _stored_as_is(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Reader | None:
    """Return a reader of a series that is one uncompressed block of the file; None: it is not."""
    if series.is_multifile or series.dataoffset is None:
        return None
    kind, offset = np.dtype(series.dtype).newbyteorder(tif.byteorder), int(series.dataoffset)

    def read(part: tuple[slice, ...]) -> NDArray[Any]:
        # mapped anew each time, so that the pages of the file that were read do not count as our memory
        whole = np.memmap(path, kind, "r", offset, tuple(series.shape))
        return np.array(whole[part])

    return read


def _through_tiles(path: Path, series: tifffile.TiffPageSeries) -> Reader:
    """Return a reader that decodes the tiles or strips of a part."""
    import zarr

    page = series.keyframe
    piece = int(np.prod(page.chunks)) * np.dtype(series.dtype).itemsize
    if piece > _LARGEST_PIECE:
        raise BadInput(
            f"{path.name} is stored in pieces of {piece / 1e9:.1f} GB; expected tiles or strips that can be read one "
            "by one. Save it as OME-Zarr or as tiled TIFF."
        )
    array: Any = zarr.open_array(series.aszarr(level=0), mode="r")
    return lambda part: np.asarray(array[part])


def _signed(reader: Reader) -> Reader:
    """Return a reader of ImageJ's signed 16-bit numbers, which are stored 32,768 higher."""
    return lambda part: (reader(part).astype(np.int32) - metadata.SIGNED_OFFSET).astype(np.int16)


def _zeros(shape: Sequence[int], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros of the type that the image form has; they take no memory."""
    plain = {"b": np.dtype(np.uint8), "f": np.dtype(np.float32) if kind.itemsize == 2 else kind}.get(kind.kind, kind)
    return np.broadcast_to(np.zeros((), plain.newbyteorder("=")), tuple(int(size) for size in shape))


def _plain(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return values in the type of the image form."""
    return values.astype(np.uint8) * np.uint8(255) if values.dtype.kind == "b" else values.astype(kind, copy=False)
