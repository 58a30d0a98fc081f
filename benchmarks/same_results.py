"""Run a fixed set of requests and write what comes out as hashes, to show that a rebuilding changed no result.

    python benchmarks/same_results.py before.json                       (in the old tree)
    python benchmarks/same_results.py after.json --compare before.json  (in the new tree)

Every task, method and file format, planes, stacks and movies, on drawn data, with the command line and as Python calls.
Tables, JSON, text and pixels are compared; clock times, places and versions are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_NOT_COMPARED = re.compile(
    r"time|second|cost|created|version|date|memory|host|machine|platform|python|device|path|place|folder|source|energy"
    r"|since|when|log|threads|price|places|^id$|wait|finished"
)
_TEXT_SKIPPED = (".html", ".md", ".svg", ".log")  # pages for people: with dates and durations
_TRAINING = {"preset": "quick", "epochs": 1, "steps": 3, "seed": 1, "device": "cpu"}
Given = dict[str, Any]


def requests() -> Iterator[tuple[str, str, Given]]:
    """Yield name, task and keys of each request; later ones use what earlier ones made."""
    yield "nuclei", "sample", {"kind": "nuclei", "images": 8, "size": 192, "seed": 1}
    yield "stacks", "sample", {"kind": "nuclei", "volume": True, "images": 3, "size": 64, "slices": 12, "seed": 1}
    yield "noisy", "sample", {"kind": "noisy", "images": 4, "size": 128, "seed": 1}
    yield "plate", "sample", {"kind": "plate", "wells": 4, "images": 2, "size": 128, "seed": 1}
    yield from _segmenting()
    yield from _training()
    yield from _using()


def _segmenting() -> Iterator[tuple[str, str, Given]]:
    for suffix in FORMATS:
        yield f"segment{suffix}", "segment", {"image": f"formats/a{suffix}", "model": "nuclei-fast"}
    yield "segment_nuclei", "segment", {"image": "formats/a.tif", "model": "nuclei"}
    yield "segment_scale", "segment", {"image": "formats/a.tif", "model": "nuclei-fast", "scale": 0.5}
    yield "segment_blocks", "segment", {"image": "formats/a.tif", "model": "nuclei-fast", "block": 96}
    yield "segment_movie", "segment", {"image": "formats/movie.tif", "model": "nuclei-fast", "dims": "tyx"}
    yield "segment_torch", "segment", {"image": "formats/a.tif", "model": "nuclei-fast", "backend": "torch"}
    yield "segment_outline", "segment", {"image": "formats/a.tif", "model": "nuclei-fast", "outline": "star"}
    yield "segment_folder", "segment", {"image": "nuclei/images", "model": "nuclei-fast"}
    yield "rois_labels", "rois", {"action": "to_labels", "rois": "segment.tif/rois.zip", "image": "formats/a.tif"}
    yield "rois_zip", "rois", {"action": "from_labels", "image": "segment.tif/labels.tif"}
    for recipe in ("nuclei", "er", "golgi", "gfp", "primary"):
        yield f"propose_{recipe}", "annotate", {
            "action": "propose", "image": "formats/a.tif", "by": "classical", "classical": recipe,
        }  # fmt: skip
    yield "propose_threshold", "annotate", {"action": "propose", "image": "formats/a.tif", "by": "threshold"}


def _training() -> Iterator[tuple[str, str, Given]]:
    small = {**_TRAINING, "depth": 2, "patch": 64, "batch": 2}
    yield "star", "train", {**small, "images": "nuclei", "method": "stardist"}
    yield "mask", "train", {**small, "images": "nuclei", "method": "segmentation", "filters": 8}
    yield "star3d", "train", {
        **small, "images": "stacks", "method": "stardist", "patch": 32, "patch_z": 8, "filters": 8, "n_rays": 16,
    }  # fmt: skip
    pairs = {"images": "noisy/low", "targets": "noisy/high"}
    yield "care", "train", {**small, **pairs, "method": "care", "filters": 8}
    yield "n2n", "train", {**small, **pairs, "method": "n2n", "filters": 8}
    yield "n2v", "train", {**small, "images": "noisy/low", "method": "n2v", "filters": 8}
    yield "isl", "train", {**small, "images": "plate", "method": "labelling", "filters": 8}


def _using() -> Iterator[tuple[str, str, Given]]:
    for model in ("star", "mask"):
        yield f"segment_{model}", "segment", {"image": "formats/a.tif", "model": model}
    yield "segment_star3d", "segment", {"image": "stacks/images", "model": "star3d"}
    for model in ("care", "n2n", "n2v"):
        yield f"restore_{model}", "restore", {"image": "noisy/low", "model": model}
    yield "predict", "predict", {"image": "plate/phase", "model": "isl"}
    truth = {"truth": "nuclei", "bootstrap": 50}
    yield "evaluate_objects", "evaluate", {**truth, "model": "nuclei-fast"}
    yield "evaluate_image", "evaluate", {"truth": "noisy/high", "prediction": "restore_care", "kind": "image"}
    yield "evaluate_stains", "evaluate", {"images": "plate", "model": "isl", "kind": "stains", "bootstrap": 50}
    yield "study", "study", {
        **_TRAINING, "depth": 2, "patch": 64, "batch": 2, "images": "nuclei", "test": "nuclei", "vary": "lr=1e-3,1e-4",
    }  # fmt: skip


FORMATS = (".tif", ".ome.tif", ".ome.zarr", ".png")
NAMED = ("train",)  # its result is a model of the user's folder


def draw_formats(place: Path) -> None:
    """Write one drawn image in every format, and a movie without axes."""
    import tifffile

    import talanoa

    (place / "formats").mkdir()
    frames = [np.asarray(talanoa.read(path))[0, 0, 0] for path in sorted((place / "nuclei/images").iterdir())[:3]]
    for suffix in FORMATS:
        pixels = (frames[0] / frames[0].max() * 255).astype(np.uint8) if suffix == ".png" else frames[0]
        talanoa.write(place / f"formats/a{suffix}", talanoa.from_array(pixels, "yx"))
    tifffile.imwrite(place / "formats/movie.tif", np.stack(frames), photometric="minisblack")


def run(task: str, name: str, keys: Given, place: Path) -> str:
    """Run one request on the command line; return the status that it ended with."""
    given = {**keys, **({"name": name} if task in NAMED else {"out": name})}
    if "action" in keys:
        given["out"] = f"{name}.{'tif' if keys['action'] == 'to_labels' else 'zip'}"
    words = [
        word
        for key, value in given.items()
        for word in (f"--{key}", str(value).lower() if value is True else str(value))
    ]
    command = [sys.executable, "-m", "talanoa", task, *words, "--json"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        print(f"{name}: exit {done.returncode}: {(done.stdout + done.stderr)[-300:]}", file=sys.stderr)
    return f"exit {done.returncode}"


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the hash of each file below a folder, without what differs from run to run."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and ".zarr" not in path.as_posix())
    found = {path.relative_to(folder).as_posix(): hash_of(path) for path in files}
    return {name: value for name, value in found.items() if value}


def hash_of(path: Path) -> str:
    """Return the hash of what a file says, empty for pages and for what cannot be compared."""
    if path.suffix in _TEXT_SKIPPED or path.name in ("lock", "places.jsonl", "losses.png"):
        return ""
    if path.suffix == ".json":
        text = json.dumps(_kept(json.loads(path.read_text(encoding="utf-8"))), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
    if path.suffix == ".csv":
        return hashlib.sha256(_columns(path).encode()).hexdigest()
    if path.suffix in (".pt", ".png"):
        return ""  # checkpoints have times, pictures those of a training
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _kept(value: Any) -> Any:
    """Return JSON without keys that name times, places and machines."""
    if isinstance(value, dict):
        return {key: _kept(each) for key, each in value.items() if not _NOT_COMPARED.search(str(key).lower())}
    return [_kept(each) for each in value] if isinstance(value, list) else value


def _columns(path: Path) -> str:
    """Return a table without columns of times and memory."""
    import pandas as pd

    table = pd.read_csv(path)
    kept = [name for name in table.columns if not _NOT_COMPARED.search(str(name).lower()) and name != "Message"]
    return str(table[kept].to_csv(index=False))


def python_calls(place: Path) -> dict[str, str]:
    """Return the hashes of labels, tables and images of Python calls."""
    import talanoa

    found = {}
    image = talanoa.read(place / "formats/a.tif")
    result = talanoa.segment(image, "nuclei-fast", device="cpu")
    found["labels"] = _of_array(result.labels)
    found["table"] = hashlib.sha256(result.table.to_csv().encode()).hexdigest()
    found["restored"] = _of_array(talanoa.restore(image, "care", device="cpu").image)
    return found


def _of_array(values: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def collect(place: Path) -> dict[str, str]:
    """Run everything in a folder and return hashes by request and file."""
    found: dict[str, str] = {}
    for name, task, keys in requests():
        if name.startswith("segment.") and not (place / "formats").exists():
            draw_formats(place)
        found[f"{name}: status"] = run(task, name, keys, place)
        results = [*place.glob(f"{name}.*")] if "action" in keys else []
        folder = Path(os.environ["TALANOA_HOME"]) / "models" / name if task in NAMED else place / name
        found |= {f"{name}: {path.name}": hash_of(path) for path in results}
        found |= {f"{name}: {file}": value for file, value in (hashes_of(folder) if folder.is_dir() else {}).items()}
    return found | {f"Python: {name}": value for name, value in python_calls(place).items()}


def main() -> int:
    """Write the hashes, and compare them with those of another tree; 0 where all are equal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="new JSON file")
    parser.add_argument("--compare", type=Path, help="JSON file of another run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TALANOA_HOME"] = str(Path(folder) / "home")
        place = Path(folder) / "work"
        place.mkdir()
        found = collect(place)
    options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    failed = [name for name, value in found.items() if name.endswith(": status") and value != "exit 0"]
    print(f"{len(found)} results, {len(failed)} requests failed {failed}")
    if options.compare is None:
        return 0
    other = json.loads(options.compare.read_text(encoding="utf-8"))
    differing = [name for name in {**found, **other} if found.get(name) != other.get(name)]
    print(f"{len(differing)} differ from {options.compare}", *differing, sep="\n")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
