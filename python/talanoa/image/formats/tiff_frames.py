"""ImageJ TIFF files of any size, written and read frame by frame."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from talanoa.image import form as images
from talanoa.image.formats import metadata


class FrameFile:
    """An ImageJ hyperstack on disk whose frames are put in one by one; above 4 GB it has ImageJ's own form.

    (ImageJ reads a large file by the sizes in its description, all pixels in one piece; it does not know BigTIFF.)

    Parameters
    ----------
    path : Path
        A new file is made at once in its full size, which takes no room on most disks; one that is there is gone on
        with.
    shape : sequence of int
        (t, c, z, y, x).
    kind : dtype
        uint8, uint16, int16 or float32.
    attrs : mapping
        Of the image form.
    """

    def __init__(self, path: Path, shape: Sequence[int], kind: np.dtype[Any], attrs: Mapping[str, Any]) -> None:
        self.path, self._kind = path, np.dtype(kind).newbyteorder("<")
        self._shape = tuple(int(side) for side in shape)
        if not path.exists():
            self._make(attrs)
        with tifffile.TiffFile(path) as tif:
            self._first = int(tif.series[0].dataoffset or 0)
        self._bytes = prod(self._shape[1:]) * self._kind.itemsize

    def _make(self, attrs: Mapping[str, Any]) -> None:
        """Write the header; the pixels are zeros."""
        t, c, z, y, x = self._shape
        empty = np.broadcast_to(np.zeros((), self._kind), self._shape)
        image = images.check(xr.DataArray(empty, dims=images.DIMS, attrs=dict(attrs)))
        size_y, size_x = image.attrs["pixel_size"][1:]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*truncating ImageJ file")
            tifffile.imwrite(
                self.path,
                shape=(t, z, c, y, x),
                dtype=self._kind,
                imagej=True,
                byteorder="<",
                photometric="minisblack",
                resolution=(1 / size_x, 1 / size_y),
                resolutionunit="NONE",
                metadata={"axes": "TZCYX", **metadata.for_imagej(image, signed=self._kind.kind == "i")},
                extratags=metadata.colour_map(image),
            )

    def put(self, number: int, frame: NDArray[Any]) -> None:
        """Write frame `number`, (c, z, y, x)."""
        values = np.ascontiguousarray(frame.swapaxes(0, 1), self._kind)
        with self.path.open("r+b") as stream:
            stream.seek(self._first + number * self._bytes)
            stream.write(values.data)

    def get(self, number: int) -> NDArray[Any]:
        """Read frame `number`, (c, z, y, x)."""
        _, c, z, y, x = self._shape
        with self.path.open("rb") as stream:
            stream.seek(self._first + number * self._bytes)
            values = np.frombuffer(stream.read(self._bytes), self._kind)
        return values.reshape(z, c, y, x).swapaxes(0, 1)
