"""The log file: what a door writes beside its messages, for finding out later what happened."""

from __future__ import annotations

import logging
import logging.handlers
import os
from pathlib import Path

log = logging.getLogger("talanoa")


def log_path() -> Path:
    """Return the place of the log file: `log/talanoa.log` in TALANOA_HOME, else in ~/talanoa."""
    home = os.environ.get("TALANOA_HOME")
    return (Path(home) if home else Path.home() / "talanoa") / "log" / "talanoa.log"


def start_log_file() -> Path | None:
    """Write the package's log to a file from now on (three files of 1 MB in turn).

    Returns
    -------
    Path or None
        The file; None where none can be written. A second call changes nothing.
    """
    path = log_path()
    for handler in log.handlers:
        if isinstance(handler, logging.FileHandler):
            return Path(handler.baseFilename)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path,
            maxBytes=1_000_000,
            backupCount=2,
            encoding="utf-8",
            errors="backslashreplace",  # names of files need not be UTF-8
        )
    except OSError as error:
        log.debug("no log file: %s", error)
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return path
