"""How well the estimate before a training holds: seconds and peak memory told, and what the training then took.

Usage: python benchmarks/bench_estimate.py
Prints one JSON line per training; each is estimated and done in a process of its own. The aim: time within 30 %.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CASES: dict[str, dict[str, Any]] = {
    "2D, planes of 256 pixels": {"volume": False, "epochs": 4, "steps": 15, "patch": 128, "batch": 2},
    "3D, stacks of 24 x 96 x 96": {"volume": True, "epochs": 3, "steps": 8, "patch": 64, "patch_z": 16, "batch": 1},
}


def measure(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Estimate and do one training; return what was told and what it took."""
    import torch

    import talanoa
    from talanoa.tasks.sample import synthetic
    from talanoa.training import estimate

    keys = dict(case)
    data = synthetic.write_nuclei(folder / "data", 4, 96 if keys["volume"] else 256, volume=keys.pop("volume"))
    keys |= {"images": data, "name": "measured", "device": "cpu"}
    told = talanoa.estimate(**keys)
    began = time.perf_counter()
    with estimate.peak_memory(torch.device("cpu")) as peak:
        talanoa.train(**keys)
    seconds = time.perf_counter() - began
    return {
        "seconds": round(seconds, 2),
        "estimated": round(told.seconds, 2),
        "ratio": round(told.seconds / seconds, 2),
        "peak_mb": round(peak.bytes / 1e6),
        "estimated_peak_mb": round(told.memory / 1e6),
    }


def main(name: str = "") -> int:
    """Measure all cases, each in a process of its own; with a name: that one, here."""
    import subprocess

    if name:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TALANOA_HOME"] = str(Path(folder) / "home")
            found = measure(CASES[name], Path(folder))
        line = {"bench": "training, told before the start", "impl": "talanoa", "params": {"case": name}, "n": 1}
        print(json.dumps({**line, **found}), flush=True)
        return 0
    return max(subprocess.run([sys.executable, __file__, each], check=False).returncode for each in CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
