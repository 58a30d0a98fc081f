"""The table of losses that a training keeps: ``loss.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from talanoa.core.errors import BadInput


def read_losses(path: Path) -> list[dict[str, float]]:
    """Return the rows of ``loss.csv``.

    Raises
    ------
    BadInput
        It cannot be read, or holds something else than numbers.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    except (OSError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise BadInput(
            f"{path} cannot be read as a table of losses ({error}). Copy the model folder again; of a training that "
            "goes on it is written anew."
        ) from error


def write_losses(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write the table; it appears whole."""
    aside = path.with_suffix(".partial")
    with aside.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    aside.replace(path)
