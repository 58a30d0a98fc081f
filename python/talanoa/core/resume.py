"""What interrupted work was begun with: it goes on only where all of that is still the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.files import read_json
from talanoa.core.record import jsonable

PLAN = "unfinished.json"


def is_begun(folder: Path) -> bool:
    """Tell whether a folder holds work that was begun and is not complete."""
    return (folder / PLAN).is_file()


def note(folder: Path, plan: Mapping[str, Any]) -> None:
    """Note what the work in a folder is begun with; the file appears whole."""
    aside = folder / f"{PLAN}.partial"
    aside.write_text(json.dumps(jsonable(plan), indent=2), encoding="utf-8")
    aside.replace(folder / PLAN)


def check_same(folder: Path, plan: Mapping[str, Any]) -> None:
    """Raise `BadInput`, naming what differs, where the work in a folder was begun with another plan."""
    remedy = "Choose another result folder, or delete that one."
    begun = read_json(folder / PLAN, "what unfinished work was begun with", remedy)
    differing = differences(begun, json.loads(json.dumps(jsonable(plan))))
    if differing:
        raise BadInput(
            f"{folder} holds unfinished work with other settings: {'; '.join(differing[:5])}. "
            "Repeat the request it was begun with to go on, choose another result folder, or delete that folder."
        )


def differences(begun: Any, now: Any, name: str = "") -> list[str]:
    """Return a line per value that differs."""
    if isinstance(begun, dict) and isinstance(now, dict):
        keys = sorted(begun.keys() | now.keys())
        lines = [differences(begun.get(key), now.get(key), f"{name}.{key}".strip(".")) for key in keys]
        return [line for some in lines for line in some]
    return [] if begun == now else [f"{name} was {begun}, is {now}"]
