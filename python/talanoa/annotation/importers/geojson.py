"""QuPath's GeoJSON: polygons with holes, several parts, classes; in pixels from the image's top left corner."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from talanoa.annotation.importers.form import Imported
from talanoa.core.errors import BadInput
from talanoa.rois import archive as roi_archive
from talanoa.rois.convert import to_labels
from talanoa.rois.roi_set import RoiSet, pack
from talanoa.rois.shapes import FARTHEST

MOST_BYTES = 512 << 20
SUFFIXES = (".geojson", ".json")
_OBJECTS = ("detection", "cell")  # finer than the annotations that hold them
_OLD_NAMES = {
    "PathDetectionObject": "detection",
    "PathCellObject": "cell",
    "PathAnnotationObject": "annotation",
    "PathTileObject": "tile",
    "TMACoreObject": "tma_core",
}
Ring = list[tuple[float, float]]


class Outline(NamedTuple):
    """One feature: its closed rings (x, y), class, kind of object, slice and frame from 0."""

    rings: list[Ring]
    class_name: str
    kind: str
    z: int
    t: int


def read_geojson(path: Path, like: xr.DataArray) -> Imported:
    """Read the areas of a GeoJSON file as labels, in order; where they overlap the later one wins, and it is said.

    Where a file has annotations as well as the detections or cells in them, only the latter are objects.

    Parameters
    ----------
    path : Path
        .geojson, .json, or a zip or gzip file of one, as QuPath's "Export objects as GeoJSON" writes them.
    like : DataArray, (t, c, z, y, x)
        The image; coordinates are its pixels.

    Raises
    ------
    BadInput
        No GeoJSON, too large, or no area in it.
    """
    outlines, left_out = [], Counter[str]()
    for feature in _features(_load(path), path):
        outline = _outline(feature)
        if isinstance(outline, str):
            left_out[outline] += 1
        else:
            outlines.append(outline)
    kinds = {outline.kind for outline in outlines}
    if kinds.intersection(_OBJECTS) and kinds.difference(_OBJECTS):
        left_out["annotation around detections"] += sum(outline.kind not in _OBJECTS for outline in outlines)
        outlines = [outline for outline in outlines if outline.kind in _OBJECTS]
    if not outlines:
        raise BadInput(f"{path.name} holds no area; expected polygons. Export the objects from QuPath as GeoJSON.")
    filled = to_labels(_rois(outlines, like), like=like)
    names = tuple(dict.fromkeys(outline.class_name for outline in outlines if outline.class_name))
    present = set(np.unique(np.asarray(filled.labels)).tolist())
    class_of = {
        number: 1 + names.index(outline.class_name)
        for number, outline in enumerate(outlines, 1)
        if outline.class_name and number in present
    }
    notes = [f"{count} feature{'s' * (count > 1)} left out: {what}." for what, count in left_out.items()]
    if len(filled.outside) > len(outlines) / 2:
        notes.append(
            "Most objects lie outside: QuPath's coordinates are those of the whole image. Export with 'exclude' of the "
            "offset, or open the whole image."
        )
    return Imported(filled.labels, names, class_of, [*notes, *filled.warnings])


def _load(path: Path) -> Any:
    """Return what the JSON holds, out of a zip or gzip file too."""
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError, OSError) as error:
        raise BadInput(f"{path.name} cannot be read as GeoJSON ({error}); export it again from QuPath.") from error


def _text(path: Path) -> bytes:
    """Return the text of a GeoJSON file."""
    if path.suffix.lower() == ".gz":
        return _unpacked(path)
    if not zipfile.is_zipfile(path):
        _check_size(path.stat().st_size, path)
        return path.read_bytes()
    with roi_archive.opened(path, "QuPath's GeoJSON", "Export it again from QuPath.") as archive:
        entries = [info for info in archive.infolist() if info.filename.lower().endswith(SUFFIXES)]
        if not entries or roi_archive.why_not(entries[0]):
            raise BadInput(f"{path.name} holds no GeoJSON that can be read; export it again from QuPath.")
        _check_size(entries[0].file_size, path)
        return archive.read(entries[0])


def _unpacked(path: Path) -> bytes:
    """Return the content of a gzip file, at most `MOST_BYTES` of it."""
    try:
        with gzip.open(path) as stream:
            text = b"".join(islice(iter(partial(stream.read, 1 << 20), b""), (MOST_BYTES >> 20) + 1))
    except (EOFError, zlib.error) as error:
        raise BadInput(f"{path.name} is damaged ({error}); export it again from QuPath.") from error
    _check_size(len(text), path)
    return text


def _check_size(size: int, path: Path) -> None:
    """Refuse what is unreasonably large."""
    if size > MOST_BYTES:
        raise BadInput(f"{path.name} holds {size / 1e6:.0f} MB of text; expected at most 512. Export it in parts.")


def _features(found: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the features of a collection, a list, or one alone."""
    if isinstance(found, dict) and isinstance(found.get("features"), list):
        found = found["features"]
    rows = found if isinstance(found, list) else [found]
    for row in rows:
        if not isinstance(row, dict) or ("geometry" not in row and "coordinates" not in row):
            raise BadInput(f"{path.name} is JSON, but no GeoJSON; expected features with a geometry.")
        yield row


def _outline(feature: dict[str, Any]) -> Outline | str:
    """Return the outline of a feature, or what it is instead of an area."""
    geometry = feature.get("geometry") if "geometry" in feature else feature
    if not isinstance(geometry, dict):
        return "without geometry"
    kind = str(geometry.get("type", ""))
    if kind not in ("Polygon", "MultiPolygon"):
        return f"a {kind or 'geometry without type'}, no area"
    try:
        parts = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
        rings = [_ring(ring) for part in parts for ring in part]
        plane = geometry.get("plane") or {}
        z, t = (int(plane.get(axis) or 0) for axis in "zt")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return "damaged coordinates"
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    return Outline(rings, _class_name(properties.get("classification")), _kind(feature, properties), z, t)


def _ring(points: Any) -> Ring:
    """Return the corners of a ring, the first one not repeated."""
    ring = [(float(point[0]), float(point[1])) for point in points]
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    if len(ring) < 3 or not all(abs(number) < FARTHEST for point in ring for number in point):  # NaN is no place
        raise ValueError("no ring")
    return ring


def _class_name(found: Any) -> str:
    """Return the name of a classification; of a derived one all its parts, as QuPath shows them."""
    if isinstance(found, dict):
        names = found.get("names")
        return ": ".join(map(str, names)) if isinstance(names, list) else str(found.get("name") or "")
    return found if isinstance(found, str) else ""


def _kind(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    """Return annotation, detection, cell, …, as old and new versions name it."""
    found = properties.get("objectType") or properties.get("object_type") or feature.get("id") or ""
    return _OLD_NAMES.get(str(found), str(found)) if str(found) in {*_OLD_NAMES, *_OLD_NAMES.values()} else "annotation"


def _rois(outlines: list[Outline], like: xr.DataArray) -> RoiSet:
    """Return outlines as ROIs, bound to their slice and frame where the image has several."""
    rings = [ring for outline in outlines for ring in outline.rings]
    xy = np.array([point for ring in rings for point in ring], np.float32).reshape(-1, 2)
    path_start = np.cumsum([0, *map(len, rings)])
    roi_start = np.cumsum([0, *(len(outline.rings) for outline in outlines)])
    position = np.zeros((len(outlines), 3), np.int32)
    if like.sizes["z"] > 1 or like.sizes["t"] > 1:
        position[:, 1] = [outline.z + 1 for outline in outlines]
        position[:, 2] = [outline.t + 1 for outline in outlines]
    names = [f"{number:05d} {outline.class_name}".strip() for number, outline in enumerate(outlines, 1)]
    return pack(xy, path_start, roi_start, names, position)
