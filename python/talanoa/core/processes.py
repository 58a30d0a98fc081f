"""Calls in processes of our own, one at a time in each: started by the system, joined by pipes, without a port."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.host import Host

POLL = 0.5  # seconds between two looks at whether the user wants to stop
ATTEMPTS = 2  # at a call whose process ends before it answers
_NO_START = (
    "workers: the processes end before they begin. A script of your own has to call Talanoa below "
    '`if __name__ == "__main__":`, because each process reads the script again. Do that, or leave workers out.'
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Answer(NamedTuple):
    """What came of one call: its number, and its result or the error that ended it."""

    number: int
    result: Any
    error: BaseException | None


class _Worker:
    """One process, and the number of the call that it works on.

    Parameters
    ----------
    function : function
        What it calls.
    threads : int
        It may compute in.
    """

    def __init__(self, function: Callable[..., Any], threads: int) -> None:
        context = multiprocessing.get_context("spawn")  # the same on every system; nothing of this process is copied
        self.pipe, theirs = context.Pipe()
        self.number: int | None = None
        self.ready, self.runs = False, True
        self.process = context.Process(target=_serve, args=(theirs, function, threads), daemon=True)
        with _inherited(threads):
            self.process.start()
        theirs.close()  # so that the end of the process ends the pipe

    def give(self, number: int, arguments: tuple[Any, ...]) -> None:
        """Begin a call; a process that has ended meanwhile is noticed when it should answer."""
        self.number = number
        with suppress(OSError):
            self.pipe.send(arguments)

    def heard(self) -> Answer | None:
        """Return the answer that has come; None where it is only ready for a call, or has ended.

        Raises
        ------
        BadInput
            It has ended before it was ready.
        """
        try:
            found = self.pipe.recv()
        except (EOFError, OSError) as error:
            if not self.ready:
                raise BadInput(_NO_START) from error
            self.runs = False
            return None
        number, self.number, self.ready = self.number, None, True
        return None if number is None else Answer(number, *found)

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def spread(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], host: Host, count: int
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
    count : int
        Processes. They share the processors of this machine.

    Raises
    ------
    BadInput
        The processes cannot start.
    Cancelled
        The user wants to stop; the processes are ended.
    """
    threads = max(1, processors() // count)
    todo = deque(range(len(arguments)))
    attempts = [0] * len(arguments)
    workers: list[_Worker] = []
    try:
        workers.extend(_Worker(function, threads) for _ in range(min(count, len(arguments))))
        while todo or any(worker.number is not None for worker in workers):
            if host.cancelled():
                raise Cancelled("Stopped on request.")
            for pipe in wait([worker.pipe for worker in workers], POLL):
                place = next(k for k, worker in enumerate(workers) if worker.pipe is pipe)
                worker = workers[place]
                answer = worker.heard()
                if not worker.runs:
                    workers[place] = _Worker(function, threads)
                    worker.end()
                    answer = _after_the_end(worker.number, attempts, todo)
                elif todo:
                    worker.give(number := todo.popleft(), arguments[number])
                if answer is not None:
                    yield answer
    finally:
        for worker in workers:
            worker.end()


def _after_the_end(number: int | None, attempts: list[int], todo: deque[int]) -> Answer | None:
    """Have a call done again whose process has ended; at last return that as its error."""
    if number is None:
        return None
    attempts[number] += 1
    if attempts[number] < ATTEMPTS:
        todo.appendleft(number)
        return None
    text = f"the process that worked on it ended {ATTEMPTS} times, probably for want of memory"
    return Answer(number, None, RuntimeError(text))


def _serve(pipe: Connection, function: Callable[..., Any], threads: int) -> None:
    """Answer calls until the other end is closed: the process that asks has ended, or wants no more."""
    limit_threads(threads)
    with suppress(EOFError, OSError):
        pipe.send((None, None))  # ready
        while True:
            arguments = pipe.recv()
            answer: tuple[Any, Exception | None]
            try:
                answer = function(*arguments), None
            except Exception as error:  # noqa: BLE001  (each belongs to its call)
                answer = None, _portable(error)
            pipe.send(answer)


def _portable(error: Exception) -> Exception:
    """Return an error as it arrives in another process; of one that does not, its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  (whatever its class does)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def _inherited(threads: int) -> Iterator[None]:
    """Let a process that starts here compute in so many threads, and leave Ctrl-C to this process."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Let this process compute in at most so many threads."""
    os.environ["OMP_NUM_THREADS"] = str(count)  # heeded by ONNX Runtime's sessions and our kernels when they start
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
