"""The active image of a running ImageJ."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def opened(ij: Any, path: Path) -> Any:
    """Open an image as the active one."""
    import jpype

    imp = ij.openImage(str(path))
    jpype.JClass("ij.WindowManager").setTempCurrentImage(imp)
    return imp


def active() -> Any:
    """Return the active image."""
    import jpype

    return jpype.JClass("ij.WindowManager").getCurrentImage()
