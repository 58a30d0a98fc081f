"""Several kinds of transmitted light of one field, in folders beside each other: one image with a channel for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.errors import BadInput
from talanoa.image import lazy
from talanoa.image.folder import name_of
from talanoa.image.lazy import LazyImage, Reader
from talanoa.labelling.data.plates import images_in
from talanoa.labelling.inputs import same
from talanoa.labelling.record import LabellingRecord


def needed(records: Iterable[LabellingRecord]) -> tuple[str, ...]:
    """Return the kinds of light that models look at; of models of a single one that of the first.

    What two models call otherwise (DIC, dic) counts once. Models of a single kind take what they are given.
    """
    known = [[light.name for light in record.lights] for record in records]
    if not any(len(names) > 1 for names in known):
        return tuple(known[0]) if known else ()
    found: list[str] = []
    for names in known:
        found += [name for name in names if not any(same(name, other) for other in found)]
    return tuple(found)


def read(path: Path, names: Sequence[str]) -> xr.DataArray:
    """Return an image file (t, c, z, y, x), completed by the kinds of light that lie beside it, see `completed`."""
    image = images.read(path)
    whole = completed(lazy.in_memory(image), names)
    if whole.form.sizes["c"] == image.sizes["c"]:
        return image
    everything = slice(None)
    frames = [whole.fetch(t, everything, (everything,) * 3) for t in range(image.sizes["t"])]
    return xr.DataArray(np.stack(frames), dims=images.DIMS, attrs=whole.form.attrs)


def completed(image: LazyImage, names: Sequence[str]) -> LazyImage:
    """Return an image of one kind of light with a channel for each that is needed, read from the folders beside it.

    Parameters
    ----------
    image : LazyImage
        Such as ``plate/phase/A01.tif`` (``attrs["source"]``). Of other images, and of those that have several channels,
        nothing is changed.
    names : sequence of str
        The kinds of light that are needed, such as phase and DIC: ``plate/DIC/A01.tif`` is then read as well.

    Returns
    -------
    LazyImage
        ``attrs["beside"]`` are the files that were added.

    Raises
    ------
    BadInput
        One of the files is missing, of another size, or has several channels.
    """
    path = Path(str(image.form.attrs.get("source") or "")).absolute()
    known = any(same(name, path.parent.name) for name in names)
    if len(names) < 2 or not known or image.form.sizes["c"] > 1 or not path.parent.is_dir():
        return image
    files = _files(path, names)
    forms = [image.form if file is None else _form(file) for file in files]
    _check([path if file is None else file for file in files], forms, image.form)
    kind = np.result_type(*(form.dtype for form in forms))
    sizes = {**image.form.sizes, "c": len(files)}
    empty = np.broadcast_to(np.zeros((), kind), [sizes[axis] for axis in images.DIMS])
    attrs = {key: value for key, value in image.form.attrs.items() if key not in ("luts", "display")}
    attrs["channel_names"] = tuple(path.parent.name if file is None else file.parent.name for file in files)
    attrs["beside"] = tuple(str(file) for file in files if file is not None)
    return LazyImage(xr.DataArray(empty, dims=images.DIMS, attrs=attrs), _reader(image, files), "tczyx")


def _reader(image: LazyImage, files: Sequence[Path | None]) -> Reader:
    """Return what reads a part of a frame, (1, c, z, y, x), of an image and of the files of the other channels."""

    def read_part(where: tuple[slice, ...]) -> NDArray[Any]:
        """Read one channel after the other; files are opened for each frame, so that none stays open."""
        frame, channels, *rest = where
        place = frame.start, slice(0, 1), (rest[0], rest[1], rest[2])
        found = []
        for file in [files[number] for number in range(*channels.indices(len(files)))]:
            if file is None:
                found.append(image.fetch(*place))
            else:
                with lazy.open_image(file) as other:
                    found.append(other.fetch(*place))
        return np.concatenate(found)[None]

    return read_part


def _files(path: Path, names: Sequence[str]) -> list[Path | None]:
    """Return the file of each kind of light that lies beside an image; None: the image itself."""
    own = path.parent
    mine = own.name if own.name in names else next(name for name in names if same(name, own.name))
    folders = {folder.name: folder for folder in sorted(own.parent.iterdir()) if folder.is_dir()}
    others = {name: _file_of(name_of(path), name, folders) for name in names if name != mine}
    missing = [str(own.parent / name) for name, file in others.items() if file is None]
    if missing:
        raise BadInput(
            f"{path} is one of several kinds of light ({', '.join(names)}) that the model looks at; found no image "
            f"{name_of(path)} in {' nor '.join(missing)}. Add it, or give an image with all of them as channels."
        )
    return [others.get(name) for name in names]


def _form(path: Path) -> xr.DataArray:
    with lazy.open_image(path) as image:
        return image.form


def _file_of(stem: str, name: str, folders: dict[str, Path]) -> Path | None:
    """Return the image of a field in the folder of a kind of light, by its name or by another one of the same kind."""
    fitting = [folders[name]] if name in folders else [path for each, path in folders.items() if same(each, name)]
    return images_in(fitting[0]).get(stem) if len(fitting) == 1 else None


def _check(files: Sequence[Path], found: Sequence[xr.DataArray], expected: xr.DataArray) -> None:
    """Raise `BadInput` for files of one field that cannot be channels of one image."""
    for file, picture in zip(files, found, strict=True):
        if picture.sizes["c"] > 1:
            raise BadInput(f"{file} has {picture.sizes['c']} channels; expected one of each kind of light.")
        if (own := _size(picture)) != (wanted := _size(expected)):
            raise BadInput(
                f"{file} is {own}, the image it belongs to {wanted}; expected the same size, and as many planes. "
                "Planes can lie in a folder each."
            )


def _size(picture: xr.DataArray) -> str:
    t, _, z, y, x = picture.shape
    return f"{x} x {y} pixels, {z} plane{'s' * (z != 1)}, {t} frame{'s' * (t != 1)}"
