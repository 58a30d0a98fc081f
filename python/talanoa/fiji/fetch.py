"""Get the Java and the jars of the embedded ImageJ once, as part of the set-up: `python -m talanoa.fiji.fetch`.

Afterwards everything starts without a network. A second call finds both in the caches and changes nothing.
"""

from __future__ import annotations

import logging
import os
import sys

from talanoa.errors import TalanoaError
from talanoa.fiji import embedded
from talanoa.fiji.java import Java, choose_java

log = logging.getLogger(__name__)


def fetch() -> tuple[Java, int]:
    """Make sure that a Java and the jars of the embedded ImageJ are on this machine.

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
    return java, len(embedded.class_path())


def main() -> int:
    """Fetch, say what is used, and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        java, jars = fetch()
    except TalanoaError as error:
        log.error("%s", error)
        return 1
    log.info("%s; the embedded ImageJ is complete (%d jars).", java, jars)
    return 0


if __name__ == "__main__":
    sys.exit(main())
