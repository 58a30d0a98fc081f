"""How the kernels of this package are compiled, kept and shared among threads.

Kernels release Python's lock and are called from threads of our own: the threading layer that comes with every numba
must not be entered by two threads at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit

log = logging.getLogger(__name__)
_MOST_WORKERS = 16  # memory is the limit long before


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, without Python's lock, and keep the machine code for the next process.

    The code is kept beside the source, or in the user's cache folder where that cannot be written, or in the folder
    that the variable NUMBA_CACHE_DIR names. Where there is none of them, every process compiles anew.
    """
    try:
        return njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError as error:
        log.warning("%s is compiled anew in each process (%s); set NUMBA_CACHE_DIR", function.__name__, error)
        return njit(nogil=True, error_model="numpy")(function)


def workers() -> int:
    """Return how many threads work on one call: the processors that this process may use.

    OMP_NUM_THREADS, as for other libraries, can lower it.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(usable, _MOST_WORKERS, int(wanted) if wanted.isdigit() else usable))


def in_parts(work: Callable[[int, int], Any], n: int, least: int, threads: int | None = None) -> None:
    """Call `work(first, end)` on parts of range(n), in threads when there is enough to do.

    Parameters
    ----------
    work : function of (int, int)
        Works on first..end - 1; what it writes must not depend on the parts.
    n : int
        Number of items, image rows for example.
    least : int
        Fewest items that are worth a thread.
    threads : int, optional
        Number of threads; the processors of this process when left out.
    """
    threads = min(workers() if threads is None else threads, n // max(least, 1))
    if threads < 2:
        work(0, n)
        return
    cuts = np.linspace(0, n, min(4 * threads, n) + 1).astype(int)  # parts differ in work: more of them than threads
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, int(a), int(b)) for a, b in pairwise(cuts)]:
            done.result()
