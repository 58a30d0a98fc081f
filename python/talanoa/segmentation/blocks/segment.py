"""Segment an image that is larger than memory, block by block, with the objects of the image in one piece.

Five steps, each of which goes over all blocks and leaves a file for each: candidates (the network), winners
(suppression), a check that neighbours agree, filters and numbers, labels with measurements and outlines. A step that is
interrupted goes on with the first block that has no file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from talanoa.models.methods import star_convex
from talanoa.models.runtime import inference, tiles
from talanoa.models.runtime.store import CANDIDATES
from talanoa.models.runtime.types import Maps, Runner
from talanoa.segmentation.blocks import levels as blocks_levels
from talanoa.segmentation.blocks import nms
from talanoa.segmentation.blocks.frame import Frame
from talanoa.segmentation.blocks.job import WRITTEN, Job
from talanoa.segmentation.blocks.labels import LabelImage


@dataclass(frozen=True)
class Found:
    """What there is when all blocks are done.

    Parameters
    ----------
    counts : list of int
        Objects of each frame.
    levels : list of Levels
        Percentiles of each frame.
    sweeps, disagreements : int
        How often blocks decided again, and how many borders did not agree at first.
    image_sha256, labels_sha256 : str
        Of the hashes of all blocks, in order.
    warnings : list of str
        What the user should know.
    """

    counts: list[int]
    levels: list[blocks_levels.Levels]
    sweeps: int
    disagreements: int
    image_sha256: str
    labels_sha256: str
    warnings: list[str]


def run(job: Job, levels: Sequence[blocks_levels.Levels], net: Runner[Maps], labels: LabelImage) -> Found:
    """Do all steps; what was done before the call is not done again.

    Parameters
    ----------
    job : Job
        What to do.
    levels : sequence of Levels
        Percentiles of each frame.
    net : Runner
        The network.
    labels : LabelImage
        Gets the labels.

    Raises
    ------
    Cancelled
        Stopped by the user; the store keeps what is done.
    """
    for number, level in enumerate(levels):
        for done in find(job, number, level, net):
            job.progress(CANDIDATES, job.number(number, done), "Network")
    frames = [Frame(job, number) for number in range(len(job.frames))]
    settled = []
    for frame in frames:
        frame.decide()
        settled.append(frame.settle())
    for frame in frames:
        frame.filter()
    for frame in frames:
        frame.write(labels)
    warnings = [text for frame in frames for text in frame.warnings]
    return Found(
        [frame.count for frame in frames],
        list(levels),
        max(sweeps for sweeps, _ in settled),
        sum(disagreements for _, disagreements in settled),
        _hash_of(job, CANDIDATES),
        _hash_of(job, WRITTEN),
        list(dict.fromkeys(warnings)),
    )


def find(job: Job, frame: int, levels: blocks_levels.Levels, net: Runner[Maps]) -> Iterator[int]:
    """Run the network over the blocks of a frame that are still to do; yields how many of them are done."""
    todo = [block for block in range(len(job.grid)) if not job.store.has(CANDIDATES, job.number(frame, block))]
    done = len(job.grid) - len(todo)
    yield done
    if not todo:
        return
    pixels = job.seen(frame)
    padded = [tiles.padded_size(*side) for side in zip(job.grid.shape, job.config.multiple, strict=True)]
    plan = {job.grid.tiles[block]: block for block in todo}  # the network takes tiles in an order of its own
    visible = any(upper > lower for lower, upper in levels.limits)
    with closing(inference.outputs(net, pixels, list(plan), job.config, levels.limits)) as results:
        for tile, maps in results:
            origin = [start for start, _ in tile.core]
            prob = inference.without_border(maps.prob, origin, padded, job.config)
            found = star_convex.candidates(prob, maps.dist, job.thresholds["prob"], job.config, origin, maps.classes)
            # a constant image shows nothing; whatever the network says of it is noise
            found = found if visible else found.take(np.zeros(0, np.intp))
            facts = {"reach": nms.reach(found), "sha256": np.array(pixels.hash_of(tile.read))}
            job.store.save_candidates(CANDIDATES, job.number(frame, plan[tile]), found, **facts)
            done += 1
            yield done


def _hash_of(job: Job, kind: str) -> str:
    """Return the hash of the hashes of all blocks."""
    digest = hashlib.sha256()
    for number in range(len(job.frames) * len(job.grid)):
        digest.update(str(job.store.load(kind, number, "sha256")["sha256"]).encode())
    return digest.hexdigest()
