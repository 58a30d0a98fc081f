"""Talanoa: deep learning for microscopy between ImageJ and Python.

>>> import talanoa
>>> found = talanoa.segment("nuclei.tif", model="nuclei", prob_thresh=0.5)
>>> found.labels, found.rois, found.table

Importing the package loads neither torch nor a JVM; a function loads what it needs when it is called.
"""

from __future__ import annotations

from talanoa.version import __version__

__all__ = ["__version__"]
