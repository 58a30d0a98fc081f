"""The record of a model folder, ``model.json``: read, and checked before anything is computed with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from talanoa.core.errors import BadInput
from talanoa.core.files import read_json

FORMAT = 1
RECORD = "model.json"
NEEDED = ("config", "format", "method", "thresholds")
COMPUTED = ("config", "thresholds", "normalization", "pixel_size", "pixel_depth", "labelling")  # go into results

Size = Annotated[float, Field(gt=0, strict=True)]
Text = Annotated[str, Field(strict=True)]


class _Training(BaseModel):
    """What is looked up in the record of a training."""

    settings: dict[str, Any] = {}
    background_level: Annotated[float, Field(allow_inf_nan=False, strict=True)] | None = None
    request: dict[str, Any] | None = None
    training_images: dict[str, list[Any]] | None = None
    validation_images: dict[str, list[Any]] | None = None


class _Fields(BaseModel):
    """Types of what a record holds; the method checks the configuration itself."""

    name: Text = ""
    method: Text
    config: dict[str, Any]
    thresholds: dict[str, Any]
    normalization: dict[str, Any] = {}
    pixel_size: Size | None = None
    pixel_depth: Size | None = None
    unit: Text = "pixel"
    description: Text = ""
    licence: Text = ""
    training: _Training = _Training()
    labelling: dict[str, Any] | None = None


def read_record(folder: Path) -> dict[str, Any]:
    """Return the checked content of ``model.json``.

    Raises
    ------
    BadInput
        No JSON, no model record, one of a newer version, a value of another type, or a number that is not finite.
    """
    path = folder / RECORD
    record = read_json(path, "a model record", "Restore it or train again.", finite=False)
    if not isinstance(record, dict) or not set(NEEDED) <= record.keys():
        raise BadInput(f"{path} is not a model record; expected the keys {', '.join(NEEDED)}.")
    if record["format"] != FORMAT or isinstance(record["format"], bool):
        raise BadInput(f"{path} has format {record['format']}; this version reads format {FORMAT}. Update Talanoa.")
    check_finite({key: record[key] for key in COMPUTED if key in record}, path)
    try:
        _Fields(**{key: record[key] for key in _Fields.model_fields if key in record})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{path}: {key} is {first['input']!r:.80} ({first['msg']}). Copy the model folder again."
        ) from error
    _check_normalization(record, path)
    return record


def check_finite(values: Mapping[str, Any], path: Path) -> None:
    """Raise `BadInput`, naming the key, for a number that is NaN or infinite."""
    bad = next((key for key, value in _numbers(values, "") if not _is_finite(value)), None)
    if bad is not None:
        raise BadInput(
            f"{path}: {bad} is not finite (NaN or infinite); expected a number. The model was damaged, or its training "
            "diverged: copy the folder again, or train again."
        )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every floating point number
        return False


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """Yield all numbers in plain data, each with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _numbers(one, f"{name}.{key}".strip("."))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def _check_normalization(record: Mapping[str, Any], path: Path) -> None:
    """Refuse a normalisation that cannot be computed."""
    from talanoa.image.ops import normalize

    given = record.get("normalization", {})
    if "kind" in given and given["kind"] not in normalize.KINDS:
        raise BadInput(
            f"{path}: normalization has the kind {given['kind']!r:.80}; expected one of {', '.join(normalize.KINDS)}. "
            "Update Talanoa."
        )
    kind = given.get("kind", "percentile")
    if not given or kind in normalize.WHOLE:
        return
    keys = ("mean", "std") if kind == "zscore" else ("low", "high")
    fits = _is_zscore if kind == "zscore" else _are_percentiles
    if not fits(*(given.get(key) for key in keys)):
        expected = "a mean and a deviation for each channel" if kind == "zscore" else "0 <= low < high <= 100"
        found = {key: given.get(key) for key in keys}
        raise BadInput(f"{path}: normalization is {found!r:.120}; expected {expected}. Copy the model folder again.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_percentiles(low: Any, high: Any) -> bool:
    return _is_number(low) and _is_number(high) and 0 <= low < high <= 100


def _is_zscore(mean: Any, std: Any) -> bool:
    both = [[one] if _is_number(one) else one for one in (mean, std)]
    if not all(isinstance(one, list) and one and all(map(_is_number, one)) for one in both):
        return False
    return len(both[0]) == len(both[1]) and all(one > 0 for one in both[1])
