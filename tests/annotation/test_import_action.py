"""Annotations of other programs: one to be looked at, or a folder whose names pair; and images ranked by a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers import annotating, tiny
from helpers.annotating import done, files, refused, truth
from talanoa import image as images
from talanoa import rois
from talanoa.segmentation.dataset.folder import open_dataset


def write_foreign(folder: Path, root: Path) -> Path:
    """Write annotations as Cellpose and ImageJ name them."""
    folder.mkdir()
    labels = images.read(root.parent / "truth" / "field_0.tif").astype(np.uint16)
    images.write(folder / "field_0_cp_masks.png", labels)
    rois.write_zip(folder / "Field_1_rois.zip", truth(root, "field_1"))
    return folder


def test_a_folder_pairs_by_name_and_is_saved(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 4)
    foreign = write_foreign(tmp_path / "foreign", root)
    (foreign / "elsewhere_masks.png").write_bytes((foreign / "field_0_cp_masks.png").read_bytes())
    images.write(foreign / "field_2.tif", images.from_array(np.pad(np.ones((5, 5), np.uint8), 3), "yx"))
    reply = done("import", root, file=str(foreign))
    assert reply["message"] == "2 images with 12 objects imported." and reply["status_text"] == "2 of 4"
    said = " ".join(reply["warnings"])
    assert "1 files have no image of their name: elsewhere_masks.png" in said
    assert "1 images have no file of their name: field_3" in said
    assert "field_2.tif was not imported for field_2" in said
    for name in ("field_0", "field_1"):
        np.testing.assert_array_equal(
            images.read_labels(root / "masks" / f"{name}.tif"), images.read_labels(tmp_path / "truth" / f"{name}.tif")
        )
    before = files(root)
    assert "None of 3 files was imported. field_1: done already" in refused("import", root, file=str(foreign))
    assert files(root) == before
    done("undo", root)
    assert [entry.name for entry in open_dataset(root).annotated()] == ["field_1"]


def test_names_that_do_not_pair_are_listed(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("a_masks.tif", "b.tif"):
        images.write(foreign / name, images.from_array(np.eye(4, dtype=np.uint8), "yx"))
    text = refused("import", root, file=str(foreign))
    assert "a_masks.tif, b.tif" in text and "field_0, field_1" in text
    for name in ("field_0.tif", "field_0_masks.png"):
        images.write(foreign / name, images.from_array(np.eye(4, dtype=np.uint8), "yx"))
    assert "both belong to the image field_0" in refused("import", root, file=str(foreign))


def test_one_file_is_shown_and_not_saved(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 2)
    foreign = write_foreign(tmp_path / "foreign", root)
    before = files(root)
    reply = done("import", root, image="field_1", file=str(foreign / "Field_1_rois.zip"))
    assert len(reply["rois"]) == 6 and reply["message"] == "6 objects from Field_1_rois.zip"
    np.testing.assert_array_equal(reply["labels"], images.read_labels(tmp_path / "truth" / "field_1.tif"))
    assert files(root) == before
    open_image = images.read(root / "images" / "field_0.tif")
    assert len(done("import", imp=open_image, file=str(foreign / "field_0_cp_masks.png"))["rois"]) == 6
    assert "file is missing" in refused("import", root)


def test_a_mask_of_one_value_is_split_when_asked(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 1)
    mask = np.kron([[255, 0], [0, 255]], np.ones((48, 48))).astype(np.uint8)
    mask[40:56, 40:56] = 0
    images.write(tmp_path / "mask.tif", images.from_array(mask, "yx"))
    keys = {"image": "field_0", "file": str(tmp_path / "mask.tif")}
    assert 'mask="split"' in refused("import", root, **keys).replace("mask=split", 'mask="split"')
    assert len(done("import", root, mask="split", **keys)["rois"]) == 2


def test_a_model_says_which_image_comes_first(tmp_path: Path) -> None:
    root = annotating.dataset(tmp_path, 3)
    done("save", root, image="field_2", rois=truth(root, "field_2"))
    reply = done("rank", root, model=tiny.MODEL, device="cpu")
    table = reply["table"]
    assert sorted(table["name"]) == ["field_0", "field_1"] and table["uncertainty"].is_monotonic_decreasing
    assert reply["next"]["name"] == table["name"][0] == done("next", root)["next"]["name"]
    found = open_dataset(root)
    assert found.entry(table["name"][0]).uncertainty == table["uncertainty"][0]
    assert found.entry("field_2").uncertainty is None
    for name in ("field_0", "field_1"):
        done("skip", root, image=name)
    assert "No image of set waits" in refused("rank", root, model=tiny.MODEL)
