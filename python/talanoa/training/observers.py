"""What those who look on at a training see: rows of losses with the time left, and a preview now and then."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from talanoa.core.host import Host
from talanoa.training.recipe import Feed

EVERY = 3.0  # seconds between two previews, at least
SHARE = 0.05  # of the time may go into previews
RECENT = 5  # epochs that the time left is judged by
SEARCHED = 3 * 10 + 1  # label images that the search for thresholds makes of each validation image, about


class Onlookers:
    """Tells the host what happens, with as little of the training's time as possible.

    Parameters
    ----------
    host : Host
        Gets the events; previews are made only if it wants them.
    items : sequence
        Validation images; a part of one is shown.
    feed : Feed
        What is shown, and how.
    config : config of the method
        Of the network that trains.
    epochs : int
        That are planned.
    """

    def __init__(self, host: Host, items: Sequence[Any], feed: Feed, config: Any, epochs: int) -> None:
        self._host, self._feed, self._config, self._epochs = host, feed, config, epochs
        self._shown = feed.shown(items)
        self._parts = sum(feed.size(item) for item in items) / feed.size(self._shown)
        self._seconds: list[float] = []
        self._finish = 0.0  # seconds that follow the last epoch
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
        seen, once = self._feed.preview(net, self._shown, self._config)
        self._host.event("preview", {"epoch": epoch, **seen})
        cost, first = time.monotonic() - started, self._next < 0
        if first:  # it got the geometry's kernels ready, which takes its time once
            cost = once = 0.0
        self._next = time.monotonic() + max(EVERY, cost / SHARE)
        self._finish = self._parts * (cost + (SEARCHED - 1) * once)
