"""What an evaluation found, whatever was judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from talanoa.evaluation.candidates import Candidate
    from talanoa.evaluation.leaks import LeakCheck


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an evaluation found, whatever was judged.

    Parameters
    ----------
    table : DataFrame
        One row for each image of what is judged first.
    overall : DataFrame
        One row for each score of each candidate.
    comparison : DataFrame
        One row for each comparison; may be empty.
    leaks : LeakCheck or None
        None where the check was not made.
    notes : sequence of str
        What the reader should know.
    message : str
        The result in one line.
    candidates : sequence of Candidate
        What was judged, and compared.
    images : sequence of str
        Names of the images.
    write : function (new folder, record) -> Path
        Writes the result folder and returns its report.
    """

    table: pd.DataFrame
    overall: pd.DataFrame
    comparison: pd.DataFrame
    leaks: LeakCheck | None
    notes: Sequence[str]
    message: str
    candidates: Sequence[Candidate]
    images: Sequence[str]
    write: Callable[[Path, Mapping[str, Any]], Path]
