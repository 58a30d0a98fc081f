"""The steps of a segmentation in blocks after the network: who wins, what stays, what is written."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from talanoa.image import grey_values
from talanoa.measure import tables
from talanoa.models.methods.star_convex import Candidates
from talanoa.models.runtime.store import CANDIDATES
from talanoa.rois.roi_set import make_names
from talanoa.segmentation.blocks import draw, nms, rois
from talanoa.segmentation.blocks.grid import slices
from talanoa.segmentation.blocks.job import KEPT, WINNERS, WRITTEN, Job
from talanoa.segmentation.blocks.labels import LabelImage
from talanoa.segmentation.predict import class_columns, in_image

log = logging.getLogger(__name__)
_MOST_SWEEPS = 1000
_CACHED = 64  # winners of so many blocks stay in memory


class Frame:
    """The steps after the network, for one frame of a job.

    Parameters
    ----------
    job : Job
        What to do.
    frame : int
        Which of the job's frames.
    """

    def __init__(self, job: Job, frame: int) -> None:
        self.job, self.frame = job, frame
        self.warnings: list[str] = []
        blocks = range(len(job.grid))
        stored = [job.store.load(CANDIDATES, job.number(frame, block), "reach")["reach"] for block in blocks]
        self.reaches = np.asarray(stored, np.float32)
        self.largest = self.reaches.max(axis=0, initial=0)
        self.winners = lru_cache(_CACHED)(self._winners)
        self.placed = lru_cache(_CACHED)(self._placed)
        self.numbers = lru_cache(_CACHED)(self._numbers)
        self.referee = nms.Referee(
            job.grid, self.reaches, self._candidates, self.winners, job.config, job.thresholds["nms"]
        )
        self._warn_large()

    @property
    def count(self) -> int:
        """Objects of the frame."""
        return int(self.offsets[-1])

    def decide(self) -> None:
        """Let each block decide which of its candidates win."""
        for block in range(len(self.job.grid)):
            if not self._has(WINNERS, block):
                self._save(block, self.referee.first(block))
            self._tell(WINNERS, block, "Overlaps")

    def settle(self) -> tuple[int, int]:
        """Let blocks decide again until all agree; returns how often, and how many blocks did not agree at first."""
        if (noted := self.job.store.marked(f"agreed-{self.frame}")) is not None:
            return noted["sweeps"], noted["disagreements"]
        wrong = self._disagreeing(range(len(self.job.grid)))
        sweeps, at_first = 0, len(wrong)
        while wrong:
            sweeps += 1
            if sweeps > _MOST_SWEEPS:  # each sweep settles at least the next candidate by probability
                raise RuntimeError(f"blocks {wrong[:5]} of frame {self.frame} do not agree with their neighbours")
            log.info("%d blocks of frame %d decide again, sweep %d", len(wrong), self.frame, sweeps)
            touched = sorted({other for block in wrong for other in self.referee.neighbours(block)})
            decided = {block: self.referee.again(block) for block in touched}
            for block, decision in decided.items():
                self._save(block, decision)
            self.winners.cache_clear()
            self.placed.cache_clear()
            around = sorted({other for block in touched for other in self.referee.neighbours(block)})
            wrong = self._disagreeing(around)
        self.job.store.mark(f"agreed-{self.frame}", sweeps=sweeps, disagreements=at_first)
        return sweeps, at_first

    def filter(self) -> None:
        """Note which winners of each block stay."""
        settings = self.job.settings
        by_intensity = settings.min_intensity is not None or settings.max_intensity is not None
        for block in range(len(self.job.grid)):
            if not self._has(KEPT, block):
                drawn = self._drawn(block)
                pixels = self.job.pixels(self.frame)[(slice(None), *slices(drawn.box))][0] if by_intensity else None
                if pixels is not None:
                    pixels = grey_values.calibrated(pixels, self.job.image.form.attrs)
                keep = draw.kept(drawn, pixels, self.job.places, block, settings)
                self.job.store.save(KEPT, self._at(block), keep=keep, count=np.array(keep.sum()))
            self._tell(KEPT, block, "Objects")

    def write(self, labels: LabelImage) -> None:
        """Write labels, measurements and outlines of each block."""
        for block in range(len(self.job.grid)):
            if not self._has(WRITTEN, block):
                self._write(block, labels, int(self.offsets[block]) + 1, int(self.offsets[block + 1]))
            self._tell(WRITTEN, block, "Labels")

    def _write(self, block: int, labels: LabelImage, first: int, last: int) -> None:
        """Write one block, whose objects are numbers first..last."""
        job, box = self.job, self.job.places.box(block)
        drawn = self._drawn(block)
        values = draw.numbered(drawn, self.numbers)
        core = np.ascontiguousarray(draw.core_of(drawn, values, box))
        labels.write(self.frame, box, core)
        if last >= first:
            own = draw.only(values, first, last)
            self._write_table(block, drawn, own)
            if job.settings.rois != "none":
                self._write_rois(block, drawn, own)
        sha256 = hashlib.sha256(np.ascontiguousarray(core, "<i4").data).hexdigest()
        job.store.save(WRITTEN, self._at(block), sha256=np.array(sha256))

    def _write_table(self, block: int, drawn: draw.Drawn, own: NDArray[np.int32]) -> None:
        """Write the measurements of a block's own objects."""
        job = self.job
        attrs = dict(job.image.form.attrs)
        pixels = job.pixels(self.frame, slice(None))[(slice(None), *slices(drawn.box))]
        numbers = self.numbers(block)
        winners = self.winners(block).take(np.flatnonzero(numbers))
        known = {"Probability": winners.probabilities.astype(np.float64), **class_columns(winners.classes)}
        extra = pd.DataFrame({"Label": numbers[numbers > 0], **known})
        measured = tables.measure(draw.as_image(own, attrs), draw.as_image(pixels, attrs, channels=True), extra)
        moved = draw.shifted(measured, drawn.box, attrs["pixel_size"])
        number = np.full(len(moved), job.frames[self.frame] + 1)
        moved = moved.assign(Frame=number, Name=make_names(moved["Label"].to_numpy(), number))
        path = job.store.path(WRITTEN, self._at(block), ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        tables.write_csv(path, moved, overwrite=True)

    def _write_rois(self, block: int, drawn: draw.Drawn, own: NDArray[np.int32]) -> None:
        """Write the outlines of a block's own objects."""
        job = self.job
        if job.settings.outline == "star" and job.plane is not None:
            made = rois.star(self.placed(block), self.numbers(block))
        else:
            made = rois.traced(own, drawn.box)
        in_whole = rois.placed(made, job.frames[self.frame] + 1, job.plane, job.image.form)
        rois.save(job.store, self._at(block), in_whole)

    def _drawn(self, block: int) -> draw.Drawn:
        """Draw a block and its surroundings."""
        places, seen = self.job.places, self.job.grid.shape
        farthest = self.largest * max(size / side for size, side in zip(places.shape, seen, strict=True))
        slack = 0.0 if places.shape == seen else 1.0  # centres may lie beside the borders of blocks that were rounded
        return draw.draw(places, block, self.placed, farthest + slack, slack)

    def _disagreeing(self, blocks: Iterable[int]) -> list[int]:
        """Return the blocks that took others' candidates for winners which are none, or the other way round."""
        seen = ((block, self.job.store.load(WINNERS, self._at(block), "seen")["seen"]) for block in blocks)
        return [block for block, points in seen if not self.referee.agrees(block, points)]

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Return how many objects the blocks before each one have, and all (blocks + 1,)."""
        blocks = range(len(self.job.grid))
        counts = [int(self.job.store.load(KEPT, self._at(block), "count")["count"]) for block in blocks]
        return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    def _warn_large(self) -> None:
        """Say so when candidates are larger than blocks: their surroundings are many blocks."""
        grid = self.job.grid
        axes = zip(self.largest, grid.core, grid.counts, strict=True)
        if any(far > side and count > 1 for far, side, count in axes):
            far = int(np.ceil(self.largest.max()))
            self.warnings.append(
                f"Frame {self.job.frames[self.frame] + 1} has candidates that reach {far} pixels from their centres, "
                f"and a block has {min(grid.core)}. The result is right, but needs the memory of several blocks; a "
                f"larger block needs less: block={2 * far}."
            )

    def _tell(self, kind: str, block: int, text: str) -> None:
        self.job.progress(kind, self._at(block) + 1, text)

    def _at(self, block: int) -> int:
        return self.job.number(self.frame, block)

    def _has(self, kind: str, block: int) -> bool:
        return self.job.store.has(kind, self._at(block))

    def _save(self, block: int, decision: nms.Decision) -> None:
        self.job.store.save_candidates(WINNERS, self._at(block), decision.winners, seen=decision.seen)

    def _candidates(self, block: int) -> Candidates:
        return self.job.store.load_candidates(CANDIDATES, self._at(block), self.job.config)

    def _winners(self, block: int) -> Candidates:
        return self.job.store.load_candidates(WINNERS, self._at(block), self.job.config)

    def _placed(self, block: int) -> Candidates:
        """Return the winners of a block in the image itself."""
        return in_image(self.winners(block), self.job.places.shape, self.job.grid.shape)

    def _numbers(self, block: int) -> NDArray[np.int32]:
        """Return the number of each winner of a block, 0 for those that are removed."""
        keep = self.job.store.load(KEPT, self._at(block), "keep")["keep"]
        return np.where(keep, self.offsets[block] + np.cumsum(keep), 0).astype(np.int32)
