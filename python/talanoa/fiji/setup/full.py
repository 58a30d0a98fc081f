"""A Fiji (or ImageJ2) folder or endpoint, started by pyimagej."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput

log = logging.getLogger(__name__)

_INCOMPLETE = (
    "pyimagej could not start ImageJ2 from {} ({}); expected a complete and up-to-date Fiji, or a connection to the "
    "SciJava repository for what it lacks (net.imglib2:imglib2-imglyb). Update Fiji, and start a new Python."
)


def check_fiji(fiji: str) -> str:
    """Return the absolute folder, or the endpoint as it is.

    Raises
    ------
    BadInput
        `fiji` is neither a folder with ImageJ in `jars/` nor an endpoint.
    """
    folder = Path(fiji).expanduser()
    if not folder.exists():
        if _is_endpoint(fiji):
            return fiji
        raise BadInput(f"{fiji} does not exist; expected a Fiji folder (with jars and plugins inside) or an endpoint.")
    if not folder.is_dir():
        raise BadInput(f"{folder} is a file; expected the Fiji folder (the one with jars and plugins inside).")
    jars = folder / "jars"
    if not any(jars.glob("ij-1*.jar")) or not any(jars.glob("imagej-2*.jar")):
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
        raise BadInput(
            f"{folder} is no Fiji: it holds {found}; expected jars/ij-1….jar and jars/imagej-2….jar. "
            "Name the folder that contains jars and plugins (Fiji.app or Fiji)."
        )
    return str(folder.resolve())


def launch(fiji: str, mode: str, options: Sequence[str]) -> Any:
    """Start the JVM with a Fiji folder or endpoint and return pyimagej's gateway."""
    import imagej

    _configure(fiji, options)
    # A gui is shown by Runtime.show: pyimagej's own gui mode would block here.
    try:
        gateway = imagej.init(fiji, mode="headless" if mode == "headless" else "interactive:force")
    except (RuntimeError, TypeError, OSError) as error:
        raise BadInput(_INCOMPLETE.format(fiji, error)) from error
    if not gateway:
        raise BadInput(_INCOMPLETE.format(fiji, "see the log above"))
    return gateway


def launch_gui(fiji: str, options: Sequence[str], opened: Callable[[Any], None]) -> None:
    """Start Fiji with its window by pyimagej's gui mode, which blocks; `opened` gets the gateway."""
    import imagej

    _configure(fiji, options)
    imagej.when_imagej_starts(opened)
    imagej.init(fiji, mode="gui")


def _configure(fiji: str, options: Sequence[str]) -> None:
    """Set what pyimagej reads from scyjava; called after `import imagej`."""
    import scyjava

    scyjava.config.set_java_constraints(fetch="auto")  # "never" crashes pyimagej 1.8; JAVA_HOME names the Java
    if _has_imglyb(fiji):  # imglyb names its jar as an endpoint, for which a repository would be asked
        scyjava.config.endpoints.clear()
    scyjava.config.add_options(list(options))


def event_loop_runs() -> bool:
    """Return True where windows can be opened on macOS: off the main thread, or in IPython with an event loop."""
    if threading.current_thread() is not threading.main_thread():
        return True
    ipython = sys.modules.get("IPython")  # imported already when Python runs inside it
    return ipython is not None and ipython.get_ipython() is not None


def _has_imglyb(fiji: str) -> bool:
    """Return True for a folder that holds the Java side of imglyb, which pyimagej cannot start without."""
    folders = (Path(fiji) / "jars", Path(fiji) / "plugins")
    return not _is_endpoint(fiji) and any(jar for folder in folders for jar in folder.rglob("imglib2-imglyb*.jar"))


def _is_endpoint(fiji: str) -> bool:
    """Return True for text like "sc.fiji:fiji:2.17.0" or "2.17.0" (no path of Windows)."""
    parts = fiji.split("+")[0].split(":")
    is_version = fiji.count(".") == 2 and fiji.replace(".", "").isdigit()
    return is_version or (len(parts) >= 2 and len(parts[0]) > 1 and not any(sign in fiji for sign in "/\\"))
