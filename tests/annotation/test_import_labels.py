"""Annotations of other programs: files written here in their formats are read, what is unsafe or unclear is refused."""

from __future__ import annotations

import gzip
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from talanoa import rois
from talanoa.annotation.importers.labels import import_labels
from talanoa.annotation.importers.pictures import overlaps
from talanoa.annotation.propose import propose
from talanoa.annotation.request_propose import ProposeRequest
from talanoa.core.errors import BadInput
from talanoa.core.request import parse
from talanoa.image import form as images


def labels_2d() -> np.ndarray:
    """Return a label image (24, 32) of three objects, two of which touch."""
    labels = np.zeros((24, 32), np.uint16)
    labels[2:8, 3:12], labels[8:14, 3:12], labels[15:22, 20:30] = 1, 2, 7
    return labels


def picture(**keys: object) -> images.xr.DataArray:
    """Return the image that the labels belong to."""
    return images.from_array(np.zeros((24, 32), np.uint16), pixel_size=(0.5, 0.5), unit="um", **keys)


def same(found: images.xr.DataArray, labels: np.ndarray) -> bool:
    """Return True when labels of one plane are these."""
    return bool((found.values[0, 0, 0] == labels).all())


@pytest.mark.parametrize("name", ["a_cp_masks.png", "a_cp_masks.tif", "a_masks.tif", "a.ome.tif", "labkit.tif"])
def test_label_images_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("png"):
        Image.fromarray(labels_2d()).save(path)
    else:
        tifffile.imwrite(path, labels_2d())
    found = import_labels(path, picture())
    assert same(found.labels, labels_2d()) and found.labels.dtype == np.int32
    assert found.labels.attrs["pixel_size"] == (1.0, 0.5, 0.5) and found.labels.attrs["unit"] == "µm"
    assert same(import_labels(path).labels, labels_2d())


def test_palette_pictures_hold_numbers(tmp_path: Path) -> None:
    indexed = Image.fromarray(labels_2d().astype(np.uint8), "P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0] + [9] * 759)
    indexed.save(tmp_path / "p.png")
    assert same(import_labels(tmp_path / "p.png").labels, labels_2d())


def test_float_labels_are_whole_numbers_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, labels_2d().astype(np.float32))
    assert same(import_labels(path).labels, labels_2d())
    tifffile.imwrite(path, labels_2d().astype(np.float32) / 2)
    with pytest.raises(BadInput, match="fractions such as 0.5.*without interpolation"):
        import_labels(path)


def test_a_mask_is_refused_or_split_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, np.where(labels_2d() > 0, 255, 0).astype(np.uint8))
    with pytest.raises(BadInput, match='mask="split"'):
        import_labels(path)
    found = import_labels(path, mask="split")
    assert found.labels.values.max() == 2  # the two that touch are one
    assert "2 separate parts" in found.notes[0]
    assert import_labels(path, mask="keep").labels.values.max() == 255


def test_colours_are_refused_or_mapped(tmp_path: Path) -> None:
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]] + [[9, 9, 9]] * 4 + [[255, 0, 0]], np.uint8)
    path = tmp_path / "c.png"
    Image.fromarray(table[labels_2d()]).save(path)
    with pytest.raises(BadInput, match='colours="map"'):
        import_labels(path)
    found = import_labels(path, picture(), colours="map")
    values = found.labels.values[0, 0, 0]
    assert values.max() == 3  # two colours: one of them twice, apart
    assert len(np.unique(values[labels_2d() == 7])) == 1 and values[3, 4] != values[16, 21]
    assert "2 colours besides the background gave 3 objects" in found.notes[0]
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    Image.fromarray(noise).save(path)
    with pytest.raises(BadInput, match="colours; expected one for each object"):
        import_labels(path, colours="map")


def test_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.tif"
    tifffile.imwrite(path, labels_2d()[:20])
    with pytest.raises(BadInput, match="t.tif has 32 x 20 pixels, its image 32 x 24 pixels"):
        import_labels(path, picture())
    tifffile.imwrite(path, labels_2d().T.copy())
    with pytest.raises(BadInput, match="turned by 90 degrees"):
        import_labels(path, picture())


def test_slices_fit_frames(tmp_path: Path) -> None:
    stack = np.stack([labels_2d(), labels_2d()[::-1]])
    tifffile.imwrite(tmp_path / "s.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    movie = images.from_array(np.zeros((2, 24, 32), np.uint8), "tyx")
    assert (import_labels(tmp_path / "s.tif", movie).labels.values[:, 0, 0] == stack).all()


def test_overlaps_as_labkit_saves_them_are_noticed(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:40, :60]
    left = (rows - 20) ** 2 + (columns - 20) ** 2 < 144
    right = (rows - 20) ** 2 + (columns - 36) ** 2 < 144
    labels = np.zeros((40, 60), np.uint8)
    labels[left], labels[right], labels[left & right] = 1, 2, 3
    assert overlaps(labels.astype(np.int32)) == [3]
    tifffile.imwrite(tmp_path / "labkit.tif", labels)
    (note,) = import_labels(tmp_path / "labkit.tif").notes
    assert "1 label (3)" in note and "allow overlapping labels" in note
    three = np.zeros((12, 36), np.int32)  # a cell between two others in a row, open to the background above and below
    three[2:10, 2:12], three[2:10, 12:20], three[2:10, 20:32] = 1, 2, 3
    assert overlaps(three) == []
    (tmp_path / "a.labeling").write_text("{}")
    with pytest.raises(BadInput, match="Labkit's own format.*ends in .tif"):
        import_labels(tmp_path / "a.labeling")


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "harm",)

    path = tmp_path / "cells_seg.npy"
    np.save(path, {"masks": labels_2d(), "x": Harmful()}, allow_pickle=True)
    with pytest.raises(BadInput, match="pickle.*In Cellpose choose File > Save masks"):
        import_labels(path)
    (tmp_path / "cells_cp_masks.png").touch()
    with pytest.raises(BadInput, match="Take cells_cp_masks.png beside it"):
        import_labels(path)
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(BadInput, match="can run any program"):
        import_labels(path)
    assert not (tmp_path / "harm").exists()
    np.save(tmp_path / "plain.npy", labels_2d())
    assert same(import_labels(tmp_path / "plain.npy", picture()).labels, labels_2d())


def test_roi_zips_need_the_image_and_groups_are_classes(tmp_path: Path) -> None:
    import dataclasses

    given = images.from_array(labels_2d().astype(np.int32))
    traced = rois.from_labels(given)
    grouped = dataclasses.replace(traced, group=np.array([2, 0, 1], np.uint8))
    path = tmp_path / "a_rois.zip"
    rois.write_zip(path, grouped)
    with pytest.raises(BadInput, match="expected the image"):
        import_labels(path)
    found = import_labels(path, picture())
    assert same(found.labels, labels_2d())
    assert found.class_of == {1: 2, 7: 1}
    movie = images.from_array(np.stack([labels_2d(), labels_2d()]).astype(np.int32), "tyx")
    moving = rois.from_labels(movie)
    rois.write_zip(tmp_path / "m.zip", dataclasses.replace(moving, group=np.array([2, 0, 1] * 2, np.uint8)))
    found = import_labels(tmp_path / "m.zip", movie)
    assert (found.labels.values == movie.values).all() and found.class_of == {1: 2, 7: 1}


def ctc(folder: Path, names: dict[str, np.ndarray]) -> Path:
    """Write label images into a folder."""
    folder.mkdir(parents=True)
    for name, values in names.items():
        tifffile.imwrite(folder / name, values, photometric="minisblack")
    return folder


def test_ctc_folders_become_frames(tmp_path: Path) -> None:
    movie = images.from_array(np.zeros((4, 24, 32), np.uint8), "tyx")
    labels = labels_2d()
    ctc(tmp_path / "01_GT" / "SEG", {"man_seg000.tif": labels, "man_seg002.tif": labels[:, ::-1]})
    ctc(tmp_path / "01_GT" / "TRA", {f"man_track00{t}.tif": labels for t in range(4)})
    found = import_labels(tmp_path / "01_GT", movie)
    values = found.labels.values[:, 0, 0]
    assert (values[0] == labels).all() and (values[2] == labels[:, ::-1]).all() and not values[[1, 3]].any()
    assert found.notes[0].startswith("2 of 4 frames are annotated (man_seg files")
    assert len(import_labels(tmp_path / "01_GT" / "SEG").labels) == 3
    result = ctc(tmp_path / "01_RES", {f"mask00{t}.tif": labels for t in range(4)})
    assert (import_labels(result, movie).labels.values[:, 0, 0] == labels).all()
    assert import_labels(tmp_path / "01_GT" / "TRA", movie).notes[1].startswith("Tracking truth")
    with pytest.raises(BadInput, match="time point 3.*2 frames"):
        import_labels(result, movie.isel(t=[0, 1]))
    with pytest.raises(BadInput, match="no label images of the Cell Tracking Challenge"):
        import_labels(tmp_path)


def test_ctc_single_slices_and_stacks(tmp_path: Path) -> None:
    stack = images.from_array(np.zeros((2, 3, 24, 32), np.uint8), "tzyx")
    single = ctc(tmp_path / "SEG", {"man_seg_001_002.tif": labels_2d()})
    values = import_labels(single, stack).labels.values[:, 0]
    assert (values[1, 2] == labels_2d()).all() and np.count_nonzero(values) == np.count_nonzero(labels_2d())
    whole = ctc(tmp_path / "RES", {f"mask00{t}.tif": np.stack([labels_2d()] * 3) for t in range(2)})
    assert (import_labels(whole, stack).labels.values[:, 0] == labels_2d()).all()
    tifffile.imwrite(whole / "mask001.tif", np.zeros((3, 9, 9), np.uint8), photometric="minisblack")
    with pytest.raises(BadInput, match="differ in size"):
        import_labels(whole, stack)


def feature(rings: list, name: str | None = None, kind: str = "Polygon", **properties: object) -> dict:
    """Return a feature as QuPath writes it."""
    given = {"objectType": "annotation", **properties}
    if name is not None:
        given["classification"] = {"name": name, "color": [200, 0, 0]}
    geometry = {"type": kind, "coordinates": rings}
    return {"type": "Feature", "id": "x", "geometry": geometry, "properties": given}


def box(x0: float, y0: float, x1: float, y1: float) -> list:
    """Return a closed ring."""
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def test_geojson_with_holes_parts_and_classes(tmp_path: Path) -> None:
    features = [
        feature([box(2, 2, 12, 12), box(5, 5, 8, 8)], "Tumor"),
        feature([[box(15, 2, 18, 5)], [box(20, 2, 23, 5)]], "Stroma", "MultiPolygon"),
        feature([box(2, 15, 6, 20)]),
        {**feature([box(10, 15, 14, 20)]), "properties": {"classification": {"names": ["Tumor", "Positive"]}}},
        feature([3, 4], kind="Point"),
        feature([[[1, 1], [2, 2]]]),
    ]
    path = tmp_path / "q.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = import_labels(path, picture())
    values = found.labels.values[0, 0, 0]
    wanted = np.zeros((24, 32), int)
    wanted[2:12, 2:12], wanted[5:8, 5:8] = 1, 0
    wanted[2:5, 15:18], wanted[2:5, 20:23], wanted[15:20, 2:6], wanted[15:20, 10:14] = 2, 2, 3, 4
    assert (values == wanted).all()
    assert found.class_names == ("Tumor", "Stroma", "Tumor: Positive")
    assert found.class_of == {1: 1, 2: 2, 4: 3}
    assert "1 feature left out: a Point, no area." in found.notes
    assert "1 feature left out: damaged coordinates." in found.notes
    path.write_text(json.dumps(features[:3]))  # QuPath also writes a bare list
    assert import_labels(path, picture()).labels.values.max() == 3


def test_geojson_detections_are_finer_than_the_annotation_around_them(tmp_path: Path) -> None:
    features = [feature([box(0, 0, 32, 24)]), feature([box(2, 2, 6, 6)], objectType="detection")]
    path = tmp_path / "q.geojson"
    path.write_text(json.dumps({"features": features}))
    found = import_labels(path, picture())
    assert np.count_nonzero(found.labels.values) == 16
    assert "annotation around detections" in found.notes[0]
    with zipfile.ZipFile(tmp_path / "q.zip", "w") as archive:
        archive.write(path, "q.geojson")
    assert np.count_nonzero(import_labels(tmp_path / "q.zip", picture()).labels.values) == 16


def test_geojson_planes(tmp_path: Path) -> None:
    one = feature([box(2, 2, 6, 6)])
    one["geometry"]["plane"] = {"c": -1, "z": 1, "t": 0}
    path = tmp_path / "q.geojson"
    path.write_text(json.dumps(one))
    stack = images.from_array(np.zeros((3, 24, 32), np.uint8), "zyx")
    values = import_labels(path, stack).labels.values[0, 0]
    assert [int(plane.max()) for plane in values] == [0, 1, 0]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"a": 2}', '{"features": []}', "[" * 100_000, '{"features": [{"geometry": null}]}']
)
def test_damaged_geojson_is_explained(tmp_path: Path, text: str) -> None:
    path = tmp_path / "q.geojson"
    path.write_text(text)
    with pytest.raises(BadInput, match="q.geojson"):
        import_labels(path, picture())


def test_most_objects_outside_is_said(tmp_path: Path) -> None:
    path = tmp_path / "q.geojson"
    far = [feature([box(5000, 5000, 5009, 5009)]), feature([box(6000, 5000, 6009, 5009)]), feature([box(1, 1, 5, 5)])]
    path.write_text(json.dumps(far))
    notes = import_labels(path, picture()).notes
    assert any("coordinates are those of the whole image" in note for note in notes)


def test_a_file_is_a_proposal(tmp_path: Path) -> None:
    path = tmp_path / "a_cp_masks.tif"
    tifffile.imwrite(path, labels_2d())
    request = parse(ProposeRequest, {"by": "file", "file": str(path)}).request
    labels, notes = propose(picture(), request)
    assert same(labels, labels_2d()) and notes[0] == "3 objects in a_cp_masks.tif"
    with pytest.raises(BadInput, match="by=file, but no file"):
        propose(picture(), parse(ProposeRequest, {"by": "file"}).request)
    with pytest.raises(BadInput, match="Found no file"):
        import_labels(tmp_path / "none.tif")


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gzip.compress(b"no picture"))
    with pytest.raises(BadInput, match="a.tif"):
        import_labels(tmp_path / "a.tif")
