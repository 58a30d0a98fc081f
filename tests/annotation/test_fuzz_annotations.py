"""Damaged annotations: each importer gives the right kind of result or `BadInput`, within bounds of memory."""

from __future__ import annotations

import gzip
import io
import json
import logging
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image

from helpers import fuzzing
from talanoa import image, rois
from talanoa.annotation.importers.labels import import_labels
from talanoa.core.errors import BadInput

CASES = 300
MOST_BYTES = 100 << 20
SHAPE = (30, 40)
OWN = Path(__file__).parent.parent / "data" / "imagej_rois.zip"
Starts = Mapping[str, bytes]


@pytest.fixture(autouse=True)
def quiet_roifile(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def plane() -> np.ndarray:
    return np.kron(np.random.default_rng(0).integers(0, 5, (6, 8)), np.ones((5, 5), int)).astype(np.int32)


def rows(some: rois.RoiSet) -> list[bytes]:
    buffer, begin = rois.encode(some)
    return [buffer[begin[i] : begin[i + 1]].tobytes() for i in range(len(some))]


def packed(entries: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def single_rois() -> Starts:
    stars = rois.from_polygons(np.random.default_rng(0).uniform(2, 28, (2, 16, 2)))
    box: dict[str, Any] = {"top": 3, "left": 4, "bottom": 14, "right": 22}
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, name="oval", **box)
    rounded = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, rounded_rect_arc_size=4, name="rounded", **box)
    with zipfile.ZipFile(OWN) as archive:
        composite = archive.read("composite.roi")
    traced = rows(rois.from_labels(image.from_array(plane())))
    return {
        "traced": traced[0], "star": rows(stars)[0], "oval": oval.tobytes(), "rounded": rounded.tobytes(),
        "composite": composite,
    }  # fmt: skip


def roi_zips(folder: Path) -> Starts:
    stars = rois.from_polygons(np.random.default_rng(0).uniform(2, 28, (6, 16, 2)))
    rois.write_zip(folder / "stars.zip", stars)
    rois.write_zip(folder / "traced.zip", rois.from_labels(image.from_array(plane())))
    each = {f"{name}.roi": data for name, data in single_rois().items()}
    return {
        "stars": (folder / "stars.zip").read_bytes(), "traced": (folder / "traced.zip").read_bytes(),
        "imagej": OWN.read_bytes(), "kinds": packed(each), "mixed": packed({**each, "a/readme.txt": b"hello"}),
    }  # fmt: skip


def geojson() -> dict[str, Any]:
    def ring(x: int, y: int = 5) -> list[list[int]]:
        return [[x, y], [x + 6, y], [x + 6, y + 6], [x, y + 6], [x, y]]

    def features(geometry: Callable[[int], dict[str, Any]], **properties: Any) -> list[dict[str, Any]]:
        return [{"type": "Feature", "properties": properties, "geometry": geometry(2 + 8 * k)} for k in range(3)]

    def polygon(x: int) -> dict[str, Any]:
        return {"type": "Polygon", "coordinates": [ring(x)]}

    kinds = {
        "plain": features(polygon),
        "holes": features(
            lambda x: {"type": "Polygon", "coordinates": [ring(x), [[x + 2, 7], [x + 4, 7], [x + 4, 9]]]}
        ),
        "parts": features(lambda x: {"type": "MultiPolygon", "coordinates": [[ring(x)], [ring(x, 17)]]}),
        "planes": features(lambda x: {**polygon(x), "plane": {"c": -1, "z": 0, "t": 0}}),
        "classes": features(polygon, objectType="detection", classification={"name": "Tumor", "color": [1, 2, 3]}),
    }
    return {name: {"type": "FeatureCollection", "features": each} for name, each in kinds.items()}


def texts() -> Starts:
    return {name: json.dumps(document).encode() for name, document in geojson().items()}


def arrays() -> Starts:
    found = {}
    for kind in ("uint8", ">u2", "int32", "float32", "int64"):
        stream = io.BytesIO()
        np.save(stream, plane().astype(kind))
        found[kind] = stream.getvalue()
    return found


def label_images(folder: Path) -> Starts:
    kinds: dict[str, dict[str, Any]] = {
        "plain": {}, "imagej": {"imagej": True}, "deflate": {"compression": "zlib"}, "tiles": {"tile": (16, 16)},
        "ome": {"ome": True},
    }  # fmt: skip
    found = {}
    for name, options in kinds.items():
        tifffile.imwrite(folder / "start.tif", plane().astype(np.uint16), **options)
        found[name] = (folder / "start.tif").read_bytes()
    return found


def pictures() -> Starts:
    grey = plane().astype(np.uint8)
    kinds = {
        "grey": Image.fromarray(grey), "16 bit": Image.fromarray(grey.astype(np.uint16)),
        "palette": Image.fromarray(grey).convert("P"), "colours": Image.fromarray(np.stack([grey * 40] * 3, axis=-1)),
        "scaled": Image.fromarray(grey * 3),
    }  # fmt: skip
    found = {}
    for name, picture in kinds.items():
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        found[name] = stream.getvalue()
    return found


def attempt(path: Path, case: fuzzing.Case) -> None:
    """Import a damaged file; a message names it."""
    like = image.from_array(np.zeros(SHAPE, np.uint16))
    try:
        found = import_labels(path, like, colours="map")
    except BadInput as error:
        if path.name not in str(error):
            raise AssertionError(f"the message does not name the file: {error}") from error
        raise
    if found.labels.shape != (1, 1, 1, *SHAPE) or found.labels.dtype != np.int32:
        raise AssertionError(f"{found.labels.dtype} {found.labels.shape}")


READERS: dict[str, tuple[str, Callable[[Path], Starts], int]] = {
    "roi": ("x.roi", lambda folder: single_rois(), MOST_BYTES),
    "roi zip": ("x.zip", roi_zips, MOST_BYTES),
    "geojson": ("x.geojson", lambda folder: texts(), MOST_BYTES),
    "geojson zip": ("x.zip", lambda folder: {k: packed({"o.geojson": v}) for k, v in texts().items()}, MOST_BYTES),
    "geojson gz": (
        "x.geojson.gz",
        lambda folder: {k: gzip.compress(v, mtime=0) for k, v in texts().items()},
        MOST_BYTES,
    ),
    "npy": ("x.npy", lambda folder: arrays(), MOST_BYTES),
    "tiff": ("x_cp_masks.tif", label_images, 0),  # its memory is a subject of the tests of images
    "png": ("x_cp_masks.png", lambda folder: pictures(), 0),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_annotation_is_read_or_refused(reader: str, tmp_path: Path) -> None:
    name, starts, most = READERS[reader]
    found = fuzzing.fuzz(fuzzing.mutations(starts(tmp_path), CASES, seed=1), tmp_path / name, attempt, most)
    assert found.cases == CASES and found.right > 2  # of a file with a checksum few remain
    assert not found.wrong, found


def test_changed_values_of_geojson_are_read_or_refused(tmp_path: Path) -> None:
    found = fuzzing.fuzz(fuzzing.json_mutations(geojson(), CASES, seed=2), tmp_path / "x.geojson", attempt, MOST_BYTES)
    assert found.right > 100 and not found.wrong, found


@pytest.mark.filterwarnings("ignore")
def test_one_damaged_frame_of_a_folder_is_named(tmp_path: Path) -> None:
    """The Cell Tracking Challenge: a folder of label images."""
    like = image.from_array(np.zeros((2, *SHAPE), np.uint16), "tyx")
    folder = tmp_path / "01_RES"
    folder.mkdir()
    tifffile.imwrite(folder / "mask000.tif", plane().astype(np.uint16))

    def of_folder(path: Path, case: fuzzing.Case) -> None:
        try:
            found = import_labels(folder, like)
        except BadInput as error:
            if not {"mask001.tif", folder.name} & set(str(error).replace(":", " ").replace("/", " ").split()):
                raise AssertionError(f"the message names no file: {error}") from error
            raise
        if found.labels.shape != (2, 1, 1, *SHAPE):
            raise AssertionError(str(found.labels.shape))

    found = fuzzing.fuzz(fuzzing.mutations(label_images(tmp_path), CASES, seed=3), folder / "mask001.tif", of_folder)
    assert found.right > 5 and not found.wrong, found


def test_a_small_zip_takes_little_memory(tmp_path: Path) -> None:
    """Zeros pack to a thousandth: what entries declare is added up before one is read."""
    blob = rows(rois.from_polygons(np.random.default_rng(0).uniform(2, 28, (1, 16, 2))))[0]
    data = packed({f"{k}.roi": blob + bytes(4 << 20) for k in range(60)})
    assert len(data) < 1 << 20

    def refused(path: Path, case: fuzzing.Case) -> None:
        with pytest.raises(BadInput, match="would unpack to"):
            rois.read_zip(path)

    case = fuzzing.Case("zeros", "packed", data, "none")
    found = fuzzing.fuzz([case], tmp_path / "small.zip", refused, most_bytes=16 << 20)
    assert not found.wrong, found


def test_many_outlines_are_decoded_within_bounds(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 20000, endpoint=False)
    coords = np.stack([np.sin(angle), np.cos(angle)], axis=1)[None] * np.arange(1, 61)[:, None, None] + 500
    rois.write_zip(tmp_path / "round.zip", rois.from_polygons(coords))
    size = (tmp_path / "round.zip").stat().st_size

    def read(path: Path, case: fuzzing.Case) -> None:
        assert len(rois.read_zip(path).rois) == 60

    case = fuzzing.Case("round", "nothing", (tmp_path / "round.zip").read_bytes(), "none")
    found = fuzzing.fuzz([case], tmp_path / "again.zip", read, most_bytes=20 * size)
    assert size > 12 << 20 and not found.wrong, found
