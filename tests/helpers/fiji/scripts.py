"""What the menu scripts declare, read from their text."""

from __future__ import annotations

import re
from pathlib import Path

from talanoa.core import resources

LINE = re.compile(r"^#@ (\w+)(?: \((.*)\))? (\w+)$")
VALUE = re.compile(r'value=(?:"([^"]*)"|([^,)]+))')


def commands() -> dict[str, Path]:
    """Return {command: script}, named as SciJava does."""
    folder = resources.fiji_scripts() / "Plugins" / "Talanoa"
    return {path.stem.replace("_", " "): path for path in folder.glob("*.py")}


def declared(script: Path) -> dict[str, str | None]:
    """Return {input: default} of a script without its services; None where no default is declared."""
    found: dict[str, str | None] = {}
    for line in script.read_text(encoding="ascii").splitlines():
        match = LINE.match(line)
        if match and not match[1].endswith("Service"):
            value = VALUE.search(match[2] or "")
            found[match[3]] = None if value is None else (value[1] if value[1] is not None else value[2])
    return found
