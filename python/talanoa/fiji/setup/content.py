"""What is installed in an ImageJ folder: menu scripts, Jython modules, macros, jars, and a note of the Python."""

from __future__ import annotations

import io
import json
import posixpath
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from talanoa.core import resources
from talanoa.core.version import __version__
from talanoa.fiji.setup import embedded
from talanoa.fiji.setup.inventory import Source
from talanoa.fiji.setup.layout import USED, Layout

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
RUN = """#@ Context context
# Runs {command} by SciJava, for instance: fiji --headless --run FILE 'model="nuclei",image="cells.tif",out="results"'
from talanoa_fiji import plain

plain.by_script(context, u"{command}", locals()["org.scijava.script.ScriptModule"])
"""
MENU = "plugins/Talanoa_.jar"  # in Fiji; the underscore makes ImageJ look into it
CONFIG = "plugins.config"  # in that jar
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time of all that is in it: the same scripts give the same bytes
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
    """Return the scripts of the commands, and what makes ImageJ's menu entries and SciJava's scripts of them.

    NB: SciJava must find none of the scripts itself. It would make menu entries of them that run in threads without the
    macro's image, keys and end, and ask for their inputs in a dialog of its own.
    """
    scripts = sorted((resources.fiji_scripts() / "Plugins" / "Talanoa").glob("*.py"))
    files: dict[str, Source] = {f"{layout.scripts}/Plugins/Talanoa/{script.name}": script for script in scripts}
    names = {script.stem: script.stem.replace("_", " ") for script in scripts}
    entries = {f"{stem}.ijm": ENTRY.format(command=name).encode() for stem, name in names.items()}
    if layout.kind == "plain":
        return files | {f"plugins/Talanoa/{file}": entry for file, entry in entries.items()}
    run = {f"talanoa/run/{stem}.py": RUN.format(command=name).encode() for stem, name in names.items()}
    return files | run | {MENU: _menu(names, entries)}


def _menu(names: Mapping[str, str], entries: Mapping[str, bytes]) -> bytes:
    """Return a jar of macros, of which ImageJ makes menu entries; they run in the thread that asks for them."""
    lines = [
        f'Plugins>Talanoa, "{name}", ij.plugin.Macro_Runner("JAR:talanoa/{stem}.ijm")' for stem, name in names.items()
    ]
    members = {CONFIG: ("\n".join(lines) + "\n").encode()} | {
        f"talanoa/{file}": entry for file, entry in entries.items()
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as jar:
        for member, data in members.items():
            jar.writestr(zipfile.ZipInfo(member, LONG_AGO), data)
    return stream.getvalue()


def entries(layout: Layout) -> set[str]:
    """Return the commands that ImageJ makes menu entries of, by its own rules.

    Parameters
    ----------
    layout : Layout
        An ImageJ folder with Talanoa installed.

    Returns
    -------
    set of str
        Names of the commands; empty where the menu is missing or damaged.
    """
    if layout.kind == "plain":  # a macro is an entry when its name has an underscore
        return {file.stem.replace("_", " ") for file in (layout.root / "plugins/Talanoa").glob("*_*.ijm")}
    try:
        with zipfile.ZipFile(layout.root / MENU) as jar:
            return set(re.findall(r'^Plugins>Talanoa, "([^"]+)"', jar.read(CONFIG).decode(), re.MULTILINE))
    except (OSError, KeyError, zipfile.BadZipFile):
        return set()


def in_the_way(layout: Layout) -> list[Path]:
    """Return the scripts of a Fiji that would be entries instead of ours, because they have the same names."""
    ours = {script.name for script in (resources.fiji_scripts() / "Plugins" / "Talanoa").glob("*.py")}
    places = (layout.root / "scripts", layout.root / "plugins") if layout.kind == "fiji" else ()
    return sorted(path for place in places for path in place.rglob("*.py") if path.name in ours)


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
