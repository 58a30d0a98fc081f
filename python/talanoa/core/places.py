"""Where the images and models of records lie: kept on this machine, while the records themselves can be passed on.

Records in result folders and model folders name files without the folders they lie in: no absolute path and no user
name. ``places.jsonl`` in the user's own folder of Talanoa tells where they were, for `rerun` and for the check of test
images against training images.
"""

from __future__ import annotations

import json
import logging
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

log = logging.getLogger(__name__)
FILE = "places.jsonl"
LARGEST = 8_000_000  # bytes; then the older half is forgotten
KEY = "id"  # of a record: a random number, under which its places are kept


def file() -> Path:
    """Return the file in which places are kept."""
    home = os.environ.get("TALANOA_HOME")
    return (Path(home) if home else Path.home() / "talanoa") / FILE


def portable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record (plain data) whose texts name files without their folders."""
    paths = {path.strip() for text in _texts(record) for path in text.split(";") if _folder_of(path.strip())}
    known = {path: _name(path) for path in paths} | {_folder_of(path): "" for path in paths} | {str(Path.home()): "~"}
    shortened = _shortened(record, sorted(known.items(), key=lambda one: -len(one[0])))
    assert isinstance(shortened, dict)
    return shortened


def remember(places: Mapping[str, Any]) -> str:
    """Keep places on this machine; returns the key under which they are found."""
    key = uuid.uuid4().hex
    path = file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size > LARGEST:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            aside = path.with_name(f"{FILE}.{key}.partial")
            aside.write_text("".join(lines[len(lines) // 2 :]), encoding="utf-8")
            aside.replace(path)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({KEY: key, **places}) + "\n")
    except OSError as error:  # without it `rerun` asks for the image
        log.info("places are not kept: %s", error)
    return key


def recall(key: object) -> dict[str, Any]:
    """Return the places that were kept under a key; empty on another machine."""
    try:
        lines = file().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    for line in reversed(lines):
        if isinstance(key, str) and len(key) == 32 and key in line:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and found.get(KEY) == key:
                return found
    return {}


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts of plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _shortened(value: Any, folders: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        return _short(value, folders)
    if isinstance(value, Mapping):
        return {key: _shortened(one, folders) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(one, folders) for one in value]
    return value


def _short(text: str, folders: list[tuple[str, str]]) -> str:
    """Return a path, or several with ";" between them, as names; another text without the folders that are known."""
    parts = [part.strip() for part in text.split(";")]
    if any(map(_folder_of, parts)):
        return ";".join(_name(part) if _folder_of(part) else part for part in parts)
    for folder, name in folders:
        text = re.sub(rf"{re.escape(folder)}[/\\]+", f"{name}/" if name else "", text)
        if name:
            text = re.sub(rf"{re.escape(folder)}(?![\w-])", name.replace("\\", ""), text)
    return text


def _name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path


def _folder_of(path: str) -> str:
    """Return the folder of a path that leads away from here: absolute, or by "~" or ".."; of other texts nothing."""
    if not path or len(path) > 1000 or "\n" in path:
        return ""
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    if (posix.is_absolute() and len(posix.parts) > 2) or path.startswith("~/"):
        return str(posix.parent)
    if windows.is_absolute() and windows.drive:
        return str(windows.parent)
    return str(posix.parent) if posix.parts[:1] == ("..",) else ""
