"""Whether an installation in an ImageJ folder is whole, and the Python noted there still works for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from talanoa.core.errors import BadInput
from talanoa.core.version import __version__
from talanoa.fiji.setup import content, install, worker_python
from talanoa.fiji.setup.inventory import Inventory
from talanoa.fiji.setup.layout import Layout, find_layout

AGAIN = "Install again: talanoa install-fiji FOLDER"


class Finding(NamedTuple):
    """One point: in order or not, and a sentence."""

    ok: bool
    text: str


def check(folder: str | Path) -> list[Finding]:
    """Look at what is installed in an ImageJ folder.

    Parameters
    ----------
    folder : path
        A Fiji or ImageJ folder.

    Returns
    -------
    list of Finding
        What was found, one sentence each.

    Raises
    ------
    BadInput
        The folder is no ImageJ, or the list of installed files is damaged.
    """
    layout = find_layout(folder)
    installed = install.read_inventory(layout)
    if installed is None:
        return [Finding(False, f"Talanoa is not installed in {layout.root} ({layout.name}).")]
    whole = f"Talanoa {installed.talanoa} is installed in {layout.root} ({layout.name}), {len(installed.files)} files."
    return [Finding(True, whole), *_files(layout, installed), *_menu(layout), *_python(layout), *_appose(layout)]


def _files(layout: Layout, installed: Inventory) -> Iterator[Finding]:
    """Yield what is wrong with the files."""
    missing, changed = installed.missing(layout.root), installed.changed(layout.root)
    if missing:
        yield Finding(False, f"Missing: {', '.join(missing)}. {AGAIN}")
    if changed:
        yield Finding(False, f"Changed since: {', '.join(changed)}. Installing again keeps your versions beside ours.")
    if installed.talanoa != __version__:
        yield Finding(False, f"The files are of Talanoa {installed.talanoa}, this is {__version__}. {AGAIN}")


def _menu(layout: Layout) -> Iterator[Finding]:
    """Yield whether each command is in the menu, and runs as ours."""
    scripts = (layout.root / layout.scripts / "Plugins" / "Talanoa").glob("*.py")
    lacking = sorted({script.stem.replace("_", " ") for script in scripts} - content.entries(layout))
    if lacking:
        yield Finding(False, f"Not in the menu Plugins > Talanoa: {', '.join(lacking)}. {AGAIN}")
    for path in content.in_the_way(layout):
        yield Finding(False, f"{path} takes the place of the command of its name. Move or rename it.")


def _python(layout: Layout) -> Iterator[Finding]:
    """Yield whether the Python noted is there and runs the version that the scripts belong to."""
    try:
        note = json.loads((layout.root / layout.package / content.NOTE).read_text(encoding="utf-8"))
        python, expected = Path(note["python"]), note["talanoa"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Finding(False, f"The note of the Python could not be read ({error!r}). {AGAIN}")
        return
    try:
        version = worker_python.ask_version(python)
    except BadInput as error:
        yield Finding(False, str(error))
        return
    ok = version == expected
    yield Finding(ok, f"Python: {python}, Talanoa {version}{'' if ok else f'; expected {expected}. {AGAIN}'}.")


def _appose(layout: Layout) -> Iterator[Finding]:
    """Yield where the connection to Python comes from."""
    brought = sorted((layout.root / layout.jars).glob("appose-*.jar"))
    if brought and layout.lacking:
        yield Finding(True, f"Appose: {brought[0]}.")
    elif layout.lacking:
        yield Finding(False, f"Appose is missing: this {layout.name} has none that is new enough. {AGAIN}")
    else:
        yield Finding(True, f"Appose: {layout.name}'s own.")


def in_order(findings: Sequence[Finding]) -> bool:
    """Return True when everything is as it should be."""
    return all(finding.ok for finding in findings)
