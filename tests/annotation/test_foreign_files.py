"""Annotations of other programs at every door: which image they belong to, contours of Cellpose, what to export."""

from __future__ import annotations

import gzip
import json
import pickle
import uuid
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from numpy.typing import NDArray

from talanoa import image, rois, tasks
from talanoa.annotation.importers.labels import import_labels
from talanoa.core.errors import BadInput
from talanoa.core.host import QuietHost
from talanoa.image import pairing
from talanoa.rois.objects import labels_of
from talanoa.segmentation.train.dataset import pair_files

SHAPE = (30, 40)


def labels() -> NDArray[np.uint16]:
    """Return a square of 10 x 10, a round object, and one at the border."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    found = np.zeros(SHAPE, np.uint16)
    found[3:13, 4:14] = 1
    found[(y - 20) ** 2 + (x - 28) ** 2 < 40] = 2
    found[22:, :6] = 3
    return found


def contour(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the border pixels of a convex object, in order, as OpenCV's findContours gives them (x, y)."""
    inner = mask.copy()
    inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    inner[[0, -1]] = inner[:, [0, -1]] = False
    y, x = np.nonzero(mask & ~inner)
    angle = np.arctan2(y - np.nonzero(mask)[0].mean(), x - np.nonzero(mask)[1].mean())
    return np.stack([x, y], axis=1)[np.argsort(angle)]


def write_contours(folder: Path) -> tuple[Path, Path]:
    """Write what Cellpose saves: a_rois.zip (by roifile) and a_cp_outlines.txt."""
    lines = [contour(labels() == k) for k in (1, 2, 3)]
    some = [roifile.ImagejRoi.frompoints(line, name=str(uuid.UUID(int=k, version=1))) for k, line in enumerate(lines)]
    roifile.roiwrite(folder / "a_rois.zip", some, mode="w")
    text = "\n".join(",".join(map(str, line.ravel().tolist())) for line in lines)
    (folder / "a_cp_outlines.txt").write_text(text + "\n")
    return folder / "a_rois.zip", folder / "a_cp_outlines.txt"


def test_contours_of_cellpose_give_whole_objects(tmp_path: Path) -> None:
    zipped, outlines = write_contours(tmp_path)
    like = image.from_array(np.zeros(SHAPE, np.uint16))
    as_drawn = rois.to_labels(rois.read_zip(zipped, as_drawn=True).rois, SHAPE).labels.values[0, 0, 0]
    assert (as_drawn == 1).sum() == 81
    found = import_labels(zipped, like)
    assert np.array_equal(found.labels.values[0, 0, 0], labels()) and "border pixels were added" in found.notes[0]
    assert np.array_equal(import_labels(outlines, like).labels.values[0, 0, 0], labels())
    assert np.array_equal(labels_of(zipped, (1, *SHAPE))[0][0], labels())
    unnamed = zipped.rename(tmp_path / "other.zip")  # the names of the ROIs tell it, too
    assert np.array_equal(import_labels(unnamed, like).labels.values[0, 0, 0], labels())


def test_saving_contours_again_leaves_them_as_they_are(tmp_path: Path) -> None:
    zipped, _ = write_contours(tmp_path)
    reply = tasks.run(
        {"task": "rois", "action": "save", "rois": str(zipped), "out": str(tmp_path / "new.zip")}, QuietHost()
    )
    assert reply["status"] == "ok"
    one, other = (rois.read_zip(path, as_drawn=True).rois for path in (zipped, tmp_path / "new.zip"))
    assert np.array_equal(one.xy, other.xy)


def test_outlines_of_imagej_and_ours_are_not_widened(tmp_path: Path) -> None:
    line = contour(labels() == 1)
    for name, note in (("0008-0009", 0), ("T0001_L00001", 0), ("cell 7", 1)):
        roifile.roiwrite(tmp_path / f"{name}.zip", [roifile.ImagejRoi.frompoints(line, name=name)], mode="w")
        read = rois.read_zip(tmp_path / f"{name}.zip")
        assert (rois.to_labels(read.rois, SHAPE).labels.values > 0).sum() == 81
        assert len(read.warnings) == note
    assert "contours through the centres" in read.warnings[0] and "_rois.zip" in read.warnings[0]
    traced = rois.from_labels(image.from_array(labels()))
    rois.write_zip(tmp_path / "x_rois.zip", traced)
    assert np.array_equal(rois.to_labels(rois.read_zip(tmp_path / "x_rois.zip").rois, SHAPE).labels[0, 0, 0], labels())


def test_names_pair_by_endings_and_equal_names_first() -> None:
    assert pairing.renamed({"a_cp_masks": 1, "b": 2, "c_labels": 3}, ["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}
    assert pairing.renamed({"a_masks": 1}, ["a_cp_masks"]) == {"a_cp_masks": 1}
    assert pairing.renamed({"a": 1, "a_cp_masks": 2}, ["a"]) == {"a": 2}  # the image beside its masks
    assert pairing.renamed({"a": 1, "a_mask": 2}, ["a"]) == {"a": 1, "a_mask": 2}
    assert pairing.renamed({"a": 1, "a_mask": 2}, ["a", "a_mask"]) == {"a": 1, "a_mask": 2}
    with pytest.raises(BadInput, match="a_labels and a_mask both belong"):
        pairing.renamed({"a_labels": 1, "a_mask": 2}, ["a"])


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("images", "truth", "cellpose"):
        (tmp_path / name).mkdir()
    for stem in ("a", "b"):
        tifffile.imwrite(tmp_path / "images" / f"{stem}.tif", np.zeros(SHAPE, np.uint16))
        tifffile.imwrite(tmp_path / "truth" / f"{stem}.tif", labels())
        tifffile.imwrite(tmp_path / "cellpose" / f"{stem}_cp_masks.tif", labels())
    return tmp_path


@pytest.mark.parametrize(("truth", "prediction"), [("truth", "cellpose"), ("cellpose", "truth")])
def test_evaluate_pairs_as_the_import_does(folders: Path, truth: str, prediction: str) -> None:
    request = {"task": "evaluate", "kind": "objects", "truth": str(folders / truth), "images": str(folders / "images")}
    reply = tasks.run({**request, "prediction": str(folders / prediction), "out": str(folders / "report")}, QuietHost())
    assert reply["status"] == "ok", reply["message"]
    assert "F1 1.000" in reply["message"] and "2 images" in reply["message"]


def test_training_pairs_as_the_import_does(folders: Path) -> None:
    found = pair_files(folders / "images", folders / "cellpose", (".tif",))
    assert [(one.name, other.name) for one, other in found] == [
        ("a.tif", "a_cp_masks.tif"),
        ("b.tif", "b_cp_masks.tif"),
    ]


def foreign(folder: Path) -> dict[str, str]:
    """Write files of other programs; return what a message about each must name."""
    features = [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[1, 1], [9, 1], [9, 9], [1, 1]]]}}]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    (folder / "a.geojson").write_text(text)
    (folder / "a.geojson.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "a_seg.npy").write_bytes(pickle.dumps({"masks": 1}))
    write_contours(folder)
    return {
        "a.geojson": "action=import", "a.geojson.gz": "action=import", "a_seg.npy": "Save masks as PNG/tif",
        "a_cp_outlines.txt": "_cp_masks",
    }  # fmt: skip


def test_each_door_says_what_to_do_with_foreign_files(tmp_path: Path, folders: Path) -> None:
    place = tmp_path / "foreign"
    place.mkdir()
    for name, remedy in foreign(place).items():
        (place / "a_rois.zip").unlink(missing_ok=True)
        alone = tmp_path / f"only {name}"
        alone.mkdir()
        (alone / name).write_bytes((place / name).read_bytes())
        images = str(folders / "images")
        judge = {"task": "evaluate", "kind": "objects", "prediction": images, "out": str(tmp_path / "report")}
        requests = [
            {"task": "rois", "action": "to_labels", "rois": str(place / name), "shape": "30x40"},
            {**judge, "truth": str(place / name)},
            {**judge, "truth": str(alone)},
            {"task": "train", "images": images, "rois": str(alone), "name": "x", "dry_run": True},
        ]  # fmt: skip
        for request in requests:
            reply = tasks.run(request, QuietHost())
            assert reply["status"] == "error" and name in reply["message"] and remedy in reply["message"], (
                request,
                reply["message"],
            )


def test_the_import_reads_geojson_in_gzip_and_refuses_pickles(tmp_path: Path) -> None:
    foreign(tmp_path)
    like = image.from_array(np.zeros(SHAPE, np.uint16))
    one, other = (import_labels(tmp_path / name, like).labels for name in ("a.geojson", "a.geojson.gz"))
    assert one.values.any() and np.array_equal(one, other)
    with pytest.raises(BadInput, match="pickle"):
        import_labels(tmp_path / "a_seg.npy", like)
