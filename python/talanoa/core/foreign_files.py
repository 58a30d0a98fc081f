"""Annotations in files of other programs: which export to take where a door reads label images and ROI files only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_IMPORT = "import it with Annotate Images (action=import), which saves label images and ROI zips, and take that dataset"
_KINDS = (
    (("_seg.npy",), "Cellpose's _seg.npy, a Python pickle",
     "in Cellpose choose File > Save masks as PNG/tif, or save the outlines as a zip of ImageJ ROIs"),
    (("_outlines.txt",), "a list of Cellpose's outlines", f"take the _cp_masks file of the same image, or {_IMPORT}"),
    ((".geojson", ".geojson.gz", ".json.gz", ".json"), "GeoJSON, as QuPath exports it", _IMPORT),
    ((".npy", ".npz"), "a NumPy file", "save the labels as TIFF"),
    ((".labeling", ".labels", ".bson"), "Labkit's own format",
     "in Labkit save the labeling under a name that ends in .tif, with 'allow overlapping labels' unticked"),
    ((".mat", ".h5", ".hdf5", ".ilp"), "a file of another program", "export the labels as TIFF from that program"),
    ((".svg", ".xml"), "a drawing or markup of another program", "export label images as TIFF, or ImageJ ROIs"),
)  # fmt: skip


def hint(path: Path) -> str:
    """Return what a file is and what to do with it: "a list of …; take …", or an empty text for other files."""
    name = path.name.lower()
    return next((f"{what}; {remedy}" for endings, what, remedy in _KINDS if name.endswith(endings)), "")


def hint_of(paths: Iterable[Path]) -> str:
    """Return a sentence on the first file that another program wrote, with a space before it; else an empty text."""
    found = next(((path, text) for path in paths if (text := hint(path))), None)
    return f" {found[0].name} is {found[1]}." if found else ""
