"""Run every benchmark of this folder and write RESULTS.md: figures, machine, versions, commands.

Usage: python benchmarks/run.py [PART OF A NAME ...]     (with parts of names: run those, the other figures stay)
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
PACKAGES = (
    "talanoa",
    "torch",
    "numpy",
    "numba",
    "jpype1",
    "scyjava",
    "pyimagej",
    "roifile",
    "scikit-image",
)
COLUMNS = ("bench", "impl", "params", "seconds", "median", "n")
ALIASES = {
    "peer": "impl",
    "who": "impl",
    "name": "bench",
    "wall_min": "seconds",
    "best": "seconds",
    "best_s": "seconds",
}


class Run(NamedTuple):
    """What one benchmark script gave."""

    script: str
    rows: list[dict[str, Any]]
    status: int
    minutes: float


def main(*parts: str) -> int:
    """Run the benchmarks and return 1 when one of them failed; with parts of names, only those."""
    scripts = sorted(file for file in HERE.glob("bench_*.py") if any(part in file.stem for part in parts or [""]))
    if not scripts:
        sys.stderr.write(f"No benchmark has {' or '.join(parts)} in its name; there are {', '.join(_names())}.\n")
        return 1
    status, sections = 0, read_sections() if parts else {}
    for script in scripts:
        run = run_script(script)
        status |= int(run.status != 0)
        sections[name_of(script)] = "\n".join(section(run))
        write_whole(RESULTS, "\n\n".join(["\n".join(head()), *(sections[key] for key in sorted(sections))]) + "\n")
    sys.stderr.write(f"Written: {RESULTS}\n")
    return status


def read_sections() -> dict[str, str]:
    """Return the sections of RESULTS.md by name."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    return {piece.split("\n", 1)[0]: f"## {piece}".strip() for piece in text.split("\n## ")[1:]}


def name_of(script: Path) -> str:
    """Return "rois" for bench_rois.py."""
    return script.stem.removeprefix("bench_")


def run_script(script: Path) -> Run:
    """Run one script in a process of its own and read its JSON lines; its stderr goes to the terminal."""
    sys.stderr.write(f"== {script.name}\n")
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
    )
    rows = list(read_rows(done.stdout.splitlines()))
    return Run(script.name, rows, done.returncode, (time.perf_counter() - start) / 60)


def read_rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects among the lines, with one spelling of the usual keys."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield {ALIASES.get(key, key): value for key, value in found.items()}


def head() -> Iterator[str]:
    """Yield the first lines of RESULTS.md."""
    yield "# Figures measured by `make bench`\n"
    yield (
        "Best of several runs each. A section shows one run of its script, unless its first lines say otherwise: "
        "compare rows of several runs with care. Other machines differ, and busy ones.\n"
    )
    for key, value in {**machine(), **versions()}.items():
        yield f"- {key}: {value}"


def section(run: Run) -> Iterator[str]:
    """Yield the lines of one benchmark."""
    yield f"## {name_of(Path(run.script))}\n"
    yield f"`python benchmarks/{run.script}` ({time.strftime('%Y-%m-%d')}, {run.minutes:.1f} min)\n"
    if run.status:
        yield f"**It ended with status {run.status}; what it had measured until then:**\n"
    yield from table(run.rows)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a Markdown table: the usual columns, and what else a row says in the last one."""
    if not rows:
        yield "No figures: what is needed for them is not here (the script's first lines say what that is)."
        return
    columns = [key for key in COLUMNS if any(key in row for row in rows)]
    yield "| " + " | ".join([*columns, "more"]) + " |"
    yield "|" + "---|" * (len(columns) + 1)
    for row in rows:
        more = {key: value for key, value in row.items() if key not in COLUMNS}
        yield "| " + " | ".join(cell(value) for value in (*(row.get(key, "") for key in columns), more)) + " |"


def cell(value: Any) -> str:
    """Write a value for a table cell."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {cell(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return " x ".join(cell(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value).replace("|", "/")


def machine() -> dict[str, str]:
    """Say what was measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{_processor()}, {os.cpu_count()} logical cores, {memory:.0f} GiB memory",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def versions() -> dict[str, str]:
    """Return the versions that matter for the figures."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return {"versions": ", ".join(found)}


def _processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def write_whole(path: Path, text: str) -> None:
    """Write beside, then rename: the file is the old one or the new one, never a part."""
    aside = path.with_suffix(".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _names() -> list[str]:
    return [name_of(file) for file in sorted(HERE.glob("bench_*.py"))]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
