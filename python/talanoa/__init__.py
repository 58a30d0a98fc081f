"""Talanoa: deep learning for microscopy between ImageJ and Python.

>>> import talanoa
>>> found = talanoa.segment("cells.tif", model="nuclei", prob_thresh=0.5)
>>> found.labels, found.rois, found.table
>>> talanoa.train(images="images", rois="rois", name="my cells", preset="quick")

Importing the package loads neither torch nor a JVM; a function loads what it needs when it is called.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from talanoa.errors import BadInput, Cancelled, TalanoaError
from talanoa.version import __version__

if TYPE_CHECKING:
    from talanoa import rois
    from talanoa.api import rerun, segment, train
    from talanoa.image import from_array, read, write

__all__ = [
    "BadInput",
    "Cancelled",
    "TalanoaError",
    "__version__",
    "from_array",
    "read",
    "rerun",
    "rois",
    "segment",
    "train",
    "write",
]

_LAZY = {"segment": "api", "rerun": "api", "read": "image", "write": "image", "from_array": "image"}


class _TrainModule(ModuleType):
    """The module `talanoa.train`, which can be called like the function of the same name."""

    def __call__(self, **keys: Any) -> Any:
        from talanoa.api import train

        return train(**keys)


class _Package(ModuleType):
    """NB: the import of `talanoa.train` binds that name to the module; it has to stay what users call."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "train" and isinstance(value, ModuleType):
            value.__class__ = _TrainModule
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for."""
    if name in _LAZY:
        return getattr(importlib.import_module(f"talanoa.{_LAZY[name]}"), name)
    if name in ("train", "rois"):
        return importlib.import_module(f"talanoa.{name}")
    raise AttributeError(f"module 'talanoa' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)


sys.modules[__name__].__class__ = _Package
