"""The run of all benchmarks: reads what they print, and writes the results whole."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bench(root: Path) -> ModuleType:
    """Return benchmarks/run.py as a module."""
    spec = importlib.util.spec_from_file_location("bench_run", root / "benchmarks" / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_are_read_among_other_output(bench: ModuleType) -> None:
    lines = ["starting", json.dumps({"bench": "a", "peer": "other", "wall_min": 2}), "3", "{broken", '["no row"]']
    assert list(bench.read_rows(lines)) == [{"bench": "a", "impl": "other", "seconds": 2}]


def test_table_has_a_cell_for_everything(bench: ModuleType) -> None:
    rows = [
        {"bench": "zip | write", "impl": "talanoa", "params": {"objects": 10, "shape": [4, 5]}, "seconds": 0.12345},
        {"bench": "score", "impl": "talanoa", "F1": {"0.5": 0.9251}, "n": 1},
    ]
    assert list(bench.table(rows)) == [
        "| bench | impl | params | seconds | n | more |",
        "|---|---|---|---|---|---|",
        "| zip / write | talanoa | objects: 10; shape: 4 x 5 | 0.123 |  |  |",
        "| score | talanoa |  |  | 1 | F1: 0.5: 0.925 |",
    ]


def test_a_failed_benchmark_is_shown_and_the_others_are_kept(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "RESULTS.md")
    row = json.dumps({"bench": "works", "impl": "talanoa", "seconds": 1.0, "n": 1})
    (tmp_path / "bench_good.py").write_text(f"print({row!r})", encoding="utf-8")
    (tmp_path / "bench_bad.py").write_text("raise SystemExit(3)", encoding="utf-8")
    assert bench.main() == 1
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| works | talanoa | 1 | 1 |" in text
    assert "ended with status 3" in text
    (tmp_path / "bench_bad.py").write_text(f"print({row!r})".replace("works", "again"), encoding="utf-8")
    assert bench.main("bad") == 0
    again = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| again | talanoa" in again and "| works | talanoa" in again and "status" not in again
    assert sorted(file.name for file in tmp_path.iterdir()) == ["RESULTS.md", "bench_bad.py", "bench_good.py"]
