"""An image made from an image, frame by frame, in memory or on disk: what restoration and prediction share."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from talanoa import image as images
from talanoa.core.host import Host, Share, stop_if_cancelled
from talanoa.image.lazy import LazyImage
from talanoa.models.runtime.dtypes import Numbers
from talanoa.models.runtime.source import Hash, Source

_SUFFIX = re.compile(r"(\.ome)?\.(tiff?|png|jpe?g|zarr)$", re.IGNORECASE)
OF_PIXELS = (
    "notes",
    "source",
    "channel_names",
    "luts",
    "display",
    "rgb",
    "name",
    "grey_values",
)  # attributes that results do not keep

Shape = tuple[int, int, int, int, int]
Found = tuple[NDArray[np.float32], NDArray[np.float32] | None]  # an image and its uncertainty


@dataclass(frozen=True, eq=False)
class Made:
    """An image that was made.

    Parameters
    ----------
    image : DataArray, (t, c, z, y, x)
        With the calibration of the image it was made from.
    uncertainty : DataArray of float32, (t, c, z, y, x), or None
        How uncertain each pixel is, in the same units.
    record : dict
        Everything that was filled in: device, backend, tiles, levels, type, hashes, times.
    warnings : list of str
        What the user should know.
    """

    image: xr.DataArray
    uncertainty: xr.DataArray | None
    record: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame that was made, (c, z, y, x): the image in its type, and the uncertainty where it was asked for."""

    values: NDArray[Any]
    uncertainty: NDArray[np.float32] | None


class ImageWork(ABC):
    """Work that is done frame by frame.

    Parameters
    ----------
    image : LazyImage
        All of the image, in memory or on disk.
    source : Source
        The part of it that is worked on.
    kind : dtype
        Of what is made.
    shape, spread_shape : (t, c, z, y, x)
        Of what is made, and of its uncertainty.
    request : Request
        The complete request; ``uncertainty`` and ``image`` are looked at.
    host : Host
        Progress and cancelling.
    """

    made: str  # what comes out, as it is called in names of files and messages: "restored"
    doing: str  # "Restoring"

    def __init__(
        self,
        image: LazyImage,
        source: Source,
        kind: np.dtype[Any],
        shape: Shape,
        request: Any,
        host: Host,
        spread_shape: Shape | None = None,
    ) -> None:
        self.form, self.source, self.kind, self.shape = image.form, source, kind, shape
        self.spread_shape = spread_shape or shape
        self.request, self.host = request, host
        self.numbers = Numbers(kind, self.made)
        self._hashes = Hash(image.form.dtype, source.shape), Hash(kind, shape)
        self.more = False  # whether another frame follows: memory is kept for it
        self.times: dict[str, float] = {}

    def skip(self, made: Iterable[NDArray], numbers: Mapping[str, float]) -> None:
        """Take over the first frames from interrupted work: what came out, and the counts of values."""
        for number, values in enumerate(made):
            stop_if_cancelled(self.host)
            self._hashes[0].add(self.source.frame(number))
            self._hashes[1].add(values)
        self.numbers.go_on(numbers)

    def frames(self, first: int = 0) -> Iterator[Frame]:
        """Yield the frames that are made, in order.

        Parameters
        ----------
        first : int
            Frames before it are left out, see `skip`.

        Raises
        ------
        Cancelled
            Stopped by the user.
        """
        began = time.perf_counter()
        count = len(self.source.frames)
        for number in range(first, count):
            stop_if_cancelled(self.host)
            pixels = self.source.frame(number)
            self._hashes[0].add(pixels)
            self.more = number + 1 < count
            found, spread = self._frame(pixels, Share(self.host, number, count))
            values = self.numbers.convert(found)
            self._hashes[1].add(values)
            self.host.progress(number + 1, count, self.doing)
            self.times["network"] = round(time.perf_counter() - began, 4)
            yield Frame(values, spread)

    def hashes(self) -> dict[str, str]:
        """Return the hashes of what went in and of what came out, once all frames are there."""
        return {"input_sha256": self._hashes[0].text(), "image_sha256": self._hashes[1].text()}

    @abstractmethod
    def _frame(self, pixels: NDArray, host: Host) -> Found:
        """Make a frame (c, z, y, x) from one of the source."""

    @abstractmethod
    def warnings(self) -> list[str]:
        """Return what the user should know, once all frames are there."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return everything that was filled in, once all frames are there."""

    @abstractmethod
    def plan(self) -> dict[str, Any]:
        """Return what defines the numbers that come out, beside request, model and image."""

    @abstractmethod
    def message(self) -> str:
        """Say in a few words what was made, such as "3 frames"."""

    @abstractmethod
    def channel_attrs(self, what: str) -> dict[str, Any]:
        """Return channel names, colour tables and display ranges of the image, or of its "uncertainty"."""

    def attrs(self, what: str) -> dict[str, Any]:
        """Return the attributes of the image, or of its "uncertainty": the original's calibration under a new name."""
        kept = {key: value for key, value in self.form.attrs.items() if key not in OF_PIXELS}
        stem = _SUFFIX.sub("", str(self.form.attrs.get("name") or "image"))
        return {**kept, **self.channel_attrs(what), "rgb": False, "name": f"{stem}-{what}"}


def whole(work: ImageWork) -> Made:
    """Do all of the work in memory.

    Raises
    ------
    Cancelled
        Stopped by the user.
    """
    made = np.empty(work.shape, work.kind)
    unsure = np.empty(work.spread_shape, np.float32) if work.request.uncertainty else None
    for number, frame in enumerate(work.frames()):
        made[number] = frame.values
        if unsure is not None:
            unsure[number] = frame.uncertainty
    seen = xr.DataArray(made, dims=images.DIMS, attrs=work.attrs(work.made))
    spread = None if unsure is None else xr.DataArray(unsure, dims=images.DIMS, attrs=work.attrs("uncertainty"))
    return Made(seen, spread, work.record(), work.warnings())
