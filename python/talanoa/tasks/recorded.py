"""The record of a result as `rerun` needs it, checked before anything is done with it: it may come from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from talanoa.core.errors import BadInput

NEEDED = {"segment": ("objects", "labels_sha256"), "restore": ("image_sha256",), "predict": ("image_sha256",)}
RANGE = ("tta", "lowest", "highest")
USED: dict[str, tuple[str, ...]] = {"segment": (), "restore": ("normalization", *RANGE), "predict": RANGE}


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Request(_Part):
    dims: str | None = None
    series: int | None = Field(None, ge=1)
    missing_planes: str | None = None
    block: int | None = Field(None, ge=1)
    tiles: int | None = Field(None, ge=1)


class _Normalization(_Part):
    kind: str = "percentile"
    low: float | None = None
    high: float | None = None


class _Used(_Part):
    device: str
    backend: str
    tta: bool | None = None
    lowest: float | None = None
    highest: float | None = None
    normalization: _Normalization | None = None


class _Image(_Part):
    name: str = ""
    source: str | None = None
    sizes: dict[str, int]
    dtype: str
    sha256: str


class _Model(_Part):
    name: str
    folder: str | None = None
    sha256: str
    models: list[_Model] | None = Field(None, min_length=1)


class _Selection(_Part):
    shape: list[int] = Field(min_length=2, max_length=2)
    bits: str


class _Record(_Part):
    task: Literal["segment", "restore", "predict"]
    request: _Request
    used: _Used
    image: _Image
    model: _Model
    versions: dict[str, str] = {}
    labels_sha256: str | None = None
    image_sha256: str | None = None
    objects: int | None = Field(None, ge=0)
    selection: _Selection | None = None


def check(record: dict[str, Any], path: Path) -> None:
    """Raise `BadInput`, naming file and key, for a record that is none of segment, restore or predict, or damaged."""
    task = record.get("task")
    if not isinstance(task, str) or task not in NEEDED:
        raise BadInput(f"{path} records the task {task!r:.80}; expected a record of segment, restore or predict.")
    try:
        _Record(**record)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(path, ".".join(map(str, first["loc"])), first["msg"]) from error
    for key in NEEDED[task]:
        if record.get(key) is None:
            raise _damaged(path, key, "it is missing")
    for key in USED[task]:
        if record["used"].get(key) is None:
            raise _damaged(path, f"used.{key}", "it is missing")
    given = record["used"].get("normalization") or {}
    if given.get("kind") == "percentile" and None in (given.get("low"), given.get("high")):
        raise _damaged(path, "used.normalization", "low or high is missing")


def _damaged(path: Path, key: str, what: str) -> BadInput:
    return BadInput(f"{path}: {key}: {what}; expected the record that Talanoa wrote. Restore it from a copy.")
