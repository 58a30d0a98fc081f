"""Images (t, c, z, y, x) with calibration: read, write, label images, and work on their pixels."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talanoa.image.form import DIMS as DIMS
    from talanoa.image.form import axis_letter as axis_letter
    from talanoa.image.form import check as check
    from talanoa.image.form import check_unmasked as check_unmasked
    from talanoa.image.form import from_array as from_array
    from talanoa.image.form import microns as microns
    from talanoa.image.io import errors_named as errors_named
    from talanoa.image.io import read as read
    from talanoa.image.io import read_labels as read_labels
    from talanoa.image.io import write as write
    from talanoa.image.io import write_labels as write_labels

_LAZY = {
    **dict.fromkeys(("DIMS", "axis_letter", "check", "check_unmasked", "from_array", "microns"), "form"),
    **dict.fromkeys(("errors_named", "read", "read_labels", "write", "write_labels"), "io"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for."""
    if name in _LAZY:
        return getattr(importlib.import_module(f"talanoa.image.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'talanoa.image' has no attribute {name!r}")
