"""A network run by ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from talanoa.models.runtime.types import Pack, Packed, Window

IMAGE = "image"  # name of the input in the exported graph


class OnnxRunner(Generic[Packed]):
    """Runs an exported network, see `talanoa.models.runtime.onnx_export`.

    Parameters
    ----------
    graph : bytes
        The exported network.
    pack : function (tuple of arrays (channels, space…)) -> result
        The form of the result, see `talanoa.models.runtime.backends.pack_of`.
    threads : int, optional
        Threads; the physical cores when left out.
    """

    def __init__(self, graph: bytes, pack: Pack[Packed], threads: int | None = None) -> None:
        onnxruntime = runtime()
        _share_memory()
        self._pack = pack
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A pattern reserves all memory of a tile's shape a second time; threads that spin take cores from the others.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.backend = f"onnxruntime {onnxruntime.__version__}"
        self.device = "cpu"
        self._last = onnxruntime.RunOptions()
        self._last.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def __call__(self, part: NDArray[np.float32], window: Window, last: bool = False) -> Packed:
        """Return the output for a normalised image (channels, space…) in a window of the grid."""
        inputs = {IMAGE: np.ascontiguousarray(part[None], np.float32)}
        try:
            found = self.session.run(None, inputs, self._last if last else None)
        except errors() as error:
            if "allocat" not in str(error).lower() and "memory" not in str(error).lower():
                raise
            raise MemoryError(str(error)) from error
        inside = (0, slice(None), *window)
        return self._pack(tuple(one[inside] for one in found))


def runtime() -> Any:
    """Return the module `onnxruntime`, kept from sending usage data: it would begin to at its import."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


@cache
def errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises: classes of its own, without a common one, and those of C++."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [one for one in vars(state).values() if isinstance(one, type) and issubclass(one, Exception)]
    return (RuntimeError, MemoryError, *own)


def cores() -> int:
    """Return the physical cores that this process may use; OMP_NUM_THREADS, as for other libraries, can lower it."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(psutil.cpu_count(logical=False) or usable, usable)
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(count, int(wanted))) if wanted.isdigit() else max(1, count)


@cache
def _share_memory() -> None:
    """Let all sessions of this process share one pool of memory that grows by what is asked for, not by doubling."""
    onnxruntime = runtime()
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    same_as_requested = 1
    onnxruntime.create_and_register_allocator(
        place, onnxruntime.OrtArenaCfg({"arena_extend_strategy": same_as_requested})
    )
