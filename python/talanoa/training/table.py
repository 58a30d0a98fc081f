"""The table of losses that a training keeps: ``loss.csv``."""

from __future__ import annotations

import csv
from pathlib import Path


def read_losses(path: Path) -> list[dict[str, float]]:
    """Return the rows of ``loss.csv``."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def append_row(path: Path, row: dict[str, float]) -> None:
    """Write a row at the end, and before the first one the names of the columns."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow({key: f"{value:.6g}" for key, value in row.items()})
