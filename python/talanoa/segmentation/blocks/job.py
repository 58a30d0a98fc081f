"""What a segmentation in blocks is to do, and which files its steps leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.image.lazy import LazyImage
from talanoa.models.runtime.store import CANDIDATES, Store
from talanoa.segmentation.blocks.grid import Grid, Pixels, placed
from talanoa.segmentation.blocks.source import Ground, Seeing
from talanoa.segmentation.request import SegmentRequest

WINNERS, KEPT, WRITTEN, ROIS = "winners", "kept", "written", "rois"
_SHARE = {CANDIDATES: 8, WINNERS: 1, KEPT: 1, WRITTEN: 2}  # of the time, for the progress shown


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Parameters
    ----------
    image : LazyImage
        The image on disk.
    frames : tuple of int
        Frames to segment, counted from 0.
    channels : slice
        The model's channels.
    plane : int or None
        The slice, counted from 0, of a 2D model; None: volumes.
    grid : Grid
        The blocks of a frame.
    config : StarDistConfig or StarDist3DConfig
        The network's configuration.
    settings : SegmentRequest
        Percentiles and filters.
    thresholds : dict
        ``prob`` and ``nms``.
    store : Store
        The folder of the work.
    host : Host
        Progress, cancelling.
    seeing : Seeing, optional
        How the network sees the frames; as they are, where it is left out.
    grounds : sequence of ndarray
        For each frame the lowest intensities of its planes, where the background is clipped.
    """

    image: LazyImage
    frames: tuple[int, ...]
    channels: slice
    plane: int | None
    grid: Grid
    config: Any
    settings: SegmentRequest
    thresholds: dict[str, float]
    store: Store
    host: Host
    seeing: Seeing | None = None
    grounds: Sequence[Ground | None] = ()

    @cached_property
    def places(self) -> Grid:
        """The blocks in the image itself, where objects are drawn; `grid` has them in what the network sees."""
        sizes = self.image.form.sizes
        return placed(self.grid, [sizes[axis] for axis in "zyx"[-len(self.grid.shape) :]])

    def seen(self, frame: int) -> Any:
        """Return what the network sees of frame number `frame`."""
        pixels = self.pixels(frame)
        return pixels if self.seeing is None else self.seeing.seen(pixels, self.grounds[frame])

    def pixels(self, frame: int, channels: slice | None = None) -> Pixels:
        """Return frame number `frame` of those to segment."""
        return Pixels(self.image, self.frames[frame], channels or self.channels, self.plane)

    def number(self, frame: int, block: int) -> int:
        """Return the number of a block among those of all frames."""
        return frame * len(self.grid) + block

    def progress(self, kind: str, done: int, text: str) -> None:
        """Tell how far the whole is, and stop when the user wants it."""
        count = len(self.frames) * len(self.grid)
        kinds = list(_SHARE)
        before = sum(_SHARE[each] for each in kinds[: kinds.index(kind)]) * count
        total = sum(_SHARE.values()) * count
        self.host.progress(before + _SHARE[kind] * done, total, f"{text}, block {done} of {count}")
        stop_if_cancelled(self.host)
