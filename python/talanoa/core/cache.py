"""What a window needs again stays here under an id, up to a limit of memory; the least recently used goes first."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from talanoa.core.errors import BadInput

SHARE = 0.125  # of the memory of the machine
MOST = 4 << 30  # bytes


@dataclass(frozen=True)
class Kept:
    """A value and its size in bytes."""

    value: Any
    nbytes: int


class Handles:
    """Values under ids.

    Parameters
    ----------
    limit : int, optional
        Bytes that all values may take together. Default: an eighth of the machine's memory, 4 GB at most.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Bytes that all values may take together."""
        if self._limit is None:
            import psutil

            self._limit = min(MOST, int(SHARE * psutil.virtual_memory().total))
        return self._limit

    @property
    def nbytes(self) -> int:
        """Bytes that all values take."""
        return sum(kept.nbytes for kept in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, value: Any, nbytes: int) -> str | None:
        """Keep a value and return its id; None when it alone is larger than the limit."""
        if nbytes > self.limit:
            return None
        identity = uuid.uuid4().hex
        with self._lock:
            self._kept[identity] = Kept(value, nbytes)
            while self.nbytes > self.limit:
                self._kept.popitem(last=False)
        return identity

    def get(self, identity: str) -> Any:
        """Return a value.

        Raises
        ------
        BadInput
            It is not kept any more: dropped, or pushed out by newer ones, or its process has ended.
        """
        with self._lock:
            if identity not in self._kept:
                raise BadInput(
                    "The network's output is not kept any more (newer ones took its place, or Python started anew); "
                    "expected it for changing thresholds. Run Segment Objects again."
                )
            self._kept.move_to_end(identity)
            return self._kept[identity].value

    def drop(self, identity: str) -> None:
        """Forget a value; one that is gone already is no error."""
        with self._lock:
            self._kept.pop(identity, None)


HANDLES = Handles()
