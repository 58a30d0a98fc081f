"""Many images at once: a function and its arguments, spread over processes of this machine or over a Dask cluster."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from talanoa.core import processes
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import Host
from talanoa.core.processes import POLL, Answer, limit_threads, processors

_START = 60  # seconds that a scheduler and its workers may take to answer


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
        Processes on this machine, see `talanoa.core.processes`. They share its processors.
    scheduler : str, optional
        Address of a Dask scheduler that runs already, such as "tcp://node7:8786"; instead of `workers`.

    Raises
    ------
    BadInput
        No scheduler at the address, or one without workers.
    Cancelled
        The user wants to stop. Processes of ours are ended; workers elsewhere finish the calls that run.
    """
    if scheduler is None:
        yield from processes.spread(function, arguments, host, workers or 1)
        return
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with _connected(scheduler) as client:
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
                future = done.get(timeout=POLL)
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
def _connected(scheduler: str) -> Iterator[Any]:
    """Connect to a scheduler that has workers."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_START, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"scheduler={scheduler}: no Dask scheduler answers there ({error}). Check the address, and whether it runs."
        ) from error
    with client:
        _wait_for_workers(client, scheduler)
        yield client


def _wait_for_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_START)
    except TimeoutError as error:
        raise BadInput(
            f"scheduler={scheduler}: there is no worker yet; expected one within {_START} s. Start workers first."
        ) from error


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
    limit_threads(max(1, processors() // calls.get(host, 1)))
    return function(*arguments)
