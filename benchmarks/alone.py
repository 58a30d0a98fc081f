"""Each figure in a process of its own: a script that is started again for one implementation and one case."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import peers
from bench_predict import peak_memory

ENOUGH = 40  # seconds of repetitions


def run_all(script: str, cases: Mapping[str, Any], implementations: Mapping[str, str], wanted: Iterable[str]) -> int:
    """Measure each case with each implementation, a peer's in its own environment; return the worst status.

    Parameters
    ----------
    script : str
        The script; it is started with an implementation and a case.
    cases : mapping
        By name.
    implementations : mapping of str to str
        The environment of each, "" for ours.
    wanted : iterable of str
        Parts of the names of the cases to run; none: all.
    """
    parts = list(wanted)
    statuses = [0]
    environment = dict(os.environ)
    if threads := environment.get("OMP_NUM_THREADS"):  # TensorFlow has names of its own for it
        environment.update(TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS=threads)
    pythons = {name: sys.executable if not peer else peers.python_of(peer) for name, peer in implementations.items()}
    for case in (case for case in cases if not parts or any(part in case for part in parts)):
        for name, python in pythons.items():
            if python is None:
                continue
            with tempfile.TemporaryDirectory() as home:
                command = [str(python), script, "--one", name, case]
                done = subprocess.run(command, check=False, env={**environment, "TALANOA_HOME": home})
            statuses.append(done.returncode)
    return max(statuses)


def report(bench: str, impl: str, case: str, work: Callable[[], Any], runs: int = 5, **more: Any) -> None:
    """Time some work, after one run that does not count, and print its line."""
    work()
    seconds: list[float] = []
    cpu: list[float] = []
    while len(seconds) < runs and (not seconds or sum(seconds) < ENOUGH):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    line = {"bench": bench, "impl": impl, "params": {"case": case, **more}, "n": len(seconds)}
    line |= {"seconds": round(min(seconds), 5), "median": round(statistics.median(seconds), 5)}
    print(json.dumps({**line, "cpu": round(min(cpu), 5), "peak_mb": peak_memory()}), flush=True)
