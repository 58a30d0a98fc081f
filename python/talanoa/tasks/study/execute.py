"""Do the cells of a study one after the other; what is finished is not repeated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

from talanoa.core import lock
from talanoa.core.errors import BadInput, Cancelled
from talanoa.core.files import write_aside
from talanoa.core.host import Host, Share
from talanoa.models import folder
from talanoa.tasks.study import across, frame, plan, table
from talanoa.tasks.study.parts import KEY, names
from talanoa.tasks.study.plan import CELLS, Cell
from talanoa.tasks.study.request import StudyRequest

Parts = dict[str, dict[str, str]]  # folders of train and test by the names of parts
HOME = "home"  # models of the study: a Talanoa home of its own
# the cells of a combination, and who is to know what they gave
Rounds = Iterable[tuple[list[Cell], Callable[[Sequence[dict[str, Any]]], None]]]
LAST_WORDS = 2000  # characters of a process that ended badly


def run(request: StudyRequest, host: Host) -> tuple[Path, list[tuple[Cell, dict[str, Any]]]]:
    """Do what is left of a study and write its table and plot after each cell.

    Of a grid, cells that failed in an earlier run are tried anew; a search keeps them, because what it chose next
    depended on them.

    Returns
    -------
    out : Path
        Its folder.
    done : list of (Cell, dict)
        All cells with their results.

    Raises
    ------
    BadInput
        See `plan.begin` and `plan.cells_of`.
    Cancelled
        Stopped by the user; what is finished is kept, the same request goes on.
    """
    if request.search == "optuna":
        from talanoa.tasks.study import search

        search.check(request)
        rounds: Rounds = search.rounds(request)
        total = request.trials * request.repeats
    else:
        cells = plan.cells_of(request)
        rounds, total = (([cell], _nothing) for cell in cells), len(cells)
    out = plan.begin(request)
    done: list[tuple[Cell, dict[str, Any]]] = []
    with lock.hold(out, "study", host):
        parts = across.make(request, out, host) if request.across != "none" else None
        for cells, tell in rounds:
            for cell in cells:
                known = cell.result(out)
                if known is None or ("error" in known and request.search == "grid"):
                    title = f"Cell {len(done) + 1} of {total}"
                    _do(cell, request, parts, out, Share(host, len(done), total), title)
                done.append((cell, _checked(cell, cell.result(out) or {}, out)))
                _write(request, out, done)
                host.progress(len(done), total, "Study")
            tell([result for _, result in done[-len(cells) :]])
    return out, done


def _write(request: StudyRequest, out: Path, done: frame.Done) -> None:
    """Write the table and the plot of what is done, and the matrix of a study across parts."""
    table.write(out, done, request.search)
    if request.across != "none":
        across.write(out, done, names(request))


def _checked(cell: Cell, result: dict[str, Any], out: Path) -> dict[str, Any]:
    """Return the result of a cell; a search that would choose otherwise now cannot go on."""
    if result.get("values", cell.values) != cell.values:
        raise BadInput(
            f"{cell.name} in {out} was trained with {result['values']}; the search would choose {cell.values} now, "
            "maybe since another version of optuna is installed. Choose another folder."
        )
    return result


def _nothing(results: Sequence[dict[str, Any]]) -> None:
    """Learn nothing of results: a grid is fixed."""


def _do(cell: Cell, request: StudyRequest, parts: Parts | None, out: Path, host: Host, title: str) -> None:
    """Train and judge one cell in a process of its own."""
    home = out / HOME
    for leftover in (cell.name, f"{cell.name}.training"):  # of an interruption: it is timed as a whole
        shutil.rmtree(home / "models" / leftover, ignore_errors=True)
    asked = out / CELLS / f".{cell.name}.request"
    test = {"images": request.test, "targets": request.test_targets, "rois": request.test_rois}
    models = {key: _found(cell.request[key]) for key in ("init", "label_model") if cell.request.get(key)}
    train = {**cell.request, **models, "device": request.device}
    whole: dict[str, Any] = {"train": train, "test": test, "values": cell.values}
    if parts is not None:
        train["images"] = parts["train"][cell.values[KEY]]
        factors = dict(zip(parts["test"], request.factors, strict=True)) if request.across == "scale" else {}
        whole["across"] = {"tests": parts["test"], "factors": factors, "segment": request.segment}
    asked.write_text(json.dumps(whole), encoding="utf-8")
    command = [sys.executable, "-m", "talanoa.tasks.study.trial", str(asked), str(out / CELLS / f"{cell.name}.json")]
    environment = {**os.environ, "TALANOA_HOME": str(home), "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        said = _watch(process, host, title)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        asked.unlink(missing_ok=True)
    if process.returncode:  # a crash is the error of this cell, and ends no other
        text = (
            f"The process of {cell.name} ({_values(cell)}) ended with code {process.returncode}: "
            f"{said[-LAST_WORDS:].strip() or 'it said nothing; memory may have run out'}."
        )
        with write_aside(out / CELLS / f"{cell.name}.json", overwrite=True) as aside:
            aside.write_text(json.dumps({"error": text, "values": cell.values}), encoding="utf-8")


def _found(model: str) -> str:
    """Return the folder of a model that a training needs: the cells have a home of their own."""
    return str(folder.find(model).absolute())


def _watch(process: subprocess.Popen[str], host: Host, title: str) -> str:
    """Pass the progress of a process on until it ends; return what it wrote to its error stream."""
    lines: Queue[str] = Queue()
    words: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    readers = [
        threading.Thread(target=_read, args=(process.stdout, lines.put), daemon=True),
        threading.Thread(target=_read, args=(process.stderr, words.append), daemon=True),
    ]
    for reader in readers:
        reader.start()
    while readers[0].is_alive() or not lines.empty():
        if host.cancelled():
            raise Cancelled("Study stopped; the finished cells are kept. The same request goes on with the rest.")
        try:
            told = json.loads(lines.get(timeout=0.2))
        except (Empty, ValueError):
            continue
        host.progress(told["done"], told["total"], f"{title}: {told['text']}")
    process.wait()
    readers[1].join(5)
    return "".join(words)


def _read(stream: IO[str], put: Any) -> None:
    """Hand on the lines of a stream until it ends."""
    for line in stream:
        put(line)


def _values(cell: Cell) -> str:
    return ", ".join(f"{key}={value}" for key, value in cell.values.items())
