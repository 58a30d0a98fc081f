"""Get the Java and the jars of the embedded ImageJ once, as part of the set-up: `python -m talanoa.fiji.fetch`.

Afterwards everything starts without a network. A second call finds both in the caches and changes nothing. With
`--install-fiji` also what `talanoa install-fiji` puts into a folder that lacks it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from talanoa.core.errors import TalanoaError
from talanoa.fiji.setup import embedded, layout
from talanoa.fiji.setup.java import Java, choose_java

log = logging.getLogger(__name__)


def fetch(install_fiji: bool = False, also: Sequence[str] = ()) -> tuple[Java, int]:
    """Make sure that a Java and the jars of the embedded ImageJ are on this machine.

    Parameters
    ----------
    install_fiji : bool
        True fetches what `talanoa install-fiji` needs, too.
    also : sequence of str
        Endpoints of further jars beside those of the embedded ImageJ, as tests need them.

    Returns
    -------
    tuple of (Java, int)
        The Java that will be used, and the number of jars.

    Raises
    ------
    BadInput
        Something is missing and could not be downloaded; the message says what and the remedy.
    """
    java = choose_java()
    os.environ["JAVA_HOME"] = str(java.home)
    for endpoints in (layout.FOR_FIJI, layout.FOR_PLAIN) if install_fiji else ():
        embedded.class_path(endpoints)
    if also:
        embedded.class_path((*embedded.ENDPOINTS, *also))
    return java, len(embedded.class_path())


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch, say what is used, and return the exit status."""
    parser = argparse.ArgumentParser(description="Get the Java and the jars of the embedded ImageJ.")
    parser.add_argument("--install-fiji", action="store_true", help="also the jars that install-fiji brings")
    parser.add_argument("--also", nargs="+", default=(), metavar="GROUP:ARTIFACT:VERSION", help="further jars")
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        java, jars = fetch(parsed.install_fiji, parsed.also)
    except TalanoaError as error:
        log.error("%s", error)
        return 1
    log.info("%s; the embedded ImageJ is complete (%d jars).", java, jars)
    return 0


if __name__ == "__main__":
    sys.exit(main())
