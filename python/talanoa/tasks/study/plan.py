"""The cells of a study and the file that remembers them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside
from talanoa.core.request import parse
from talanoa.core.write_errors import explain_write_error
from talanoa.tasks.study.parts import KEY, names
from talanoa.tasks.study.request import StudyRequest
from talanoa.training.request import TrainRequest

LOGARITHMIC = 10  # ranges that span this factor are drawn from on a logarithmic scale


def is_logarithmic(values: Sequence[float]) -> bool:
    """Tell whether values are better seen on a logarithmic scale."""
    low, high = min(values), max(values)
    return low > 0 and math.isfinite(high) and high / low >= LOGARITHMIC


FILE = "study.json"
CELLS = "cells"
VERSION = 1
FREE = ("out", "device")  # may differ when a study is gone on with


@dataclass(frozen=True)
class Cell:
    """One training of a study.

    Parameters
    ----------
    name : str
        "cell-003": of its files and its model.
    values : dict
        What was varied, key to value as the training reads it.
    seed : int
        Of the training.
    request : dict
        The complete request to train.
    """

    name: str
    values: dict[str, Any]
    seed: int
    request: dict[str, Any]

    def result(self, out: Path) -> dict[str, Any] | None:
        """Return what is known of the finished cell, None before."""
        path = out / CELLS / f"{self.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def cells_of(request: StudyRequest) -> list[Cell]:
    """Return the trainings of a study: all combinations, each with all seeds.

    Raises
    ------
    BadInput
        A value that the training refuses; all cells are checked before the first one is trained.
    """
    axes = request.grid_axes()
    combinations = list(itertools.product(*(values for _, values in axes)))
    keys = [key for key, _ in axes]
    parts = names(request) if request.across != "none" else [None]
    rows = [(part, dict(zip(keys, values, strict=True))) for part in parts for values in combinations]
    return [
        cell for number, (part, row) in enumerate(rows) for cell in repeats_of(request, row, number, len(rows), part)
    ]


def repeats_of(
    request: StudyRequest, varied: Mapping[str, Any], number: int, count: int, part: str | None = None
) -> list[Cell]:
    """Return the trainings of one combination, one for each seed.

    Parameters
    ----------
    request : StudyRequest
    varied : mapping
        Keys and values, as text or read. "none" means that the key is not given, and "all" images the same.
    number, count : int
        Of the combination, from 0, and of all combinations.
    part : str, optional
        Of the plates, on which is trained.
    """
    own = StudyRequest.model_fields.keys() - TrainRequest.model_fields.keys()
    keys = {**request.model_dump(exclude=set(own), exclude_unset=True), **varied}
    keys = {key: None if _is_left_out(key, value) else value for key, value in keys.items()}
    if keys.get("init") is None and "transfer" not in varied:
        keys.pop("transfer", None)  # from scratch nothing is taken
    digits = max(3, len(str(count * request.repeats)))
    found = []
    for repeat in range(request.repeats):
        name, seed = f"cell-{number * request.repeats + repeat + 1:0{digits}d}", request.seed + repeat
        parsed = parse(TrainRequest, {**keys, "name": name, "seed": seed}).request
        read = {key: getattr(parsed, key) for key in varied}
        read = read if part is None else {KEY: part, **read}
        found.append(Cell(name, read, seed, parsed.model_dump(mode="json", exclude_unset=True)))
    return found


def _is_left_out(key: str, value: Any) -> bool:
    """Tell whether a value says that its key is not given."""
    word = value.lower() if isinstance(value, str) else None
    return (key, word) == ("n_images", "all") or (word == "none" and TrainRequest.model_fields[key].default is None)


def begin(request: StudyRequest) -> Path:
    """Make the folder of a study, or check that it was begun with the same request; return it.

    Raises
    ------
    BadInput
        The folder holds something else, or a study with another request (says what differs), or cannot be written.
    """
    out = Path(request.out).expanduser().absolute()
    asked = request.model_dump(mode="json", exclude=set(FREE))
    if (out / FILE).is_file():
        _compare(out, asked)
        return out
    if out.is_dir() and any(out.iterdir()):
        raise BadInput(f"{out} is not empty and holds no study; expected a new folder. Choose another name.")
    try:
        (out / CELLS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, out) from error
    text = json.dumps({"version": VERSION, "request": asked}, indent=2, ensure_ascii=False)
    with write_aside(out / FILE) as aside:
        aside.write_text(text + "\n", encoding="utf-8")
    return out


def _compare(out: Path, asked: dict[str, Any]) -> None:
    """Raise `BadInput` when a study was begun with another request."""
    try:
        stored = json.loads((out / FILE).read_text(encoding="utf-8"))["request"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{out / FILE} is damaged ({error}). Restore it, or choose another folder.") from error
    differing = [
        f"{key} was {stored.get(key)!r}, now {asked.get(key)!r}"
        for key in sorted(stored.keys() | asked.keys())
        if stored.get(key) != asked.get(key)
    ]
    if differing:
        raise BadInput(
            f"The study in {out} was begun with another request: {'; '.join(differing)}. Go on with the same request, "
            "or choose another folder."
        )
