"""The embedded ImageJ: ImageJ 1, SciJava scripts, Jython and Appose from Maven Central, in the user's normal caches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from talanoa.errors import BadInput

log = logging.getLogger(__name__)

# parsington and jna are named because the resolver would pick versions too old for scijava-common and appose.
ENDPOINTS = (
    "net.imagej:ij:1.54p",
    "org.scijava:scijava-common:2.100.1",
    "org.python:jython-slim:2.7.4",
    "org.apposed:appose:0.9.0",
    "org.scijava:parsington:3.1.0",
    "net.java.dev.jna:jna:5.14.0",
)


def launch(options: Sequence[str]) -> Any:
    """Start the JVM with the embedded ImageJ and return its `org.scijava.Context`."""
    import jpype
    import scyjava

    scyjava.config.set_java_constraints(fetch="never")  # JAVA_HOME is set to the Java that was chosen
    scyjava.config.endpoints.clear()
    for jar in class_path():
        scyjava.config.add_classpath(str(jar))
    scyjava.start_jvm([*scyjava.config.get_options(), *options])
    # NB: Context() from Python picks the empty varargs constructor, which loads no service at all.
    return jpype.JClass("org.scijava.Context")(False)


def class_path() -> list[Path]:
    """Return the jars of the embedded ImageJ; the first call on a machine downloads them (about 35 MB).

    Raises
    ------
    BadInput
        They are not in the cache and could not be downloaded.
    """
    jars = _resolve(update=False)
    if not _complete(jars):  # an interrupted download leaves a cached environment with holes
        jars = _resolve(update=True)
    if not _complete(jars):
        raise BadInput(f"The embedded ImageJ has {len(jars)} jars; expected those of {', '.join(ENDPOINTS)}.")
    return jars


def _resolve(update: bool) -> list[Path]:
    """Ask the resolver that scyjava uses, with Maven Central as the only repository."""
    import jgo
    import scyjava

    try:
        found = jgo.build("+".join(ENDPOINTS), update=update, cache_dir=scyjava.config.get_cache_dir())
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInput(
            f"The jars of the embedded ImageJ could not be fetched ({error}); expected a connection to Maven Central "
            "the first time. Connect once, or name a Fiji folder."
        ) from error
    folders = (Path(found.modules_dir), Path(found.jars_dir))
    return sorted(jar for folder in folders if folder.is_dir() for jar in folder.glob("*.jar"))


def _complete(jars: Sequence[Path]) -> bool:
    """Return True when the jar of each endpoint is there."""
    names = {jar.name for jar in jars if jar.is_file()}
    wanted = ("{1}-{2}.jar".format(*endpoint.split(":")) for endpoint in ENDPOINTS)
    return all(name in names for name in wanted)


def show_window() -> None:
    """Open ImageJ's main window unless it is open."""
    import jpype

    if jpype.JClass("ij.IJ").getInstance() is None:
        jpype.JClass("ij.ImageJ")()
