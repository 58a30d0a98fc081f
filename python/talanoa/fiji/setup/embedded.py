"""The embedded ImageJ: ImageJ 1, SciJava scripts, Jython and Appose from Maven Central, in the user's normal caches."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from talanoa.core.errors import BadInput
from talanoa.core.files import write_aside

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


def start_jvm(options: Sequence[str]) -> None:
    """Start the JVM of this process, with the jars of the embedded ImageJ and the Java that JAVA_HOME names."""
    import scyjava

    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.endpoints.clear()
    for jar in class_path():
        scyjava.config.add_classpath(str(jar))
    scyjava.start_jvm([*scyjava.config.get_options(), *options])


def make_context() -> Any:
    """Return the `org.scijava.Context` of the embedded ImageJ."""
    import jpype

    if jpype.JClass("java.awt.GraphicsEnvironment").isHeadless():
        _prime_menus()
    # NB: Context() from Python picks the empty varargs constructor, which loads no service at all.
    return jpype.JClass("org.scijava.Context")(False)


def class_path(endpoints: Sequence[str] = ENDPOINTS) -> list[Path]:
    """Return the jars of the embedded ImageJ; the first call on a machine downloads them (about 35 MB).

    They lie in the user's Maven cache. A list of them is kept beside scyjava's cache, so that later calls ask nobody.

    Parameters
    ----------
    endpoints : sequence of str
        What to have instead of the embedded ImageJ: "group:artifact:version", each with all that it depends on.

    Raises
    ------
    BadInput
        They are not in the cache and could not be downloaded.
    """
    import scyjava

    kept = Path(scyjava.config.get_cache_dir()) / f"talanoa-{_fingerprint(endpoints)}.json"
    jars = _read_list(kept)
    if jars is None:
        jars = _resolve(endpoints)
        damaged = [jar for jar in jars if not zipfile.is_zipfile(jar)]
        if damaged:  # a download that was interrupted: the resolver does not notice
            for jar in damaged:
                log.warning("%s is damaged and is fetched again", jar)
                jar.unlink(missing_ok=True)
            jars = _resolve(endpoints)
        _write_list(kept, jars)
    return jars


def _resolve(endpoints: Sequence[str]) -> list[Path]:
    """Ask the resolver that scyjava uses, with Maven Central as the only repository."""
    import jgo

    try:
        return [Path(artifact.resolve()) for artifact in jgo.resolve("+".join(endpoints))]
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise BadInput(
            f"The jars {', '.join(endpoints)} could not be fetched ({error}); expected a connection to Maven Central "
            "the first time. Connect once, or name a Fiji folder."
        ) from error


def _fingerprint(endpoints: Sequence[str]) -> str:
    """Return a short name of this set of endpoints."""
    return hashlib.sha256("+".join(endpoints).encode()).hexdigest()[:12]


def _read_list(kept: Path) -> list[Path] | None:
    """Return the jars noted in a file when all of them are there with the size they had."""
    try:
        sizes = json.loads(kept.read_text(encoding="utf-8"))
        whole = all(Path(jar).stat().st_size == size for jar, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return None
    return [Path(jar) for jar in sizes] if whole and sizes else None


def _write_list(kept: Path, jars: Sequence[Path]) -> None:
    """Note the jars and their sizes; a cache that cannot be written costs time only."""
    text = json.dumps({str(jar): jar.stat().st_size for jar in jars}, indent=1)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with write_aside(kept, overwrite=True) as aside:
            aside.write_text(text, encoding="utf-8")
    except (OSError, BadInput) as error:
        log.info("The list of jars was not kept: %s", error)


def _prime_menus() -> None:
    """Let ImageJ build its table of commands once, so that the first `run` of a macro does not fail.

    Headless, that ends in an exception each first time; the table (empty: ImageJ's own menu commands need a display)
    is there afterwards, and command listeners are asked.
    """
    import jpype

    with contextlib.suppress(jpype.JClass("java.awt.HeadlessException")):
        jpype.JClass("ij.IJ").run("")


def show_window() -> None:
    """Open ImageJ's main window unless it is open."""
    import jpype

    if jpype.JClass("ij.IJ").getInstance() is None:
        jpype.JClass("ij.ImageJ")()
