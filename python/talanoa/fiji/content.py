"""What is installed in an ImageJ folder: menu scripts, Jython modules, macros, jars, and a note of the Python."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from talanoa import resources
from talanoa.fiji import embedded
from talanoa.fiji.inventory import Source
from talanoa.fiji.layout import USED, Layout
from talanoa.version import __version__

NOTE = "installation.json"  # read by fiji_scripts/lib/talanoa_fiji/place.py
ENTRY = """// Starts Talanoa when {command} is chosen for the first time; afterwards Talanoa is asked before this file.
showStatus("Talanoa starts ...");
done = call("java.lang.System.setProperty", "python.cachedir.skip", "true");
done = call("java.lang.System.setProperty", "talanoa.command", "{command}");
done = call("org.python.core.imp.load", "talanoa_start");
again = call("java.lang.System.getProperty", "talanoa.options");
if (startsWith(again, "run "))
    run("{command}", substring(again, 4));
"""
START = """// Starts Talanoa with ImageJ: its commands then have dialogs of their own, and understand every macro key.
done = call("org.python.core.imp.load", "talanoa_start");
"""


def wanted(layout: Layout, python: Path) -> dict[str, Source]:
    """Return all files of an installation by their path in the ImageJ folder.

    Parameters
    ----------
    layout : Layout
        The ImageJ folder.
    python : Path
        The Python that works for it.

    Raises
    ------
    BadInput
        Jars that this ImageJ lacks could not be fetched.
    """
    brought = _jars(layout)
    files: dict[str, Source] = {**brought, **_scripts(layout), **_modules(layout), **_macros(layout)}
    files[f"{layout.package}/{NOTE}"] = _note(layout, python, brought)
    return files


def _scripts(layout: Layout) -> dict[str, Source]:
    """Return the menu scripts, and the menu itself where ImageJ makes none of scripts."""
    scripts = sorted((resources.fiji_scripts() / "Plugins" / "Talanoa").glob("*.py"))
    files: dict[str, Source] = {f"{layout.scripts}/Plugins/Talanoa/{script.name}": script for script in scripts}
    if layout.kind == "plain":
        for script in scripts:
            text = ENTRY.format(command=script.stem.replace("_", " "))
            files[f"plugins/Talanoa/{script.stem}.ijm"] = text.encode()
    return files


def _modules(layout: Layout) -> dict[str, Source]:
    """Return the Jython modules."""
    lib = resources.fiji_scripts() / "lib"
    return {f"{layout.modules}/{file.relative_to(lib).as_posix()}": file for file in sorted(lib.rglob("*.py"))}


def _macros(layout: Layout) -> dict[str, Source]:
    """Return the macros, and the one that Fiji runs when it starts."""
    files: dict[str, Source] = {f"macros/Talanoa/{m.name}": m for m in sorted(resources.macros().glob("*.ijm"))}
    if layout.kind == "fiji":
        files["macros/AutoRun/Start_Talanoa.ijm"] = START.encode()
    return files


def _jars(layout: Layout) -> dict[str, Source]:
    """Return the jars that this ImageJ lacks, without what they would need for other purposes than ours."""
    if not layout.lacking:
        return {}
    used = (jar for jar in embedded.class_path(layout.lacking) if re.split(r"-\d", jar.name)[0] in USED)
    return {f"{layout.jars}/{jar.name}": jar for jar in used}


def _note(layout: Layout, python: Path, brought: Mapping[str, Source]) -> bytes:
    """Return installation.json: where the Python is, and where the rest lies as seen from the package."""
    # NB: an ImageJ 1 loads the jars in its plugins itself; only those that Fiji may not see are named.
    jars = brought if layout.kind == "fiji" else ()
    note = {
        "version": 1,
        "talanoa": __version__,
        "python": str(python),
        "scripts": posixpath.relpath(layout.scripts, layout.package),
        "jars": [posixpath.relpath(jar, layout.package) for jar in jars],
    }
    return (json.dumps(note, indent=1, ensure_ascii=False) + "\n").encode()
