"""ImageJ ROIs: label images to outlines and back, exactly, and the files that hold them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talanoa.rois.convert import Filled as Filled
    from talanoa.rois.convert import bounds as bounds
    from talanoa.rois.convert import from_labels as from_labels
    from talanoa.rois.convert import name_some as name_some
    from talanoa.rois.convert import plane_positions as plane_positions
    from talanoa.rois.convert import to_labels as to_labels
    from talanoa.rois.encoding import encode as encode
    from talanoa.rois.files import ReadRois as ReadRois
    from talanoa.rois.files import decode as decode
    from talanoa.rois.files import read_zip as read_zip
    from talanoa.rois.files import write_zip as write_zip
    from talanoa.rois.places import on_axis as on_axis
    from talanoa.rois.roi_set import RoiSet as RoiSet
    from talanoa.rois.roi_set import bound_in as bound_in
    from talanoa.rois.roi_set import concatenate as concatenate
    from talanoa.rois.roi_set import empty as empty
    from talanoa.rois.roi_set import from_polygons as from_polygons
    from talanoa.rois.roi_set import pack as pack
    from talanoa.rois.roi_set import rename as rename

_LAZY = {
    **dict.fromkeys(("Filled", "bounds", "from_labels", "name_some", "plane_positions", "to_labels"), "convert"),
    **dict.fromkeys(("encode",), "encoding"),
    **dict.fromkeys(("ReadRois", "decode", "read_zip", "write_zip"), "files"),
    **dict.fromkeys(("on_axis",), "places"),
    **dict.fromkeys(("RoiSet", "bound_in", "concatenate", "empty", "from_polygons", "pack", "rename"), "roi_set"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for."""
    if name in _LAZY:
        return getattr(importlib.import_module(f"talanoa.rois.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'talanoa.rois' has no attribute {name!r}")
