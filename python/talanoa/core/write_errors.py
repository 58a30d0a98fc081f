"""Errors of the system while a file is written, as messages that say what to do."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from talanoa.core.errors import BadInput


def explain_write_error(error: OSError, path: Path) -> BadInput:
    """Turn the system's refusal to write `path` into a message with a remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free
        return BadInput(
            f"The disk is full: {free / 1e6:,.0f} MB are free at {path.parent}; expected room for {path.name}. "
            "Free some space or choose a folder on another disk."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BadInput(
            f"{path} cannot be written ({error.strerror}); expected a folder in which you may write. "
            "Choose another folder or change its permissions."
        )
    return BadInput(f"{path} could not be written: {error}. Check the name and the disk, or choose another folder.")
