"""What those who look on at a training see: rows of losses with the time left, and a preview now and then."""

from __future__ import annotations

import base64
import io
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from talanoa import inference
from talanoa.dataset import Annotated
from talanoa.host import Host
from talanoa.methods import star_convex
from talanoa.overlay import ring_of
from talanoa.training import thresholds

SIDES = {2: (384, 384), 3: (32, 128, 128)}  # pixels; three PNGs of 384 x 384 stay below 300 KB as text
EVERY = 3.0  # seconds between two previews, at least
SHARE = 0.05  # of the time may go into previews
MOST = 4000  # candidates; an untrained network takes half of the image for objects
RECENT = 5  # epochs that the time left is judged by
OUTLINE = (255, 221, 0)
SEARCHED = 3 * 10 + 1  # label images that the search for thresholds makes of each validation image, about


class Onlookers:
    """Tells the host what happens, with as little of the training's time as possible.

    Parameters
    ----------
    host : Host
        Gets the events; previews are made only if it wants them.
    items : sequence of Annotated
        Validation images; the one with most objects is shown.
    config : StarDistConfig
        Of the network that trains.
    epochs : int
        That are planned.
    """

    def __init__(self, host: Host, items: Sequence[Annotated], config: Any, epochs: int) -> None:
        self._host, self._config, self._epochs = host, config, epochs
        self._item = busiest_part(max(items, key=lambda item: len(item.foreground)))
        self._pixels = sum(item.labels.size for item in items)
        self._seconds: list[float] = []
        self._finish = 0.0  # seconds that the search for thresholds will take
        self._next = -np.inf

    def tell_before(self, rows: Sequence[Mapping[str, float]], best_epoch: int) -> None:
        """Publish the epochs of a training that is resumed, if anybody wants its ``history``."""
        if rows and self._host.wants("history"):
            short = [[int(row["epoch"]), row["loss"], row["val_loss"]] for row in rows]
            self._host.event("history", {"rows": short, "epochs": self._epochs, "best_epoch": best_epoch})

    def tell(self, net: torch.nn.Module, row: Mapping[str, float], best_epoch: int) -> None:
        """Publish an epoch's row, with ``epochs``, ``best_epoch`` and the seconds ``left``, and maybe a preview.

        Parameters
        ----------
        net : Module
            The weights that would be kept, in evaluation mode.
        row : mapping
            As in ``loss.csv``.
        best_epoch : int
            The best one so far.
        """
        epoch = int(row["epoch"])
        self._seconds.append(row["seconds"])
        self._preview(net, epoch)
        self._host.event("epoch", {**row, "epochs": self._epochs, "best_epoch": best_epoch, "left": self._left(epoch)})

    def _left(self, epoch: int) -> int:
        """Return the seconds left: the epochs to come at the pace of the last ones, and the search for thresholds."""
        return round((self._epochs - epoch) * statistics.median(self._seconds[-RECENT:]) + self._finish)

    def _preview(self, net: torch.nn.Module, epoch: int) -> None:
        """Publish a preview if it is wanted and one may be made again; the last epoch has one."""
        started = time.monotonic()
        if not self._host.wants("preview") or (started < self._next and epoch < self._epochs):
            return
        seen, once = predict(net, self._item, self._config)
        self._host.event("preview", {"epoch": epoch, **preview(self._item, seen)})
        cost, first = time.monotonic() - started, self._next < 0
        if first:  # it got the geometry's kernels ready, which takes its time once
            cost = once = 0.0
        self._next = time.monotonic() + max(EVERY, cost / SHARE)
        self._finish = self._pixels / self._item.labels.size * (cost + (SEARCHED - 1) * once)


def busiest_part(item: Annotated) -> Annotated:
    """Return the part of an image around its objects that is shown, at most as large as `SIDES`."""
    where = np.unravel_index(item.foreground, item.labels.shape)
    middle = [int(axis.mean()) if len(axis) else size // 2 for axis, size in zip(where, item.labels.shape, strict=True)]
    sides = SIDES[item.labels.ndim]
    part = tuple(_around(*axis) for axis in zip(middle, item.labels.shape, sides, strict=True))
    return Annotated(item.name, item.image[:, *part], item.labels[part])


def _around(middle: int, size: int, side: int) -> slice:
    """Return `side` places around the middle, inside an axis of `size` places."""
    first = min(max(0, middle - side // 2), max(0, size - side))
    return slice(first, min(first + side, size))


def predict(net: torch.nn.Module, item: Annotated, config: Any) -> tuple[NDArray[np.integer], float]:
    """Return the label image that a network gives with the thresholds of an untuned model, and the seconds after it.

    The seconds are those of the suppression of overlaps and of the drawing, without the network.
    """
    chosen = star_convex.default_thresholds()
    parts = inference.planned_parts(item.labels.shape, config)
    runner = inference.prepared(net, next(net.parameters()).device)
    found = inference.find_candidates(runner, item.image, config, chosen["prob"], parts)
    found = found.take(np.argsort(-found.probabilities, kind="stable")[:MOST])
    started = time.monotonic()
    labels = thresholds.labels_at(found, item.labels.shape, chosen["prob"], chosen["nms"])
    return labels, time.monotonic() - started


def preview(item: Annotated, seen: NDArray[np.integer]) -> dict[str, Any]:
    """Return what a window needs to show a prediction, as plain JSON values.

    Parameters
    ----------
    item : Annotated
        Image (channels, y, x) or (channels, z, y, x) and the objects that a person outlined.
    seen : ndarray of int, (y, x) or (z, y, x)
        The objects that the network finds.

    Returns
    -------
    dict
        ``name``; ``image`` (the first channel, of a stack the middle slice), ``truth`` and ``found`` (outlines, the
        rest transparent), each a PNG as base64 text; ``truth_objects`` and ``objects``, how many.
    """
    middle = (item.labels.shape[0] // 2,) * (item.labels.ndim - 2)
    grey = np.clip(item.image[(0, *middle)] * 255, 0, 255).astype(np.uint8)
    return {
        "name": item.name,
        "image": _as_text(Image.fromarray(grey)),
        "truth": _outlines(item.labels[middle]),
        "found": _outlines(seen[middle]),
        "truth_objects": int(np.count_nonzero(np.unique(item.labels[middle]))),
        "objects": int(np.count_nonzero(np.unique(seen[middle]))),
    }


def _outlines(labels: NDArray[np.integer]) -> str:
    """Return the outlines of a label image on a transparent ground."""
    picture = Image.fromarray(ring_of(labels).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, *OUTLINE])
    return _as_text(picture, transparency=0, bits=1)


def _as_text(picture: Image.Image, **options: Any) -> str:
    """Return a picture as PNG in base64."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return base64.b64encode(stream.getvalue()).decode("ascii")
