"""Memory that a training keeps from step to step instead of asking the system for it each time."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
_TRIM, _TOP_PAD, _MMAP = -1, -2, -3  # numbers of glibc's mallopt
_LARGEST = 2**31 - 1
_USUAL = {_MMAP: 32 * 2**20, _TRIM: 64 * 2**20, _TOP_PAD: 128 * 2**10}  # where glibc's own adjustment ends


@contextmanager
def large_blocks_kept() -> Iterator[None]:
    """Keep large blocks of memory for the next step as long as this lasts, then give them back.

    A step of training makes and frees arrays of tens of MiB. glibc, on Linux, maps each of those afresh, and the system
    clears page after page: up to a third of the time of a step. Elsewhere nothing changes, nor do results anywhere.
    """
    if not _set(dict.fromkeys((_MMAP, _TRIM), _LARGEST) | {_TOP_PAD: 64 * 2**20}):
        yield
        return
    try:
        yield
    finally:
        _set(_USUAL)
        ctypes.CDLL(None).malloc_trim(0)


def _set(values: dict[int, int]) -> bool:
    """Set what glibc's allocator goes by; False where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt") or not hasattr(library, "gnu_get_libc_version"):
        return False
    taken = [library.mallopt(key, value) == 1 for key, value in values.items()]
    log.debug("allocator: %s", taken)
    return True
