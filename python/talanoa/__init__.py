"""Talanoa: deep learning for microscopy between ImageJ and Python.

>>> import talanoa
>>> found = talanoa.segment("cells.tif", model="nuclei", prob_thresh=0.5)
>>> found.labels, found.rois, found.table
>>> talanoa.train(images="images", rois="rois", name="my cells", preset="quick")

Importing the package loads neither torch nor a JVM; a function loads what it needs when it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from talanoa.core import documented
from talanoa.core.errors import BadInput, Cancelled, TalanoaError
from talanoa.core.version import __version__

if TYPE_CHECKING:
    from talanoa import rois
    from talanoa.api import estimate, evaluate, predict_fluorescence, rerun, restore, segment, study, train
    from talanoa.image.form import from_array
    from talanoa.image.io import read, write

__all__ = [
    "BadInput",
    "Cancelled",
    "TalanoaError",
    "__version__",
    "estimate",
    "evaluate",
    "from_array",
    "predict_fluorescence",
    "read",
    "rerun",
    "restore",
    "rois",
    "segment",
    "study",
    "train",
    "write",
]

_LAZY = {
    **dict.fromkeys(
        ("segment", "restore", "predict_fluorescence", "train", "estimate", "study", "rerun", "evaluate"), "api"
    ),
    **dict.fromkeys(("read", "write", "from_array"), "image"),
}

documented.lead_on()


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for."""
    if name in _LAZY:
        return getattr(importlib.import_module(f"talanoa.{_LAZY[name]}"), name)
    if name == "rois" or name in documented.WHERE:
        return importlib.import_module(f"talanoa.{name}")
    raise AttributeError(f"module 'talanoa' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
