"""Memory and time of an image in blocks: a large plane needs no more memory than a small one.

Usage: python benchmarks/bench_blocks.py [SIDE ...]
Each side (4096 and 16384 when none is given) is drawn as OME-Zarr and segmented in a process of its own, whose largest
resident memory is read from the operating system. Prints one JSON line per side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import zarr

import talanoa
from talanoa.image.formats.zarr import describe_levels

SIDES = (4096, 16384)
PIECE = 1024
_RUN = """
import json, resource, sys, time
from talanoa import api
begin, cpu = time.perf_counter(), time.process_time()
done = api.segment(sys.argv[1], sys.argv[2], out=sys.argv[3], device="cpu", block=1024)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"seconds": round(time.perf_counter() - begin, 1), "cpu_seconds": round(time.process_time() - cpu, 1),
    "peak_rss_mb": round(peak), "objects": done.record["objects"], "blocks": done.record["used"]["blocks"],
    "border_decisions": done.record["used"]["border_decisions"], "backend": done.record["used"]["backend"]}))
"""


def piece(seed: int) -> np.ndarray:
    """Return a plane of bright discs on dark noise, uint16 (1024, 1024), some of which reach over its border."""
    random = np.random.default_rng(seed)
    image = np.zeros((PIECE + 32, PIECE + 32), np.float32)
    rows, columns = np.mgrid[-16:16, -16:16]
    for y, x in random.integers(16, PIECE + 16, (400, 2)):
        near = image[y - 16 : y + 16, x - 16 : x + 16]
        np.maximum(near, rows**2 + columns**2 < random.uniform(6, 9) ** 2, out=near)
    noisy = 200 + 1500 * image[16:-16, 16:-16] + random.normal(0, 60, (PIECE, PIECE))
    return np.clip(noisy, 0, None).astype(np.uint16)


def draw(folder: Path, side: int) -> None:
    """Write an OME-Zarr image of pieces; four different ones take turns."""
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    keys = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    array = group.create_array("0", shape=(1, 1, 1, side, side), chunks=(1, 1, 1, 512, 512), dtype=np.uint16, **keys)
    pieces = [piece(seed) for seed in range(4)]
    for number in range((side // PIECE) ** 2):
        y, x = (PIECE * part for part in divmod(number, side // PIECE))
        array[0, 0, 0, y : y + PIECE, x : x + PIECE] = pieces[(number + number // 5) % 4]
    attrs = {"pixel_size": (1.0, 1.0, 1.0), "unit": "pixel", "frame_interval": 0.0, "name": "discs"}
    describe_levels(folder, [array.shape], attrs)


def main(sides: tuple[int, ...]) -> None:
    """Measure all sides."""
    model = Path(__file__).resolve().parent.parent / "tests" / "data" / "discs"
    if sys.platform == "win32":
        sys.stderr.write("The largest memory of a process is read by the module resource, which Windows lacks.\n")
        return
    for side in sides:
        with tempfile.TemporaryDirectory() as place:
            image = Path(place) / "image.ome.zarr"
            draw(image, side)
            command = [sys.executable, "-c", _RUN, str(image), str(model), str(Path(place) / "out")]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            line = {"bench": "plane in blocks", "impl": f"talanoa {talanoa.__version__}", "params": f"{side} x {side}"}
            found = json.loads(done.stdout.splitlines()[-1])
            print(json.dumps({**line, **found, "n": 1}), flush=True)


if __name__ == "__main__":
    main(tuple(int(side) for side in sys.argv[1:]) or SIDES)
