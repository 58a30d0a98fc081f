"""Imports that the documents named before the package had rooms: they lead to the rooms, when they are used.

`from talanoa.metrics import frc` and the like go on working. A line here names the module of today, and where single
names of it are elsewhere, those.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

WHERE: dict[str, str | Mapping[str, str]] = {
    "annotate": {
        "run": "api.annotate",
        "folder": "segmentation.dataset",
        "import_labels": "annotation.importers",
        "propose": "annotation",
    },
    "errors": "core.errors",
    "files": "core.files",
    "fiji.convert": "fiji.bridge.convert",
    "fiji.runtime": "fiji.setup.runtime",
    "geometry": "models.geometry",
    "methods": {"classical": "segmentation.classical"},
    "metrics": "measure.metrics",
    "model_folder": "models.folder",
    "noise_checks": "image.ops.noise_checks",
    "overlay": "image.overlay",
    "registration": "image.ops.registration",
    "requests_propose": "annotation.request_propose",
    "requests_sample": "tasks.sample.request",
    "samples": "tasks.sample",
    "tables": "measure.tables",
    "training.ranking": "annotation.ranking",
}
RENAMED = {"classical": "recipes", "import_labels": "labels"}


class Elsewhere(ModuleType):
    """A module whose names are those of another one."""

    def __init__(self, name: str, where: str | Mapping[str, str]) -> None:
        super().__init__(f"talanoa.{name}", f"See `talanoa.{where}`.")
        self._where = where

    def __getattr__(self, name: str) -> Any:
        """Look a name up where it is now."""
        where = self._where if isinstance(self._where, str) else self._where.get(name)
        if where is None or name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        home, today = f"talanoa.{where}", RENAMED.get(name, name) if not isinstance(self._where, str) else name
        module = import_module(home)
        if hasattr(module, today):
            return getattr(module, today)
        try:
            return import_module(f"{home}.{today}")
        except ModuleNotFoundError as error:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from error


def lead_on() -> None:
    """Make the imports work; nothing is loaded."""
    for name, where in WHERE.items():
        sys.modules.setdefault(f"talanoa.{name}", Elsewhere(name, where))
