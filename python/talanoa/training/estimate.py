"""How long a training takes on this device and how much memory: a few real steps are done and timed."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import cast

import psutil
import torch

from talanoa.core.host import Host, stop_if_cancelled
from talanoa.models import methods
from talanoa.training import loop
from talanoa.training.recipe import Ready
from talanoa.training.request import TrainRequest
from talanoa.training.settings import Settings
from talanoa.training.start import start, with_request

LIMIT = 600.0  # seconds that `quick` may take
GOAL = 0.8 * LIMIT  # seconds that it is planned for: other programs run, too
ENOUGH = 6  # epochs; where fewer fit, the batch is made smaller
UNTIMED = 2  # first steps: memory is got, kernels are chosen
TIMED = (3, 12)  # fewest and most steps that are timed
PATIENCE = 6.0  # seconds after which no further step is timed
VALIDATED = 2  # validation batches that are timed


@dataclass(frozen=True)
class Pace:
    """What was measured, and what follows for a whole training.

    Parameters
    ----------
    step : float
        Seconds of a step, drawing of the patches included.
    validation : float
        Seconds of the validation after an epoch.
    end : float
        Seconds of what follows the last epoch (thresholds, scores).
    memory : int
        Peak of the bytes in use: of the graphics card's, else of this process's.
    timed : int
        Steps that were timed.
    """

    step: float
    validation: float
    end: float
    memory: int
    timed: int

    def seconds(self, settings: Settings) -> float:
        """Return the seconds of a training that goes to its last epoch."""
        return settings.epochs * (settings.steps * self.step + self.validation) + self.end


def measure(ready: Ready, host: Host) -> Pace:
    """Do a few real steps and validations, time them, and forget them.

    Parameters
    ----------
    ready : Ready
        What is to be trained; nothing of it is changed, and nothing written.
    host : Host
        Progress and cancelling.

    Raises
    ------
    Cancelled
        Stopped by the user.
    """
    method, settings = methods.get(ready.method), ready.settings
    with peak_memory(ready.device) as peak:
        trainer = start(ready, ready.device)
        batches = loop.validation_batches(ready.parts[1], ready.recipe.feed, ready.config, settings)
        seconds = _time_steps(ready, trainer, host)
        began = time.perf_counter()
        few = batches[:VALIDATED]
        loop.validate(trainer, few, method, ready.config)
        validation = (time.perf_counter() - began) * len(batches) / len(few)
        end = ready.recipe.end_seconds(trainer.average, ready.parts, ready.config, ready.device)
    return Pace(statistics.mean(seconds), validation, end, peak.bytes, len(seconds))


def _time_steps(ready: Ready, trainer: loop.Trainer, host: Host) -> list[float]:
    """Do training steps as the training will, patches drawn meanwhile; return the seconds of those that count."""
    method, settings, config = methods.get(ready.method), ready.settings, ready.config
    device, feed, items = ready.device, ready.recipe.feed, ready.parts[0]
    most = UNTIMED + TIMED[1]

    def draw(step: int) -> loop.Batch:
        return loop.make_batch(items, feed, config, settings, True, (settings.seed, step))

    seconds: list[float] = []
    began = time.perf_counter()
    with closing(cast("Generator[loop.Batch]", loop.prefetched(draw, 0, most))) as batches:
        for step, batch in enumerate(batches):
            stop_if_cancelled(host)
            loop.train_step(trainer, batch, method, config, settings, step, device)
            now = time.perf_counter()
            seconds.append(now - began)
            began = now
            host.progress(step + 1, most, "Timing some steps")
            if len(seconds) >= UNTIMED + TIMED[0] and sum(seconds[UNTIMED:]) > PATIENCE:
                break
    return seconds[UNTIMED:]


def fitted(ready: Ready, host: Host) -> TrainRequest:
    """Return the request with as many epochs, or as small batches, as keep `quick` within its ten minutes here."""
    planned = ready.settings.epochs
    while True:
        pace = measure(ready, host)
        settings = ready.settings
        each = settings.steps * pace.step + pace.validation
        epochs = int((GOAL - pace.end) // each)
        if epochs >= min(ENOUGH, planned) or settings.batch == 1:
            break
        ready = with_request(ready, ready.request.model_copy(update={"batch": settings.batch // 2}))
    steps = settings.steps
    if epochs < 1:
        steps = max(1, int((GOAL - pace.end - pace.validation) // pace.step))
    chosen = {"epochs": min(max(1, epochs), planned), "steps": steps, "batch": settings.batch}
    return ready.request.model_copy(update=chosen)


class _Peak:
    """The highest memory in use, looked up now and then by a thread (of a graphics card: kept by torch)."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.bytes = device, 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.type == "cuda":
            self.bytes = int(torch.cuda.max_memory_allocated(self.device))
            return
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.bytes = max(self.bytes, int(process.memory_info().rss))
            if self._done.wait(0.02):
                return


@contextmanager
def peak_memory(device: torch.device) -> Iterator[_Peak]:
    """Watch the memory in use meanwhile; `bytes` is its peak at the end."""
    with _Peak(device) as peak:
        yield peak


def free_memory(device: torch.device) -> int:
    """Return the bytes that a training may still take on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available + psutil.Process().memory_info().rss)
