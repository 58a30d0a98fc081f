"""Where the ROIs of a file lie, and which numbers their objects get: what ImageJ and the user's tables refer to."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile

from helpers import tiny
from talanoa import image, rois, tasks
from talanoa.annotation.importers import labels as import_labels
from talanoa.core.host import QuietHost
from talanoa.rois.objects import labels_of
from talanoa.segmentation.blocks import rois as blocks_rois

FIELDS = ("position", "c_position", "z_position", "t_position")


def square(name: str, x: int, **fields: int) -> roifile.ImagejRoi:
    roi = roifile.ImagejRoi.frompoints(np.array([[x, 5], [x + 6, 5], [x + 6, 11], [x, 11]]))
    roi.name = name
    for key, value in fields.items():
        setattr(roi, key, value)
    return roi


def zipped(path: Path, *some: roifile.ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, roi in enumerate(some):
            archive.writestr(f"{number}.roi", roi.tobytes())
    return path


def fields_of(path: Path) -> list[tuple[int, ...]]:
    with zipfile.ZipFile(path) as archive:
        read = [roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()]
    return [tuple(int(getattr(roi, key)) for key in FIELDS) for roi in read]


@pytest.mark.parametrize(
    "places",
    [
        [{"z_position": 1, "t_position": 1}, {"z_position": 1, "t_position": 2}],
        [{"t_position": 2}, {"t_position": 3}],
        [{"z_position": 2}, {"z_position": 1}],
        [{"c_position": 2, "z_position": 1, "t_position": 1}, {}],
        [{"position": 1}, {"position": 7}, {}],
        [{"position": 3}, {"z_position": 1, "t_position": 2}],
    ],
    ids=str,
)
def test_saving_a_zip_again_keeps_the_position_fields(tmp_path: Path, places: list[dict[str, int]]) -> None:
    drawn = zipped(tmp_path / "drawn.zip", *(square(f"cell {k}", 2 + 9 * k, **at) for k, at in enumerate(places)))
    reply = tasks.run(
        {"task": "rois", "action": "save", "rois": str(drawn), "out": str(tmp_path / "saved.zip")}, QuietHost()
    )
    assert reply["status"] == "ok", reply["message"]
    assert fields_of(tmp_path / "saved.zip") == fields_of(drawn)


def test_objects_of_slice_1_of_each_frame_are_bound_to_slice_and_frame(tmp_path: Path) -> None:
    labels = np.zeros((2, 3, 30, 40), np.uint16)
    labels[:, 0, 5:11, 5:11] = 1
    rois.write_zip(tmp_path / "hyper.zip", rois.from_labels(image.from_array(labels, "tzyx")))
    assert fields_of(tmp_path / "hyper.zip") == [(0, 0, 1, 1), (0, 0, 1, 2)]
    rois.write_zip(tmp_path / "movie.zip", rois.from_labels(image.from_array(labels[:, 0], "tyx")))
    assert fields_of(tmp_path / "movie.zip") == [(1, 0, 0, 0), (2, 0, 0, 0)]
    colours = rois.bound_in(rois.from_labels(image.from_array(labels[:, 0], "tyx")), 2, 1, 2)
    rois.write_zip(tmp_path / "colours.zip", colours)
    assert fields_of(tmp_path / "colours.zip") == [(0, 0, 1, 1), (0, 0, 1, 2)]


def test_one_index_in_a_hyperstack_is_read_as_imagej_does_and_noted() -> None:
    blobs = [square(name, 5, position=k).tobytes() for k, name in ((1, "a"), (3, "b"))]
    read = rois.decode(blobs, image_shape=(4, 2, 3, 20, 20))  # t, c, z, y, x
    assert read.rois.position.tolist() == [[0, 1, 1], [0, 3, 1]]
    assert "taken for the slice" in read.warnings[0] and "a, b" in read.warnings[0]
    read = rois.decode(blobs, image_shape=(4, 2, 1, 20, 20))
    assert read.rois.position[:, 2].tolist() == [1, 3] and "taken for the frame" in read.warnings[0]
    assert not rois.decode(blobs, image_shape=(1, 1, 3, 20, 20)).warnings


@pytest.mark.parametrize("bound", ["full", "only_t"])
def test_rois_of_frames_belong_to_the_slices_of_a_stack(tmp_path: Path, bound: str) -> None:
    place = {"c_position": 1, "z_position": 1} if bound == "full" else {}
    drawn = zipped(tmp_path / "r.zip", *(square(f"r{t}", 2 + 9 * t, t_position=t, **place) for t in (1, 2, 3)))
    stack = image.from_array(np.zeros((3, 40, 60), np.uint16), "zyx")
    read = rois.read_zip(drawn, stack.shape)
    filled = rois.to_labels(read.rois, like=stack)
    assert [np.unique(plane)[1:].tolist() for plane in filled.labels.values[0, 0]] == [[1], [2], [3]]
    assert filled.warnings == ["The ROIs are bound to frames, the image has 3 slices: taken as slices."]
    labels, notes = labels_of(drawn, (3, 40, 60))
    assert [np.unique(plane)[1:].tolist() for plane in labels] == [[1], [2], [3]]
    assert filled.warnings[0] in notes


def test_geojson_of_slices_belongs_to_the_frames_of_a_movie(tmp_path: Path) -> None:
    def ring(x: int) -> list[list[int]]:
        return [[x, 5], [x + 6, 5], [x + 6, 11], [x, 11], [x, 5]]

    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "plane": {"z": t, "t": 0}, "coordinates": [ring(9 * t)]}}
        for t in range(3)
    ]
    (tmp_path / "s.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    movie = image.from_array(np.zeros((3, 40, 60), np.uint16), "tyx")
    found = import_labels.import_labels(tmp_path / "s.geojson", movie)
    assert [np.unique(frame)[1:].tolist() for frame in found.labels.values[:, 0, 0]] == [[1], [2], [3]]
    assert found.notes == ["The ROIs are bound to slices, the image has 3 frames: taken as frames."]


def test_objects_keep_their_numbers_when_one_has_a_foreign_name(tmp_path: Path) -> None:
    ours = [square("T0001_L00012", 3), square("T0001_L00007", 20)]
    drawn = zipped(tmp_path / "after.zip", *ours, square("0008-0043", 40))
    filled = rois.to_labels(rois.read_zip(drawn).rois, (40, 60))
    assert np.unique(filled.labels.values[..., 3:9]).tolist() == [0, 12]
    assert np.unique(filled.labels.values).tolist() == [0, 7, 12, 13]
    assert "0008-0043 → 13" in filled.warnings[0]


def test_objects_of_a_stack_keep_their_numbers_too(tmp_path: Path) -> None:
    """A new outline that covers no other one is a new object, one between two of an object belongs to it."""
    ours = [square(f"T0001_Z{z:03d}_L{k:05d}", 10 * k, z_position=z) for k in (2, 4) for z in (1, 3)]
    more = [square("0002-0008-0023", 20, z_position=2), square("by hand", 50, z_position=2)]
    labels, _ = labels_of(zipped(tmp_path / "stack.zip", *ours, *more), (3, 40, 60))
    assert [np.unique(plane)[1:].tolist() for plane in labels] == [[2, 4], [2, 5], [2, 4]]


@pytest.mark.parametrize(
    ("axes", "keys", "expected"),
    [
        ("tzyx", {"plane": 1}, {(0, 0, 1, 1), (0, 0, 1, 2)}),
        ("tzyx", {"plane": 3, "frames": "2"}, {(0, 0, 3, 2)}),
        ("tcyx", {"channel": 2}, {(0, 0, 1, 1), (0, 0, 1, 2)}),
        ("tyx", {}, {(1, 0, 0, 0), (2, 0, 0, 0)}),
        ("tyx", {"frames": "2"}, {(2, 0, 0, 0)}),
        ("zyx", {"plane": 2}, {(2, 0, 0, 0)}),
        ("czyx", {"plane": 2, "channel": 1}, {(0, 0, 2, 1)}),
        ("yx", {}, {(0, 0, 0, 0)}),
    ],
    ids=str,
)
@pytest.mark.parametrize("outline", ["traced", "star"])
def test_a_segmentation_binds_its_rois_for_the_image(
    tmp_path: Path, axes: str, keys: dict[str, Any], expected: set[tuple[int, ...]], outline: str
) -> None:
    pixels, _ = tiny.discs(1)
    for size in [{"t": 2, "z": 3, "c": 2}[axis] for axis in axes[:-2][::-1]]:
        pixels = np.stack([pixels] * size)
    request = {"task": "segment", "model": tiny.MODEL, "device": "cpu", "outline": outline, **keys}
    reply = tasks.run({**request, "out": str(tmp_path / "out")}, QuietHost(), image.from_array(pixels, axes))
    assert reply["status"] == "ok", reply["message"]
    assert set(fields_of(tmp_path / "out" / "rois.zip")) == expected


def test_outlines_of_blocks_are_bound_for_the_image() -> None:
    made = rois.from_labels(image.from_array(np.ones((4, 4), np.uint16)))
    form = image.from_array(np.zeros((2, 3, 4, 4), np.uint16), "tzyx")
    placed = blocks_rois.placed(made, 2, 0, form)
    assert placed.position.tolist() == [[0, 1, 2]] and placed.stack_index.tolist() == [0]
    placed = blocks_rois.placed(made, 2, 0, form[:, :, :1])
    assert placed.position.tolist() == [[0, 1, 2]] and placed.stack_index.tolist() == [2]
