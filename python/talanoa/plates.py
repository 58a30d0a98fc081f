"""Many images at once: a function and its arguments, spread over the processes of a Dask cluster.

The cluster is one of this machine that lives as long as the work, or any `dask.distributed` scheduler by its address.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from talanoa.errors import BadInput, Cancelled
from talanoa.host import Host

log = logging.getLogger(__name__)
_POLL = 0.5  # seconds between two looks at whether the user wants to stop
_START = 60  # seconds that a scheduler and its workers may take to answer


class Answer(NamedTuple):
    """What came of one piece of work: its number, and its result or the error that ended it."""

    number: int
    result: Any
    error: BaseException | None


def spread(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    host: Host,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Iterator[Answer]:
    """Call a function in other processes, one call for each tuple of arguments; yields answers as they come.

    Parameters
    ----------
    function : function
        Of a module, so that other processes find it.
    arguments : sequence of tuples
        Of plain data.
    host : Host
        Asked about cancelling.
    workers : int, optional
        Processes of a cluster on this machine. They share its processors.
    scheduler : str, optional
        Address of a scheduler that runs already, such as "tcp://node7:8786"; instead of `workers`.

    Raises
    ------
    BadInput
        No scheduler at the address, or one without workers.
    Cancelled
        The user wants to stop. What runs on a cluster of ours is ended; workers elsewhere finish the calls that run.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with _connected(workers, scheduler) as client:
        shares = _threads(client.scheduler_info(n_workers=-1)["workers"])
        futures = {
            client.submit(_call, function, given, shares, pure=False): number for number, given in enumerate(arguments)
        }
        for future in futures:
            future.add_done_callback(done.put)
        left = len(futures)
        while left:
            if host.cancelled():
                client.cancel(list(futures))
                raise Cancelled("Stopped on request.")
            try:
                future = done.get(timeout=_POLL)
            except queue.Empty:
                continue
            left -= 1
            yield _answer(futures[future], future)


def _answer(number: int, future: Any) -> Answer:
    """Return the result of a call, or its error; a process that died is an error, too."""
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        error = RuntimeError("the process that worked on it ended several times, probably for want of memory")
    return Answer(number, None if error else future.result(), error)


@contextmanager
def _connected(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """Connect to a scheduler, or start a cluster of our own and end it."""
    from distributed import Client, LocalCluster

    if scheduler:
        try:
            client = Client(scheduler, timeout=_START, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BadInput(
                f"scheduler={scheduler}: no Dask scheduler answers there ({error}). Check the address, and whether it "
                "runs."
            ) from error
        with client:
            _wait_for_workers(client, scheduler)
            yield client
        return
    count = workers or 1
    share = str(max(1, _processors() // count))
    cluster = LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        worker_dashboard_address=None,
        memory_limit=0,  # an image that is too large is told by ourselves, not killed half way
        env={"OMP_NUM_THREADS": share, "OPENBLAS_NUM_THREADS": share, "MKL_NUM_THREADS": share},
        silence_logs=logging.ERROR,
    )
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


def _wait_for_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_START)
    except TimeoutError as error:
        raise BadInput(
            f"scheduler={scheduler}: there is no worker yet; expected one within {_START} s. Start workers first."
        ) from error


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads(workers: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return how many calls run at a time on each machine of a cluster."""
    calls: Counter[str] = Counter()
    for worker in workers.values():
        calls[str(worker["host"])] += int(worker["nthreads"])
    return dict(calls)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], calls: Mapping[str, int]) -> Any:
    """Run in a worker: leave processors to the other calls on this machine, and call the function."""
    from distributed import get_worker

    host = get_worker().address.rpartition(":")[0].rpartition("/")[2]
    limit_threads(max(1, _processors() // calls.get(host, 1)))
    return function(*arguments)


def limit_threads(count: int) -> None:
    """Let this process compute in at most so many threads."""
    os.environ["OMP_NUM_THREADS"] = str(count)  # heeded by ONNX Runtime's sessions and our kernels when they start
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
