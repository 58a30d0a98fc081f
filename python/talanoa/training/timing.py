"""How long an epoch takes, and how much of it the network waits for its data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Clock:
    """Seconds between laps, and those among them that were spent waiting."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._waiting = 0.0

    def watched(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items, counting the time until each of them is there."""
        while True:
            began = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            self._waiting += time.perf_counter() - began
            yield item

    def lap(self) -> dict[str, float]:
        """Return ``seconds`` since the last lap, and ``waiting``, those among them in which there was no data."""
        now = time.perf_counter()
        told = {"seconds": now - self._last, "waiting": self._waiting}
        self._last, self._waiting = now, 0.0
        return told
