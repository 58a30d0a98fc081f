"""Where things lie in an ImageJ folder: a Fiji, or a plain ImageJ, on Windows, macOS and Linux."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from talanoa.core.errors import BadInput
from talanoa.fiji.setup import embedded

APPOSE = (0, 9, 0)  # what the client in ImageJ is written against


def _named(artifacts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the endpoints of these artifacts, in the versions of the embedded ImageJ."""
    known = {endpoint.split(":")[1]: endpoint for endpoint in embedded.ENDPOINTS}
    known["jna-platform"] = known["jna"].replace(":jna:", ":jna-platform:")
    return tuple(known[artifact] for artifact in artifacts)


FOR_FIJI = _named(("appose", "jna", "jna-platform"))
# The Jython of the embedded ImageJ in one jar, its libraries renamed: beside other plugins it disturbs nobody.
FOR_PLAIN = ("org.python:jython-standalone:2.7.4", *_named(("scijava-common", "parsington")), *FOR_FIJI)
# What is used of all that these depend on; Appose writes its messages with Groovy's JSON.
USED = ("appose", "jna", "jna-platform", "groovy", "groovy-json", "jython-standalone", "scijava-common", "parsington")


@dataclass(frozen=True)
class Layout:
    """An ImageJ folder and where Talanoa's files go in it; all but `root` are relative paths with forward slashes.

    Attributes
    ----------
    root : Path
        The folder with `plugins` and `macros`.
    kind : str
        "fiji" or "plain".
    scripts : str
        Holds Plugins/Talanoa with the menu scripts.
    modules : str
        Where Jython looks for modules.
    jars : str
        Where jars go that this ImageJ lacks.
    lacking : tuple of str
        Endpoints of those jars.
    """

    root: Path
    kind: str
    scripts: str
    modules: str
    jars: str
    lacking: tuple[str, ...]

    @property
    def package(self) -> str:
        """Folder of the Jython package."""
        return f"{self.modules}/talanoa_fiji"

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return "Fiji" if self.kind == "fiji" else "ImageJ"


def find_layout(folder: str | Path) -> Layout:
    """Look at a folder and return how it is laid out.

    Parameters
    ----------
    folder : path
        A Fiji or ImageJ folder. On macOS it may be the bundle (Fiji.app, ImageJ.app) inside it.

    Raises
    ------
    BadInput
        The folder holds no ImageJ; the message says what it holds and what was expected.
    """
    given = Path(folder).expanduser().absolute()
    if not given.is_dir():
        found = "a file" if given.exists() else "nothing"
        raise BadInput(f"Found {found} at {given}; expected a Fiji or ImageJ folder. {_remedy(given.parent)}")
    bundle = given.suffix == ".app"
    for root in (given, given.parent) if bundle else (given,):
        if any((root / "jars").glob("ij-1*.jar")):
            return _fiji(root)
    for root in (given.parent, given) if bundle else (given,):
        if _plain_jar(root):
            return _plain(root)
    found = ", ".join(sorted(entry.name for entry in given.iterdir())[:8]) or "nothing"
    raise BadInput(
        f"{given} is no Fiji or ImageJ: it holds {found}; expected jars/ij-1….jar (Fiji) or ij.jar (ImageJ). "
        f"{_remedy(given)}"
    )


def _fiji(root: Path) -> Layout:
    """Return the layout of a Fiji, or of an ImageJ2 with Jython."""
    jars = root / "jars"
    missing = [name for name in ("scijava-common", "jython") if not any(jars.glob(f"{name}*.jar"))]
    if missing:
        raise BadInput(
            f"{root} lacks {' and '.join(missing)} in jars; expected a complete Fiji. "
            "Update it (Help > Update...), or download a new one."
        )
    lacking = () if _has_appose(jars) else FOR_FIJI
    # NB: jars of ours stay out of jars and plugins, where Fiji's launcher and updater would take them for Fiji's.
    return Layout(root, "fiji", "talanoa/scripts", "jars/Lib", "talanoa/jars", lacking)


def _plain(root: Path) -> Layout:
    """Return the layout of an ImageJ 1, which loads what lies in a folder of plugins, and no deeper."""
    ours = "plugins/Talanoa"
    return Layout(root, "plain", f"{ours}/scripts", f"{ours}/Lib", ours, FOR_PLAIN)


def _plain_jar(root: Path) -> bool:
    """Return True for a folder with ImageJ 1 in it, on macOS inside its bundle."""
    inside = (f"{bundle}Contents/{java}" for bundle in ("", "ImageJ.app/") for java in ("Java", "Resources/Java"))
    return any((root / place / "ij.jar").is_file() for place in ("", *inside))


def _has_appose(jars: Path) -> bool:
    """Return True when a Fiji has an Appose that is new enough."""
    found = (re.match(r"appose-(\d+)\.(\d+)\.(\d+)", jar.name) for jar in jars.rglob("appose-*.jar"))
    return any(tuple(map(int, match.groups())) >= APPOSE for match in found if match)


def _remedy(near: Path) -> str:
    """Return what to do; the folder that was probably meant, if there is one near."""
    if near.is_dir():
        for entry in sorted(near.iterdir()):
            if entry.is_dir() and (any((entry / "jars").glob("ij-1*.jar")) or _plain_jar(entry)):
                return f"Probably meant: {entry}"
    return "Name the folder that contains plugins and macros (on macOS: Fiji.app, or the folder it lies in)."
