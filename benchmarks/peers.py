"""The environments of peers: the folder that TALANOA_PEERS names holds one for each, such as stardist/."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def python_of(peer: str) -> Path | None:
    """Return the Python of a peer's environment; without one, say so on stderr and return None."""
    named = os.environ.get("TALANOA_PEERS")
    folder = Path(named or "") / peer
    found = [path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists()]
    if named and found:
        return found[0]
    sys.stderr.write(f"No figures of {peer}: TALANOA_PEERS names no folder with {peer}/ in it.\n")
    return None


def measure(peer: str, script: str, inputs: Mapping[str, np.ndarray]) -> int:
    """Run a script with a peer's Python and a file of the same inputs; return its status, 0 without the peer."""
    python = python_of(peer)
    if python is None:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inputs.npz"
        np.savez(file, **inputs)
        return subprocess.run([str(python), script, str(file)], check=False).returncode
